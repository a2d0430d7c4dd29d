"""What was told of as missing is done after all, while the machine waits before it asks for it again.

The machine asks again and again, with growing pauses; in a pause no command is open that could be met.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from adapters.shadow.standing import Standing, standing
from adapters.shadow.wanted import Place, Wanted
from lws_events import commands
from lws_events.decisions import Issued
from lws_events.machine.state import Aggregate
from lws_events.subjects import SetName

_LOOK_SECONDS: Final = 1.0
_KEPT_MAX: Final = 1_000
"""A controller that does nothing at all need not be told of again, command by command, when it wakes up."""


class Reported(NamedTuple):
    """A command that was told of as missing."""

    place: Place
    issued: Issued
    wanted: Wanted


class Late:
    """Looks for them, at most once a second."""

    def __init__(self) -> None:
        self._reported: OrderedDict[Place, Reported] = OrderedDict()
        self._looked_at = 0.0

    def __bool__(self) -> bool:
        """Whether there is anything to look for."""
        return bool(self._reported)

    def expect(self, reported: Reported) -> None:
        """Look for it from now on."""
        self._reported[reported.place] = reported
        self._reported.move_to_end(reported.place)
        while len(self._reported) > _KEPT_MAX:
            self._reported.popitem(last=False)

    def done(
        self, sets: Mapping[SetName, Aggregate], *, is_open: Callable[[Place], bool], now: float
    ) -> list[tuple[Reported, Standing]]:
        """What is done by now, and was not asked for again meanwhile; each once."""
        if now < self._looked_at + _LOOK_SECONDS:
            return []
        self._looked_at = now
        found = []
        for reported in list(self._reported.values()):
            if is_open(reported.place):
                continue  # told of when that command is met
            state = sets.get(reported.place[0])
            stands = standing(state, reported.issued.command) if state is not None else Standing(moot=True)
            is_told_elsewhere = reported.wanted.reported_at is None
            if stands.met or stands.moot or is_told_elsewhere:
                del self._reported[reported.place]
            if state is not None and stands.met and not is_told_elsewhere and _is_its_doing(state, reported):
                found.append((reported, stands))
        return found


def _is_its_doing(state: Aggregate, reported: Reported) -> bool:
    """A leader may go for many reasons; a recreation is a deletion in foreground."""
    command = reported.issued.command
    if not isinstance(command, commands.DeleteLeaderPod):
        return True
    group = state.groups.get(command.name)
    leader = group.leader.view if group is not None and group.leader is not None else None
    return leader is not None and leader.uid == command.uid and leader.deleted_in_foreground
