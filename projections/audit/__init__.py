"""The audit: who changed what and when, what it caused, every command with its outcome; as rows, and as a report."""
