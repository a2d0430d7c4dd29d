"""Changes of a set, field by field, each with the user that admission has told of.

A request and the change that came of it are joined by the set's generation. Where no webhook of ours has recorded the
request, the user is said to be not recorded; it is never guessed. Webhooks record beside the answer, so that a request
may stand behind its change: for a while a change ``waits`` for it.
"""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import msgspec

from lws_events.events import DeletionRequested, SetDeleted, SetObserved, SpecChangeRequested
from lws_events.machine.state import is_older
from lws_events.subjects import SetName
from projections.asked_for import ChangeOfSpec, DeletionRequests
from projections.audit.deletions import deletion_row
from projections.audit.fields import changed_fields
from projections.audit.rows import CHANGE, NOT_RECORDED, REQUEST, UNKNOWN, AuditRow
from projections.explain import timestamp
from projections.field_managers import changed_by, explain_managers
from projections.journal import RecordedEvent

REQUESTS_MAX: Final = 64
"""Requests that wait for their change: one may be refused by another webhook, and then none comes."""

LATE_MS: Final = 5_000
"""From a request until it was recorded: what is later is told."""

PATIENCE_MS: Final = 10_000
"""How long a request may come behind its change."""

SEEN_MAX: Final = 256
"""Reviews that are remembered, so that one that was recorded twice is told once."""

DELETION: Final = "the set is to be deleted"
GONE: Final = "the set is gone"


class _Request(NamedTuple):
    at_ms: int
    request: SpecChangeRequested


_NO_CHANGE: Final = ChangeOfSpec("", range(0), None, None)


class _End:
    """A deletion of the set that was seen, and for a while waits for who asked for it."""

    def __init__(self, event: RecordedEvent, uid: str, deletions: DeletionRequests) -> None:
        self.sequence = event.sequence
        self.uid = uid
        self.until_ms = event.envelope.at_ms + PATIENCE_MS
        self._deletions = deletions

    @property
    def request(self) -> DeletionRequested | None:
        return self._deletions.of(self.uid)

    @property
    def waits(self) -> bool:
        return self.request is None


