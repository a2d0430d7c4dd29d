"""Other releases of this program's state machine: found, run in a process of their own, asked for their decisions."""
