"""The executor: carries out the commands of recorded decisions, and reports one outcome for each.

Everything may be submitted again: after a restart the engine hands over all that has no outcome. Trouble that may pass
by itself is retried here for a minute; what remains becomes a failed outcome, and the machine decides about another
attempt. The object that a write was answered with is recorded before the outcome, so that whoever folds the outcome
has seen the object. Timers are handed to the journal and have no outcome but their firing.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple, Protocol, TypeVar

import msgspec
import structlog

from adapters.journal.errors import JournalUnavailable, MessageRefused
from adapters.journal.port import Message, Timers
from adapters.kubernetes.announcements import cut
from adapters.kubernetes.answers import Written
from adapters.kubernetes.client import ApiClient
from adapters.kubernetes.errors import ApiError, KubernetesError, NotLeading
from adapters.kubernetes.facts import FactWriter
from adapters.kubernetes.lanes import Lanes
from adapters.kubernetes.pace import BackOff, Clock
from adapters.kubernetes.timers import TimerSetter
from adapters.kubernetes.writes import Writes
from lws_events import commands, events, subjects
from lws_events.commands import ApplyLeaderStatefulSet, RecordEvent, SetTimer, UpdateSetStatus
from lws_events.decisions import Issued
from lws_events.subjects import SetName

_log = structlog.get_logger(__name__)

T = TypeVar("T")

_UNAVAILABLE_CODE: Final = 503
_MESSAGE_BYTES_MAX: Final = 4096
"""An admission webhook may answer with pages; the journal keeps what a person reads."""


class Observe(Protocol):
    """``Observer.observed``: what an answer to a write adds to the journal."""

    def __call__(self, kind: str, data: bytes, *, set_name: SetName) -> list[Message]:
        """Messages to be stored, in order."""


class HasMissed(Protocol):
    """``Observer.has_missed``: whether somebody may have changed a StatefulSet while nobody watched."""

    async def __call__(self, set_name: SetName, name: str) -> bool:
        """Waits until it is known."""


class Preparation(Protocol):
    """What comes before a command is sent for the first time (``log_capture.LogCapture``)."""

    async def before(self, set_name: SetName, issued: Issued) -> list[Message]:
        """Messages to be stored before it. Never raises, and bounds its own time."""


class ExecutorSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of the executor."""

    concurrency: int = 32
    """API calls at once. The API server's own priority and fairness does the rest; more only queues there."""
    tries_max: int = 6
    give_up_seconds: float = 60.0
    """After so many tries or so long the outcome is a failure, so that the trouble is on record."""
    back_off: BackOff = BackOff(initial_seconds=0.25, cap_seconds=15.0)


class _OvertakenError(Exception):
    """A newer command makes this one pointless."""


class _Lane(NamedTuple):
    set_name: SetName
    target: str


