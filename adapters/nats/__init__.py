"""The NATS JetStream adapter of the journal, and the embedded server."""
