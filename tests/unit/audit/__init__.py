"""The audit: rows, capacity, reports."""
