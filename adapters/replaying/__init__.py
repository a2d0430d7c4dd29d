"""Replay from wherever a journal is: the projection of the debugger on a bus, a data directory or a file."""
