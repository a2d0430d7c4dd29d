"""The pure core: what a LeaderWorkerSet is, what happened to it, and what is to be done about it.

Nothing in this package reads a clock, a random number, the environment, a socket or a file. What a program that reads
or replays journals needs of it::

    from lws_events import commands, decisions, events, subjects  # what the journal holds, and where
    from lws_events.fleet import Fleet  # state of all sets, folded from it
    from lws_events.subjects import SetName

    fleet = Fleet()
    for sequence, subject, body in journal:
        stepped = fleet.step(sequence, subject, events.decode(body))  # the set and its decision, or None
    state = fleet.aggregates[SetName("default", "llama")]

``admission`` answers webhooks, ``machine`` is the state machine of one set. Read models are in ``projections``.
"""

__version__ = "0.1.0"
