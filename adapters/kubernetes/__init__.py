"""Kubernetes: the client, the watches, the observer that fills the journal, and the executor that acts on decisions."""
