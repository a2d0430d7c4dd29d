"""Contract suites: what a port promises, required of the double and of the real thing alike."""
