"""Keeping who asked for what in the journal, once there is one: requests of this process, or of webhook servers.

Each is one message whose identity is the review's uid, so that it may be handed over again. An eviction shows the name
of its pod alone: the journal itself is asked whether that is a pod of a set. Nothing here is waited for by admission.
"""

import asyncio
from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec
import structlog

from adapters.journal.errors import MessageRefused
from adapters.journal.group_commit import GroupCommit
from adapters.journal.port import Message
from adapters.kubernetes.pace import Clock
from adapters.kubernetes.recall import States
from lws_events import events, names
from lws_events.admission import AdmissionRequest
from lws_events.requests import DeletionRequested
from lws_events.subjects import POD, REQUEST, SetName, event_subject

_log = structlog.get_logger(__name__)

_SUBJECT_USER_LENGTH_MAX: Final = 64
"""A subject holds the user for people who filter; who it was exactly, the fact says."""


class _Opened(NamedTuple):
    writer: GroupCommit
    states: States


class Recorder:
    """Where requests go. ``open`` says where the journal is; what comes before that waits for it."""

    def __init__(self, *, cluster: str, clock: Clock) -> None:
        self._cluster = cluster
        self._clock = clock
        self._opened: asyncio.Future[_Opened] = asyncio.get_running_loop().create_future()

    @property
    def is_open(self) -> bool:
        """Whether there is a journal yet."""
        return self._opened.done()

    def open(self, writer: GroupCommit, states: States) -> None:
        """The journal is there: ``writer`` leads into it, ``states`` has the last known state of each object."""
        self._opened.set_result(_Opened(writer, states))

    async def record(self, requests: Sequence[AdmissionRequest]) -> None:
        """Store the requests that are about sets. Those that are stored already are not stored again.

        Raises ``JournalUnavailable``, or waits for as long as the journal takes nothing.
        """
        opened = await asyncio.shield(self._opened)
        placed = [await self._placed(request, opened.states) for request in requests]
        messages = [self._message(request) for request in placed if request is not None]
        await asyncio.gather(*(self._publish(opened.writer, message) for message in messages))

    async def _publish(self, writer: GroupCommit, message: Message) -> None:
        try:
            await writer.publish(message)
        except MessageRefused as error:
            _log.error("the journal does not take who asked for something", error=str(error))

    async def _placed(self, request: AdmissionRequest, states: States) -> AdmissionRequest | None:
        """With the set that its pod belongs to; None where it is no pod of a set."""
        fact = request.fact
        if request.name or not isinstance(fact, DeletionRequested):
            return request
        newest, placed = -1, None
        for candidate in _possible_sets(fact.name):
            subject = event_subject(self._cluster, SetName(request.namespace, candidate), POD, fact.name)
            for record in (await states.latest(subject)).records:
                known = events.decode(record.data).fact
                if not isinstance(known, events.PodObserved | events.PodDeleted):
                    continue
                if record.sequence > newest and fact.uid in ("", known.uid):
                    newest, named = record.sequence, msgspec.structs.replace(fact, uid=known.uid)
                    placed = AdmissionRequest(namespace=request.namespace, name=candidate, fact=named)
        return placed

    def _message(self, request: AdmissionRequest) -> Message:
        fact = request.fact
        set_name = SetName(request.namespace, request.name)
        subject = event_subject(self._cluster, set_name, REQUEST, fact.user[:_SUBJECT_USER_LENGTH_MAX])
        data = events.encode(events.Envelope(at_ms=self._clock.now_ms(), fact=fact))
        identity = fact.request or f"{fact.uid or set_name}:{fact.asked_ms}"
        return Message(subject, data, f"{identity}:{type(fact).__name__}")


def _possible_sets(pod: str) -> list[str]:
    """Names of sets that a pod of this name can be of: as a worker (``set-group-index``), as a leader."""
    leader = _parent(pod)
    set_of_worker = _parent(leader)
    return [name for name in (set_of_worker, leader) if name]


def _parent(name: str) -> str:
    parent, ordinal = names.pod_ordinal(name)
    return parent if ordinal >= 0 else ""
