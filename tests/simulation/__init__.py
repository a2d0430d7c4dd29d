"""The simulated cluster by itself, in virtual time."""
