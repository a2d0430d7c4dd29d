"""Writes of whoever is in charge that nobody here has decided: objects made, revisions deleted, groups recreated.

Follows the shadow's own journal from the moment at which the cluster has been listed, so what is there at a start is
nobody's doing. A write is held as *unexplained* until a command asked for it, or the machine would do the same (a
watch may show the effect before the reason), or it is undone; after all patience it is an extra. Which values a
StatefulSet or a status has is not looked at here: the machine wants its own, and that is an expectation.
"""

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeVar

import msgspec
import structlog

from adapters.journal.port import Record, Stream
from adapters.kubernetes.errors import KubernetesError
from adapters.kubernetes.pace import Clock
from adapters.shadow import known
from adapters.shadow.attention import Attention
from adapters.shadow.looking import Looking
from adapters.shadow.memory import Memory
from adapters.shadow.reasons import Explained, Kind, Reasons, Write, is_step, kind_of_write
from adapters.shadow.recording import Recording
from adapters.shadow.standing import Standing
from lws_events import commands, events, subjects
from lws_events.commands import AnyCommand
from lws_events.differences import EXTRA, VALUES, DifferenceFound
from lws_events.machine.state import Aggregate
from lws_events.names import KIND
from lws_events.subjects import SetName

T = TypeVar("T")

_log = structlog.get_logger(__name__)

_LOOK_SECONDS: Final = 0.05
_SEEN_MAX: Final = 200_000
"""uids of objects that were there before: of many sets, for as long as their objects are told of."""


class _Unexplained(msgspec.Struct):
    write: Write
    since: float


