"""The pure core: what a LeaderWorkerSet is, what happened to it, and what is to be done about it.

Nothing in this package reads a clock, a random number, the environment, a socket or a file.
"""

__version__ = "0.1.0"
