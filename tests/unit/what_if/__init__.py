"""The cluster that is rebuilt from a journal, and what is read from its course."""