class Extras:
    """Looks for them until cancelled."""

    def __init__(
        self,
        stream: Stream,
        *,
        cluster: str,
        sets: Callable[[], Mapping[SetName, Aggregate]],
        memory: Memory,
        attention: Attention,
        recording: Recording,
        looking: Looking,
        clock: Clock,
        patience_seconds: float,
    ) -> None:
        """``sets``: their states, as the engine has them now."""
        self._stream = stream
        self._cluster = cluster
        self._sets = sets
        self._reasons = Reasons(memory)
        self._attention = attention
        self._recording = recording
        self._looking = looking
        self._clock = clock
        self._patience = patience_seconds
        self._unexplained: dict[int, _Unexplained] = {}
        """By the sequence of the event that told of the write."""
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._revisions: OrderedDict[str, events.RevisionObserved] = OrderedDict()
        self._leader_sets: OrderedDict[str, events.StatefulSetObserved] = OrderedDict()

    @property
    def waiting(self) -> int:
        """Writes for which there is no reason yet."""
        return len(self._unexplained)

    async def run(self, *, after: int) -> None:
        """From the event ``after`` this one on; what is older is only remembered as being there."""
        await self._remember(after)
        following = asyncio.create_task(self._follow(after))
        try:
            while not following.done():
                await self._look()
                await asyncio.wait({following}, timeout=_LOOK_SECONDS)
            following.result()
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)

    async def _remember(self, after: int) -> None:
        if not after:
            return
        for kind in (subjects.STATEFULSET, subjects.SERVICE, subjects.REVISION, subjects.POD_GROUP):
            latest = await self._stream.latest(subjects.observations_filter(self._cluster, kind), up_to=after)
            for record in latest.records:
                self._see(events.decode(record.data).fact)

    async def _follow(self, after: int) -> None:
        reading = self._stream.read(from_sequence=after + 1, follow=True)
        async with contextlib.aclosing(reading) as batches:
            async for batch in batches:
                self._take(batch)

    def _take(self, batch: Sequence[Record]) -> None:
        now = self._attention.look()
        for record in batch:
            address = subjects.parse(record.subject)
            if address is None:
                continue
            fact = events.decode(record.data).fact
            if isinstance(fact, events.Deleted):
                self._forget_made(fact.uid)
            revision = self._revisions.get(fact.uid) if isinstance(fact, events.RevisionDeleted) else None
            before = self._leader_sets.get(fact.uid) if isinstance(fact, events.StatefulSetObserved) else None
            is_new = self._see(fact)
            kind = kind_of_write(fact, is_new=is_new, revision=revision)
            if isinstance(fact, events.StatefulSetObserved) and is_step(before, fact):
                kind = Kind.STEP
            if kind is not None:
                is_duplicate = isinstance(fact, events.RevisionObserved) and self._is_duplicate(fact)
                write = Write(address.set_name, address.name, kind, fact, revision, before, is_duplicate)
                write = self._reasons.with_failures(write, self._sets().get(address.set_name))
                self._unexplained[record.sequence] = _Unexplained(write, now)

    def _forget_made(self, uid: str) -> None:
        """An object is gone again, with the leader that it was made for. Other ends answer no question."""
        for sequence, each in list(self._unexplained.items()):
            if each.write.uid == uid and each.write.kind not in (Kind.RECREATION, Kind.REVISION):
                del self._unexplained[sequence]

    def _is_duplicate(self, revision: events.RevisionObserved) -> bool:
        return any(
            (other.owner, other.key) == (revision.owner, revision.key) and other.number < revision.number
            for other in self._revisions.values()
        )

    def _see(self, fact: events.Fact) -> bool:
        """Whether the object of an observation is told of for the first time."""
        if not isinstance(fact, events.View) or isinstance(fact, events.PodObserved):
            return False
        is_new = fact.uid not in self._seen
        _keep(self._seen, fact.uid, None)
        if isinstance(fact, events.RevisionObserved):
            _keep(self._revisions, fact.uid, fact)
        elif isinstance(fact, events.StatefulSetObserved) and fact.owner is not None and fact.owner.kind == KIND:
            _keep(self._leader_sets, fact.uid, fact)
        return is_new

    def glance(self) -> None:
        """Between two events: a step of a rollout has its reason for a moment only."""
        for sequence, each in list(self._unexplained.items()):
            if each.write.kind is Kind.STEP:
                state = self._sets().get(each.write.set_name)
                if isinstance(self._reasons.explain(each.write, state, at_ms=self._clock.now_ms()), Explained):
                    del self._unexplained[sequence]

    async def _look(self) -> None:
        now = self._attention.look()
        for sequence, each in list(self._unexplained.items()):
            state = self._sets().get(each.write.set_name)
            explained = self._reasons.explain(each.write, state, at_ms=self._clock.now_ms())
            if isinstance(explained, AnyCommand) and not await self._compare(each.write, explained):
                continue
            if explained is None and now - each.since < self._patience:
                continue
            self._unexplained.pop(sequence, None)
            if explained is None and state is not None and not self._reasons.is_beyond_judgement(each.write, state):
                await self._tell(each, state, now=now)

    async def _compare(self, write: Write, command: AnyCommand) -> bool:
        """An object for which there was no command, because it was there before its reason. False: look again later."""
        stands = Standing(met=True, uid=write.uid, name=write.name)
        try:
            fields = await self._looking.differences(write.set_name, command, stands)
        except KubernetesError as error:
            _log.info("an object could not be compared yet", name=write.name, error=str(error))
            return False
        if fields:
            target = commands.target(command)
            found = DifferenceFound(
                kind=VALUES,
                target=target,
                what=f"{target} has other content than ours would have",
                uid=write.uid,
                fields=fields,
                known=known.values(command, fields),
            )
            await self._record(write, found)
        return True

    async def _tell(self, each: _Unexplained, state: Aggregate, *, now: float) -> None:
        found = self._reasons.extra(each.write, state)
        await self._record(each.write, msgspec.structs.replace(found, waited_ms=round((now - each.since) * 1000)))

    async def _record(self, write: Write, found: DifferenceFound) -> None:
        assert found.kind in (EXTRA, VALUES)
        _log.warning("a difference", set=str(write.set_name), kind=found.kind, what=found.what, known=found.known)
        await self._recording.difference(write.set_name, found)


def _keep(kept: OrderedDict[str, T], uid: str, value: T) -> None:
    kept[uid] = value
    kept.move_to_end(uid)
    while len(kept) > _SEEN_MAX:
        kept.popitem(last=False)
