"""Golden journals: recorded once, folded for ever."""
