"""Who asked for the deletion of a set or of its pods, as far as a webhook of ours was told.

Several may ask for the same: a person first, then the garbage collector or a controller that carries it out. The first
one that is not the garbage collector is named.
"""

from typing import Final

from lws_events import subjects
from lws_events.requests import DeletionRequested
from lws_events.subjects import SetName
from projections.audit.rows import REQUEST, AuditRow
from projections.groups import group_of_object
from projections.journal import RecordedEvent
from projections.requests import is_collector

REMEMBERED_MAX: Final = 4096
"""Of one set. A pod that is asked to go is gone within its grace period, or keeps its request among so many."""


class Deletions:
    """Fold of one set."""

    def __init__(self, set_name: SetName) -> None:
        self._set = set_name
        self._by_uid: dict[str, DeletionRequested] = {}

    def add(self, event: RecordedEvent, request: DeletionRequested) -> AuditRow:
        """Remember a request, and give its row."""
        known = self._by_uid.pop(request.uid, None)
        if request.uid:
            is_better = known is None or (is_collector(known) and not is_collector(request))
            self._by_uid[request.uid] = request if is_better or known is None else known
            if len(self._by_uid) > REMEMBERED_MAX:
                del self._by_uid[next(iter(self._by_uid))]
        is_pod = request.kind == subjects.POD
        verb = "eviction" if request.eviction else "deletion"
        grace = "" if request.grace_seconds is None else f", grace period {request.grace_seconds} s"
        how = f", propagation {request.propagation}" if request.propagation else ""
        return AuditRow(
            at_ms=event.envelope.at_ms,
            sequence=event.sequence,
            namespace=self._set.namespace,
            set=self._set.name,
            kind=REQUEST,
            what=f"{verb} of {f'pod {request.name}' if is_pod else 'the set'} was asked for{how}{grace}",
            group=group_of_object(self._set, request.name) if is_pod else "",
            pod=request.name if is_pod else "",
            user=request.user,
            user_groups=", ".join(request.groups),
        )

    def of(self, uid: str) -> DeletionRequested | None:
        """Who asked for the deletion of the object with this uid; None where nobody is known."""
        return self._by_uid.get(uid)
