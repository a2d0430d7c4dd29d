"""Where snapshots are kept, and how a journal is begun from them: docs/decisions/0009."""
