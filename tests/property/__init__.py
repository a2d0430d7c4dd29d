"""Properties that must hold for every input, checked with hypothesis."""
