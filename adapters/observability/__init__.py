"""What operators look at: logs, metrics, health. None of it is known to the core, so that a replay emits nothing."""
