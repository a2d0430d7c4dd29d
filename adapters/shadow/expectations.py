"""The executor of a shadow: holds every command until the cluster shows that somebody else has carried it out.

Met: the object is compared as a whole, and the machine is told of a success. Moot, or not met for a while: the machine
is asked to look again, since it may have been ahead of a watch. Wanted still after all patience: the object itself is
looked at once more; then it is a difference, and the machine is told that nobody did it. Nothing is ever written.

What follows from the rest (the leader StatefulSet from the groups, the status from both) is waited for only once the
rest is at rest: else one thing that is not done would be told three times.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final

import msgspec
import structlog

from adapters.kubernetes.errors import KubernetesError
from adapters.kubernetes.pace import Clock
from adapters.kubernetes.timers import TimerSetter
from adapters.shadow import known
from adapters.shadow.attention import Attention
from adapters.shadow.content import content_of
from adapters.shadow.expected import ASIDE, SET, STATUS, Expected
from adapters.shadow.late import Late, Reported
from adapters.shadow.looking import Looking
from adapters.shadow.recording import Recording
from adapters.shadow.standing import Standing, standing
from adapters.shadow.wanted import AllWanted, Place
from adapters.shadow.words import what_is_missing, why_it_is_wanted
from lws_events import commands
from lws_events.commands import AnyCommand, RecordEvent, SetTimer
from lws_events.decisions import Issued
from lws_events.differences import MISSING, ORDER, VALUES, DifferenceFound, FieldDifference
from lws_events.machine.state import Aggregate
from lws_events.subjects import SetName

_log = structlog.get_logger(__name__)

_LOOK_SECONDS: Final = 0.05
"""What the machine is behind the cluster while it waits for somebody. It costs nothing while nothing is open."""

_LOOK_AGAIN_SECONDS: Final = 2.0
"""Where the object itself is ahead of the watch: how long until it is asked once more."""


class Expectations:
    """Fits where the engine hands commands to (``adapters.controller.engine.Executor``)."""

    def __init__(
        self,
        *,
        sets: Callable[[], Mapping[SetName, Aggregate]],
        attention: Attention,
        recording: Recording,
        looking: Looking,
        timers: TimerSetter,
        clock: Clock,
        patience_seconds: float,
    ) -> None:
        """``sets``: their states, as the engine has them now."""
        self._sets = sets
        self._attention = attention
        self._recording = recording
        self._looking = looking
        self._timers = timers
        self._clock = clock
        self._patience = patience_seconds
        self._open: dict[Place, Expected] = {}
        self._all_wanted = AllWanted()
        self._late = Late()
        self._at_rest_since: dict[SetName, list[float]] = {}
        self._asides: deque[tuple[SetName, Issued]] = deque()
        self._woken = asyncio.Event()

    @property
    def waiting(self) -> int:
        """Commands that nobody has carried out yet."""
        return len(self._open)

    def submit(self, set_name: SetName, issued: Issued, *, again: bool = False) -> None:  # noqa: ARG002 (the port has it)
        """Expect somebody to carry this out. ``again`` makes no difference: what was done is there."""
        self._woken.set()
        if isinstance(issued.command, (SetTimer, RecordEvent)):
            self._asides.append((set_name, issued))
            return
        # At once: what is wanted may be there for a moment only.
        place = (set_name, commands.target(issued.command))
        state = self._sets().get(set_name)
        content = content_of(state, issued.command) if state is not None else ""
        wanted = self._all_wanted.ask(place, content, command_id=issued.id, now=self._attention.look())
        self._open[place] = Expected(place, issued, wanted)
        self.glance()

    def glance(self) -> None:
        """Between two events: note what of the sets themselves is as it was wanted, before it moves on."""
        if self._late:
            self._woken.set()
        for place, expected in self._open.items():
            if expected.seen is None and expected.rank in (SET, STATUS):
                state = self._sets().get(place[0])
                stands = standing(state, expected.issued.command) if state is not None else None
                if stands is not None and stands.met:
                    expected.seen = stands

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                if not self._open:
                    await self._woken.wait()
                self._woken.clear()
                while self._asides:
                    await self._set_aside(*self._asides.popleft())
                await self._look()
                await self._clock.sleep(_LOOK_SECONDS)
        finally:
            busy = [expected.busy for expected in self._open.values() if expected.busy is not None]
            for task in busy:
                task.cancel()
            await asyncio.gather(*busy, return_exceptions=True)

    async def _set_aside(self, set_name: SetName, issued: Issued) -> None:
        """Timers are the machine's own; texts of Events are not compared."""
        if isinstance(issued.command, SetTimer):
            await self._timers.set(set_name, issued.command)
        else:
            await self._recording.done(set_name, issued, Standing(met=True))

    async def _look(self) -> None:
        now, sets = self._attention.look(), self._sets()
        unmet: dict[SetName, set[int]] = {}
        found: list[tuple[Expected, Aggregate, Standing]] = []
        for place, expected in list(self._open.items()):
            if expected.busy is not None:
                if not expected.busy.done():
                    continue
                expected.busy.result()
                expected.busy = None
                if place not in self._open:
                    continue
            state = sets.get(place[0])
            in_flight = state.in_flight.get(place[1]) if state is not None else None
            if state is None or in_flight is None or in_flight.id != expected.issued.id:
                del self._open[place]  # the machine has lost interest: the set is gone
                self._all_wanted.forget(place)
                continue
            stands = expected.seen or standing(state, expected.issued.command)
            found.append((expected, state, stands))
            if not stands.met and not stands.moot:
                unmet.setdefault(place[0], set()).add(expected.rank)
        self._note_rest(unmet, now=now)
        for expected, state, stands in found:
            await self._judge(expected, state, stands, now=now)
        late = self._late.done(sets, is_open=self._open.__contains__, now=now)
        await asyncio.gather(*(self._done_late(Expected(*each), stands, now=now) for each, stands in late))

    def _note_rest(self, unmet: dict[SetName, set[int]], *, now: float) -> None:
        """Remember until when something of each rank was open in each set that has something open."""
        for set_name, ranks in unmet.items():
            times = self._at_rest_since.setdefault(set_name, [0.0] * (ASIDE + 1))
            for rank in ranks:
                times[rank] = now
        for set_name in [name for name in self._at_rest_since if name not in self._sets()]:
            del self._at_rest_since[set_name]

    async def _judge(self, expected: Expected, state: Aggregate, stands: Standing, *, now: float) -> None:
        wanted = expected.wanted
        if stands.met:
            if now >= wanted.may_be_met_at:
                expected.busy = asyncio.create_task(self._met(expected, stands, now=now))
        elif stands.moot:
            await self._look_again(expected)
        elif now - self._since(expected) >= self._patience:
            if wanted.is_last_look:
                expected.busy = asyncio.create_task(self._overdue(expected, state, stands, now=now))
            else:
                wanted.is_last_look = True
                await self._look_again(expected)
        elif now >= wanted.reconsider_at:
            wanted.reconsidered += 1
            await self._look_again(expected)

    def _since(self, expected: Expected) -> float:
        """Since when it is waited for: not before what it depends on was done, or given up."""
        times = self._at_rest_since.get(expected.place[0], [0.0])
        return max([expected.wanted.since, *times[: expected.rank]])

    async def _look_again(self, expected: Expected) -> None:
        await self._recording.look_again(expected.place[0], expected.issued)
        expected.wanted.closed_at = self._attention.seconds
        self._close(expected)

    async def _met(self, expected: Expected, stands: Standing, *, now: float) -> None:
        set_name, issued, wanted = expected.place[0], expected.issued, expected.wanted
        try:
            fields = await self._looking.differences(set_name, issued.command, stands)
        except KubernetesError as error:
            _log.info("an object could not be compared yet", target=expected.place[1], error=str(error))
            return
        if fields is None and expected.seen is None:
            return  # it has changed meanwhile: the watch will tell
        await self._compared(expected, stands, fields, now=now)
        await self._recording.done(set_name, issued, stands)
        wanted.met, wanted.met_at = wanted.met + 1, now
        self._close(expected)

    async def _done_late(self, expected: Expected, stands: Standing, *, now: float) -> None:
        """As ``_met``, of a command that is closed. What cannot be compared now is told of as late all the same."""
        try:
            fields = await self._looking.differences(expected.place[0], expected.issued.command, stands)
        except KubernetesError as error:
            _log.info("an object that came late could not be compared", target=expected.place[1], error=str(error))
            fields = None
        await self._compared(expected, stands, fields, now=now)

    async def _compared(
        self, expected: Expected, stands: Standing, fields: tuple[FieldDifference, ...] | None, *, now: float
    ) -> None:
        """It is there: tell what of it is otherwise, else that it was late if it was."""
        wanted = expected.wanted
        if fields:
            await self._tell(
                expected,
                DifferenceFound(
                    kind=VALUES,
                    target=expected.place[1],
                    what=f"{expected.place[1]} has other content than ours would have",
                    uid=stands.uid,
                    fields=fields,
                    known=known.values(expected.issued.command, fields),
                ),
                now=now,
            )
        elif wanted.reported_at is not None:
            late = now - wanted.reported_at
            target = expected.place[1]
            what = f"{target}: done after all, {late:.0f} s after it had been reported missing"
            found = DifferenceFound(kind=ORDER, target=target, what=what, uid=stands.uid, command_id=wanted.reported_id)
            await self._tell(expected, found, now=now)
        wanted.reported_at = None

    async def _overdue(self, expected: Expected, state: Aggregate, stands: Standing, *, now: float) -> None:
        set_name, issued, wanted = expected.place[0], expected.issued, expected.wanted
        try:
            is_behind = await self._looking.is_ahead_of(state, issued.command)
        except KubernetesError as error:
            _log.info("whether something was done could not be looked up", target=expected.place[1], error=str(error))
            is_behind = True
        if is_behind:
            wanted.since = now - self._patience + _LOOK_AGAIN_SECONDS
            return
        what = what_is_missing(state, issued.command)
        if wanted.reported_at is None:
            found = DifferenceFound(
                kind=VALUES if stands.fields and expected.rank in (SET, STATUS) else MISSING,
                target=expected.place[1],
                what=what,
                because=why_it_is_wanted(state, issued.command),
                uid=stands.uid or _uid(issued.command),
                fields=stands.fields,
                known=known.missing(state, issued.command, stands.fields),
            )
            await self._tell(expected, found, now=now)
            wanted.reported_at, wanted.reported_id = now, wanted.first_id
        self._late.expect(Reported(expected.place, issued, wanted))
        message = f"{what} within {self._patience:g} s"
        await self._recording.not_done(set_name, issued, message=message)
        self._close(expected)

    def _close(self, expected: Expected) -> None:
        if self._open.get(expected.place) is expected:
            del self._open[expected.place]

    async def _tell(self, expected: Expected, found: DifferenceFound, *, now: float) -> None:
        waited_ms = round((now - expected.wanted.since) * 1000)
        command_id = found.command_id or expected.wanted.first_id
        found = msgspec.structs.replace(found, command_id=command_id, waited_ms=waited_ms)
        _log.warning("a difference", set=str(expected.place[0]), kind=found.kind, what=found.what, known=found.known)
        await self._recording.difference(expected.place[0], found)


def _uid(command: AnyCommand) -> str:
    """Of the object that a command is about, or of its owner."""
    return str(getattr(command, "uid", "") or getattr(command, "owner_uid", ""))
