"""What a shadow finds, on its way into its own journal: outcomes of commands that it has not sent, and differences."""

import asyncio
from collections import OrderedDict
from typing import Final, Protocol

import msgspec

from adapters.journal.port import Message, Stream
from adapters.kubernetes.facts import FactWriter
from adapters.kubernetes.pace import Clock
from adapters.shadow.standing import Standing
from lws_events import commands, events, subjects
from lws_events.decisions import Issued
from lws_events.differences import DifferenceFound
from lws_events.subjects import SetName

_TOLD_MAX: Final = 50_000
"""Differences that are remembered, so that what stays as it is, is told once."""


class DifferenceMetrics(Protocol):
    """Where differences are counted."""

    def difference(self, kind: str) -> None:
        """One of this kind was found."""


class Recording:
    """Appends, in order, without waiting for the disk: after a crash the same is found again."""

    def __init__(self, writer: FactWriter, *, cluster: str, clock: Clock, metrics: DifferenceMetrics) -> None:
        self._writer = writer
        self._cluster = cluster
        self._clock = clock
        self._metrics = metrics
        self._told: OrderedDict[str, DifferenceFound] = OrderedDict()

    async def recall(self, stream: Stream) -> None:
        """Take over what was told before a restart. Raises ``JournalUnavailable``."""
        latest = await stream.latest(subjects.observations_filter(self._cluster, subjects.DIFFERENCE))
        for record in latest.records:
            fact = events.decode(record.data).fact
            if isinstance(fact, DifferenceFound):
                self._told[record.subject] = fact

    async def done(self, set_name: SetName, issued: Issued, found: Standing) -> None:
        """Somebody has carried a command out."""
        await self._outcome(
            set_name,
            events.CommandSucceeded(
                command_id=issued.id,
                target=commands.target(issued.command),
                uid=found.uid,
                resource_version=found.resource_version,
                generation=found.generation,
            ),
        )

    async def look_again(self, set_name: SetName, issued: Issued) -> None:
        """The machine is to decide anew, by what is there now."""
        await self._failed(set_name, issued, reason=events.SUPERSEDED)

    async def not_done(self, set_name: SetName, issued: Issued, *, message: str) -> None:
        """Nobody has carried a command out in time."""
        await self._failed(set_name, issued, reason=events.NOT_DONE, message=message)

    async def difference(self, set_name: SetName, found: DifferenceFound) -> None:
        """Something differs. What was told of it before, and is as it was, is not told again."""
        subject = subjects.event_subject(self._cluster, set_name, subjects.DIFFERENCE, found.target)
        before = self._told.get(subject)
        if before is not None and _is_the_same(before, found):
            return
        self._told[subject] = found
        self._told.move_to_end(subject)
        while len(self._told) > _TOLD_MAX:
            self._told.popitem(last=False)
        self._metrics.difference(found.kind)
        await self._append(subject, found, f"{found.command_id or found.uid}.{found.target}.{found.kind}")

    async def _failed(self, set_name: SetName, issued: Issued, *, reason: str, message: str = "") -> None:
        target = commands.target(issued.command)
        failed = events.CommandFailed(command_id=issued.id, target=target, code=0, reason=reason, message=message)
        await self._outcome(set_name, failed)

    async def _outcome(self, set_name: SetName, outcome: events.Outcome) -> None:
        subject = subjects.event_subject(self._cluster, set_name, subjects.OUTCOME, outcome.target)
        await self._append(subject, outcome, f"{outcome.command_id}.outcome")

    async def _append(self, subject: str, fact: events.Fact, identity: str) -> None:
        body = events.encode(events.Envelope(at_ms=self._clock.now_ms(), fact=fact))
        stored = await self._writer.submit(Message(subject, body, identity))
        stored.add_done_callback(_acknowledged)


def _is_the_same(before: DifferenceFound, found: DifferenceFound) -> bool:
    """Each recreation is an occasion of its own; everything else is a state that lasts."""
    if found.target.startswith(f"{subjects.POD}/"):
        return before.command_id != "" and before.command_id == found.command_id
    aside = {"command_id": "", "waited_ms": 0}
    return msgspec.structs.replace(before, **aside) == msgspec.structs.replace(found, **aside)


def _acknowledged(stored: asyncio.Future[int]) -> None:
    """A writer that was closed has nothing more to say; what was not stored is found again after the next start."""
    if not stored.cancelled():
        stored.exception()
