"""The webhook server over real TLS on loopback, and the life of its certificates."""
