"""How much of a journal is kept: limits, what is put aside before the beginning goes, and the purge itself."""
