"""Behaviour of the state machine, told in scenarios."""
