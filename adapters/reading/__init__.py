"""Opening any journal, wherever it is, and reading it as plain iterables."""