class Changes:
    """Fold of one set: ``add`` gives the rows of one event."""

    def __init__(self, set_name: SetName) -> None:
        self._set = set_name
        self._observed: SetObserved | None = None
        self._requests: list[_Request] = []
        self._seen: dict[str, None] = {}
        self.deletions = DeletionRequests()
        self.generation: int | None = None
        """The one in force."""
        self.user = ""
        self.user_groups = ""
        self.sequence = 0
        """Of the event that brought the generation in force."""
        self._change = _NO_CHANGE
        self._known: list[SpecChangeRequested] = []
        """Requests of the generations that the last change brought."""
        self._waits_until_ms: int | None = None
        self._end: _End | None = None

    @property
    def is_gone(self) -> bool:
        """There is no set of this name, as far as is known."""
        return self._observed is None

    def waits(self, at_ms: int) -> bool:
        """Whether the user of the last change, or of the deletion, may still become known."""
        ends = self._end is not None and self._end.waits and at_ms < self._end.until_ms
        return ends or (self._waits_until_ms is not None and at_ms < self._waits_until_ms)

    def add(self, event: RecordedEvent) -> list[AuditRow]:
        """Read one event, which must be about this set."""
        match event.envelope.fact:
            case SpecChangeRequested() as request:
                return [] if self._is_repeated(request.request) else [self._asked(event, request)]
            case DeletionRequested() as request:
                return [] if self._is_repeated(request.request) else [self._asked_to_go(event, request)]
            case SetObserved() as after if self._observed is None or not is_older(after, self._observed):
                before, self._observed = self._observed, after
                return list(self._changed(event, before, after))
            case SetDeleted(uid=uid) if self._observed is not None and self._observed.uid == uid:
                self._observed = None
                if self._end is None or self._end.uid != uid:
                    self._end = _End(event, uid, self.deletions)
                    return [self._row(event, GONE, user=NOT_RECORDED)]
                return [self._row(event, GONE, user="")]
        return []

    def named(self, row: AuditRow) -> AuditRow:
        """A row that was held back, with the user that has become known meanwhile."""
        if row.kind != CHANGE:
            return row
        end = self._end
        if row.what in (DELETION, GONE):
            request = end.request if end is not None and row.sequence == end.sequence else None
            if request is None:
                return row
            return msgspec.structs.replace(row, user=request.user, user_groups=", ".join(request.groups))
        if row.sequence == self.sequence:
            return msgspec.structs.replace(row, user=self.user, user_groups=self.user_groups)
        return row

    def _is_repeated(self, request: str) -> bool:
        """A review that reached the journal twice: its answer was lost, and it was sent again."""
        if not request:
            return False
        if request in self._seen:
            return True
        self._seen[request] = None
        if len(self._seen) > SEEN_MAX:
            del self._seen[next(iter(self._seen))]
        return False

    def _asked(self, event: RecordedEvent, request: SpecChangeRequested) -> AuditRow:
        joins = self._waits_until_ms is not None and self._observed is not None
        if joins and self._change.was_asked_by(request, before=False):
            self._name([*self._known, request])
        else:
            self._keep(_Request(event.envelope.at_ms, request))
        what = f"scale to {request.replicas} passed admission" if request.subresource else None
        return AuditRow(
            at_ms=event.envelope.at_ms,
            sequence=event.sequence,
            namespace=self._set.namespace,
            set=self._set.name,
            kind=REQUEST,
            what=what or f"{request.operation} passed admission",
            user=request.user,
            user_groups=", ".join(request.groups),
            generation=request.generation or None,
            because=_late(request.asked_ms, event.envelope.at_ms),
        )

    def _asked_to_go(self, event: RecordedEvent, request: DeletionRequested) -> AuditRow:
        self.deletions.add(event)
        return deletion_row(self._set, event, request, because=_late(request.asked_ms, event.envelope.at_ms))

    def _keep(self, request: _Request) -> None:
        """Of one generation only the last: those before were refused, or it would be another generation."""
        generation = request.request.generation
        self._requests = [each for each in self._requests if not generation or each.request.generation != generation]
        self._requests = [*self._requests, request][-REQUESTS_MAX:]

    def _changed(self, event: RecordedEvent, before: SetObserved | None, after: SetObserved) -> Iterator[AuditRow]:
        is_new = before is None or before.uid != after.uid
        if is_new or (before is not None and before.generation != after.generation):
            self._take_requests(event, after, before=None if is_new else before)
        manager = explain_managers(changed_by(before, after)) or UNKNOWN
        if before is None or is_new:
            # of a journal that begins later, the first sight of a set is not its creation
            what = "the set was created" if after.generation == 1 else "the set was seen for the first time"
            yield self._row(event, what, after=_text(after.spec), manager=manager)
        elif before.generation != after.generation:
            fields = changed_fields(_json(before.spec), _json(after.spec), "spec")
            for path, old, new in fields:
                yield self._row(event, "the spec was changed", path=path, before=old, after=new, manager=manager)
        if after.deleting_since is not None and (before is None or before.deleting_since is None):
            self._end = _End(event, after.uid, self.deletions)
            yield self._row(event, DELETION, user=NOT_RECORDED)

    def _take_requests(self, event: RecordedEvent, observed: SetObserved, *, before: SetObserved | None) -> None:
        self.generation, self.sequence = observed.generation, event.sequence
        change = self._change = ChangeOfSpec.between(before, observed)
        now_ms = event.envelope.at_ms
        found = [each.request for each in self._requests if change.was_asked_by(each.request, before=True)]
        self._requests = [
            each
            for each in self._requests
            if each.request.generation > observed.generation
            or (each.request.subresource and each.request not in found and now_ms - each.at_ms < PATIENCE_MS)
        ]
        self._waits_until_ms = now_ms + PATIENCE_MS
        self._name(found)

    def _name(self, found: list[SpecChangeRequested]) -> None:
        """Who asked for the generation in force; of one of several generations in between nobody may be known."""
        self._known = found
        sure = [request for request in found if not request.subresource]
        if len(sure) >= len(self._change.span):
            found = sure  # a scaling of the same size beside them has led to nothing
        users = list(dict.fromkeys(request.user for request in found))
        if len(sure) + (len(found) > len(sure)) >= len(self._change.span):
            self._waits_until_ms = None
        else:
            users.append(NOT_RECORDED)
        self.user = ", ".join(users)
        self.user_groups = ", ".join(dict.fromkeys(group for request in found for group in request.groups))

    def _row(
        self,
        event: RecordedEvent,
        what: str,
        *,
        path: str = "",
        before: str = "",
        after: str = "",
        user: str | None = None,
        manager: str = "",
    ) -> AuditRow:
        return AuditRow(
            at_ms=event.envelope.at_ms,
            sequence=event.sequence,
            namespace=self._set.namespace,
            set=self._set.name,
            kind=CHANGE,
            what=what,
            user=self.user if user is None else user,
            user_groups=self.user_groups if user is None else "",
            manager=manager,
            generation=self.generation,
            path=path,
            before=before,
            after=after,
        )


def _late(asked_ms: int, at_ms: int) -> str:
    """That a request waited for the journal: its row stands where it was recorded."""
    if not asked_ms or at_ms - asked_ms < LATE_MS:
        return ""
    return f"asked for at {timestamp(asked_ms)}, and recorded when the journal could be reached"


def _json(raw: msgspec.Raw) -> Any:
    return msgspec.json.decode(raw)


def _text(raw: msgspec.Raw) -> str:
    return bytes(raw).decode(errors="replace")
