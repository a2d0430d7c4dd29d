"""The command line, run in this process on exported journals."""
