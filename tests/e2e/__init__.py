"""End to end: against the real Kubernetes control plane."""
