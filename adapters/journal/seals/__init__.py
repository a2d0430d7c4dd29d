"""Seals: the running hash of the live journal, written down so often that a change of what was recorded shows."""
