"""What the journal already says of a cluster: the last known state of every object, as recovery begins with it."""

from collections.abc import Iterable
from typing import Final, Protocol

import structlog

from adapters.journal.errors import JournalUnavailable
from adapters.journal.port import Latest, Record
from adapters.kubernetes.kinds import KINDS
from adapters.kubernetes.known import Known
from adapters.kubernetes.pace import BackOff, Clock
from adapters.kubernetes.reduce import Key
from lws_events import events, subjects

_log = structlog.get_logger(__name__)

_RECALLED: Final = (*(followed.kind for followed in KINDS), subjects.SET_STATUS)
_JOURNAL_BACK_OFF: Final = BackOff(initial_seconds=0.1, cap_seconds=5.0)


class States(Protocol):
    """Where the last known states are read from: a stream of events, or one with what it no longer has."""

    async def latest(self, subject_filter: str) -> Latest:
        """The last record of every subject that matches."""


async def recall(stream: States, *, cluster: str, namespace: str | None, clock: Clock) -> Known:
    """The last known states, in one namespace or all. Waits for as long as they cannot be read."""
    known = Known()
    for kind in _RECALLED:
        for record in await _last_known(stream, kind, cluster=cluster, clock=clock):
            address = subjects.parse(record.subject)
            if address is None or (namespace and address.set_name.namespace != namespace):
                continue
            known.recall(Key(kind, address.set_name, address.name), events.decode(record.data).fact)
    return known


async def _last_known(stream: States, kind: str, *, cluster: str, clock: Clock) -> Iterable[Record]:
    attempt = 0
    while True:
        try:
            return (await stream.latest(subjects.observations_filter(cluster, kind))).records
        except JournalUnavailable as error:
            attempt += 1
            _log.warning("last known states cannot be read yet", kind=kind, error=str(error))
            await clock.sleep(_JOURNAL_BACK_OFF.delay_seconds(attempt, clock=clock))
