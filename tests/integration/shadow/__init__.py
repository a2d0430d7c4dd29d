"""A shadow on the simulated cluster, beside controllers that do all, and that do not."""
