"""Everything that touches the world: Kubernetes, NATS, HTTP, the terminal, the clock."""
