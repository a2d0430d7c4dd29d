"""How long something has been wanted, over all the commands that the machine gave for it."""

from collections import OrderedDict
from typing import Final

import msgspec

from lws_events.subjects import SetName

Place = tuple[SetName, str]
"""A set, and the target of a command."""

_KEPT_MAX: Final = 50_000
_GAP_SECONDS: Final = 5.0
"""What is wanted again after so long was not wanted in between."""
_LONG_DONE_SECONDS: Final = 60.0
_MET_PAUSE_SECONDS: Final = 0.5
_RECONSIDER_SECONDS: Final = 1.0
_DOUBLINGS_MAX: Final = 6


class Wanted(msgspec.Struct):
    """One thing that is wanted. Times are seconds of attention."""

    content: str
    since: float
    first_id: str
    """Of the command by which it was first wanted: its event is what led to it."""
    closed_at: float | None = None
    """When the machine was last asked to look again; None while a command is open."""
    reconsidered: int = 0
    """How often the machine was asked to look again."""
    is_last_look: bool = False
    """It was asked after all patience: if it wants the same still, it is a difference."""
    met: int = 0
    met_at: float = 0.0
    reported_at: float | None = None
    """When it was told that nobody has done it."""
    reported_id: str = ""
    """``first_id`` at that time."""

    @property
    def reconsider_at(self) -> float:
        """When to ask next: soon at first, since the machine may have been ahead of a watch."""
        return self.since + _RECONSIDER_SECONDS * float(1 << self.reconsidered)

    @property
    def may_be_met_at(self) -> float:
        """When a success may be told: what is wanted again although it is there is not to go round in circles."""
        if not self.met:
            return 0.0
        return self.met_at + _MET_PAUSE_SECONDS * float(1 << min(self.met, _DOUBLINGS_MAX))


class AllWanted:
    """Bounded; what was not wanted for longest is forgotten first."""

    def __init__(self) -> None:
        self._wanted: OrderedDict[Place, Wanted] = OrderedDict()

    def ask(self, place: Place, content: str, *, command_id: str, now: float) -> Wanted:
        """Something is wanted: the same as before, or something new."""
        known = self._wanted.get(place)
        if known is None or known.content != content or (known.met and now > known.met_at + _LONG_DONE_SECONDS):
            known = self._wanted[place] = Wanted(content, now, command_id)
        elif known.closed_at is None or now > known.closed_at + _GAP_SECONDS:
            known.since, known.reconsidered, known.is_last_look = now, 0, False
            known.first_id = command_id
        known.closed_at = None
        self._wanted.move_to_end(place)
        while len(self._wanted) > _KEPT_MAX:
            self._wanted.popitem(last=False)
        return known

    def forget(self, place: Place) -> None:
        """It is not wanted any more."""
        self._wanted.pop(place, None)
