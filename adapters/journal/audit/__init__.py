"""What audit needs of events and decisions that were purged: kept longer than the journal."""
