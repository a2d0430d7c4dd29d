"""The state machine of one LeaderWorkerSet: ``fold`` events into its state, ``decide``, ``apply`` what was decided.

State is a function of the events and the recorded decisions. ``fold`` takes in what happened and says what it
touched; ``decide`` only reads; ``apply`` takes in what was decided. A live controller does all three, recovery folds
and applies what is recorded, verification decides anew and compares. Deterministic, synchronous, total: every
well-formed event has an outcome, and none raises.
"""

from lws_events.machine.apply import apply
from lws_events.machine.decide import decide
from lws_events.machine.fold import fold
from lws_events.machine.state import Aggregate

__all__ = ["Aggregate", "apply", "decide", "fold"]