class Executor:
    """Carries out commands. Needs a running loop when it is made."""

    def __init__(
        self,
        client: ApiClient,
        writer: FactWriter,
        timers: Timers,
        *,
        cluster: str,
        observe: Observe,
        has_missed: HasMissed,
        clock: Clock,
        on_sent: Callable[[Issued], None] = lambda _: None,
        preparation: Preparation | None = None,
        instance: str | None = None,
        settings: ExecutorSettings | None = None,
    ) -> None:
        """``on_sent``: called when a command is sent for the first time; ``instance``: this host's name by default."""
        self._writes = Writes(client, instance=instance or socket.gethostname(), clock=clock)
        self._writer = writer
        self._timers = TimerSetter(timers, cluster=cluster, clock=clock)
        self._cluster = cluster
        self._observe = observe
        self._has_missed = has_missed
        self._clock = clock
        self._on_sent = on_sent
        self._preparation = preparation
        self._settings = settings or ExecutorSettings()
        self._slots = asyncio.Semaphore(self._settings.concurrency)
        self._unfinished: set[str] = set()
        self._again: set[str] = set()
        self._draining = False
        self._lanes: Lanes[_Lane, Issued] = Lanes(
            self._carry_out,
            overtaken=self._supersede,
            overtakable=lambda issued: isinstance(issued.command, UpdateSetStatus),
        )

    def submit(self, set_name: SetName, issued: Issued, *, again: bool = False) -> None:
        """Carry out a command, now or when its turn comes. One that is under way already is not taken twice.

        ``again``: it may have been carried out before a crash.
        """
        if self._draining or issued.id in self._unfinished:
            return  # while draining: it has no outcome, so it is submitted again after the next start
        self._unfinished.add(issued.id)
        if again:
            self._again.add(issued.id)
        self._lanes.put(_Lane(set_name, commands.target(issued.command)), issued)

    async def run(self) -> None:
        """Wait for ever; raises what a defect raised. Work is done without it, but then nobody would notice."""
        await self._lanes.failed

    @property
    def unfinished(self) -> int:
        """Commands that wait or are under way."""
        return len(self._unfinished)

    async def drain(self, *, timeout_seconds: float) -> bool:
        """Take no more, finish what was taken. False where that took too long: the rest is left for the next start."""
        self._draining = True
        finished = await self._lanes.idle(timeout_seconds=timeout_seconds)
        await self._lanes.stop()
        return finished

    async def _carry_out(self, lane: _Lane, issued: Issued) -> None:
        try:
            await self._attempt(lane, issued)
        except NotLeading as error:
            # Whoever leads finds it without an outcome, and carries it out.
            _log.info("a command is left to the next leader", set=str(lane.set_name), error=str(error))
            self._forget(issued)

    async def _attempt(self, lane: _Lane, issued: Issued) -> None:
        if isinstance(issued.command, SetTimer):
            await self._timers.set(lane.set_name, issued.command)
            self._forget(issued)
            return

        if self._preparation is not None:
            await self._note(lane, await self._preparation.before(lane.set_name, issued))

        command, sent_again = issued.command, issued.id in self._again
        may_be_stale = (
            sent_again
            and isinstance(command, ApplyLeaderStatefulSet)
            and await self._has_missed(lane.set_name, command.name)
        )

        async def attempt(number: int) -> Written:
            if not self._lanes.newest(lane, issued):
                raise _OvertakenError
            if number == 1:
                self._on_sent(issued)
            return await self._writes.carry_out(
                lane.set_name, issued.id, command, again=number > 1 or sent_again, may_be_stale=may_be_stale
            )

        try:
            written = await self._persist(attempt)
        except _OvertakenError:
            await self._supersede(lane, issued)
            return
        except KubernetesError as error:
            await self._report(lane, issued, _failure(lane, issued, error))
            return
        meta = written.meta
        for event in issued.announcements:
            related_uid = meta.uid if event.related_name == meta.name else ""
            await self._announce(lane.set_name, issued, event, related_uid=related_uid)
        outcome = events.CommandSucceeded(
            command_id=issued.id,
            target=lane.target,
            uid=meta.uid,
            resource_version=meta.resource_version,
            generation=meta.generation,
        )
        observed = self._observe(written.kind, written.body, set_name=lane.set_name) if written.kind else []
        await self._report(lane, issued, outcome, before=observed)

    def _forget(self, issued: Issued) -> None:
        self._unfinished.discard(issued.id)
        self._again.discard(issued.id)

    async def _persist(self, attempt: Callable[[int], Awaitable[T]]) -> T:
        """Try until it is answered for good. Raises the last error where trouble does not pass in time."""
        end = self._clock.monotonic() + self._settings.give_up_seconds
        tries = 0
        while True:
            tries += 1
            try:
                async with self._slots:
                    return await attempt(tries)
            except KubernetesError as error:
                at_least = error.retry_after_seconds if isinstance(error, ApiError) else None
                delay = self._settings.back_off.delay_seconds(tries, clock=self._clock, at_least=at_least)
                final = isinstance(error, ApiError) and not error.transient
                if final or tries >= self._settings.tries_max or self._clock.monotonic() + delay > end:
                    raise
                _log.info("a command is tried again", error=str(error), tries=tries, retry_seconds=round(delay, 3))
            await self._clock.sleep(delay)

    async def _announce(self, set_name: SetName, issued: Issued, event: RecordEvent, *, related_uid: str) -> None:
        """Post an Event that goes with a success, before its outcome: after a crash in between it is posted again."""
        try:
            await self._persist(lambda _: self._writes.announce(set_name, issued.id, event, related_uid=related_uid))
        except KubernetesError as error:
            # An Event that is refused must not hold up the set; the journal has the fact anyway.
            _log.warning("an Event was refused", set=str(set_name), reason=event.reason, error=str(error))

    async def _supersede(self, lane: _Lane, issued: Issued) -> None:
        failed = events.CommandFailed(command_id=issued.id, target=lane.target, code=0, reason=events.SUPERSEDED)
        await self._report(lane, issued, failed)

    async def _report(
        self, lane: _Lane, issued: Issued, outcome: events.Outcome, *, before: list[Message] | None = None
    ) -> None:
        """Store what was observed and then the outcome, next to each other, and wait until they are stored."""
        subject = subjects.event_subject(self._cluster, lane.set_name, subjects.OUTCOME, lane.target)
        body = events.encode(events.Envelope(at_ms=self._clock.now_ms(), fact=outcome))
        messages = [*(before or ()), Message(subject, body, f"{issued.id}.outcome")]
        try:
            *observed, last = [await self._writer.submit(message) for message in messages]
            await last
            await self._tell_refused(messages, observed)
        except JournalUnavailable as error:
            # Only a writer that was closed says so: the process is ending, and the next one carries the command out.
            _log.warning("an outcome was not stored", set=str(lane.set_name), command=issued.id, error=str(error))
        finally:
            self._forget(issued)

    async def _note(self, lane: _Lane, messages: list[Message]) -> None:
        """Store what nothing depends on, without waiting until it is stored."""
        try:
            for message in messages:
                stored = await self._writer.submit(message)
                stored.add_done_callback(lambda done: done.cancelled() or done.exception())
        except JournalUnavailable as error:
            _log.warning("what came before a command was not stored", set=str(lane.set_name), error=str(error))

    async def _tell_refused(self, messages: list[Message], stored: list[asyncio.Future[int]]) -> None:
        """An observation that is too large must not hold up the outcome, as it must not hold up the observer."""
        for message, done in zip(messages, await asyncio.gather(*stored, return_exceptions=True), strict=False):
            if isinstance(done, MessageRefused):
                _log.error("an observation cannot be stored", subject=message.subject, error=str(done))


def _failure(lane: _Lane, issued: Issued, error: KubernetesError) -> events.CommandFailed:
    """The outcome of a command that was refused, or never answered."""
    if isinstance(error, ApiError):
        code, reason, message = error.code, error.reason, error.message
    else:
        code, reason, message = _UNAVAILABLE_CODE, "ServiceUnavailable", str(error)
    message = cut(message, bytes_max=_MESSAGE_BYTES_MAX)
    return events.CommandFailed(command_id=issued.id, target=lane.target, code=code, reason=reason, message=message)
