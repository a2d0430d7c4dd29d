"""Changes of a set, field by field, each with the user that admission has told of.

A request and the change that came of it are joined by the set's generation. Where no webhook of ours has recorded the
request, the user is said to be not recorded; it is never guessed.
"""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from lws_events.events import SetDeleted, SetObserved, SpecChangeRequested
from lws_events.machine.state import is_older
from lws_events.subjects import SetName
from projections.audit.fields import changed_fields
from projections.audit.rows import CHANGE, NOT_RECORDED, REQUEST, UNKNOWN, AuditRow
from projections.journal import RecordedEvent

REQUESTS_MAX: Final = 64
"""Requests that wait for their change: one may be refused by another webhook, and then none comes."""


class Changes:
    """Fold of one set: ``add`` gives the rows of one event."""

    def __init__(self, set_name: SetName) -> None:
        self._set = set_name
        self._observed: SetObserved | None = None
        self._requests: dict[int, SpecChangeRequested] = {}
        self.generation: int | None = None
        """The one in force."""
        self.user = ""
        self.user_groups = ""

    def add(self, event: RecordedEvent) -> list[AuditRow]:
        """Read one event, which must be about this set."""
        match event.envelope.fact:
            case SpecChangeRequested() as request:
                return [self._asked(event, request)]
            case SetObserved() as after if self._observed is None or not is_older(after, self._observed):
                before, self._observed = self._observed, after
                return list(self._changed(event, before, after))
            case SetDeleted(uid=uid) if self._observed is not None and self._observed.uid == uid:
                self._observed = None
                self.user = self.user_groups = ""
                return [self._row(event, "the set is gone")]
        return []

    def _asked(self, event: RecordedEvent, request: SpecChangeRequested) -> AuditRow:
        self._requests.pop(request.generation, None)
        self._requests[request.generation] = request
        while len(self._requests) > REQUESTS_MAX:
            del self._requests[next(iter(self._requests))]
        return AuditRow(
            at_ms=event.envelope.at_ms,
            sequence=event.sequence,
            namespace=self._set.namespace,
            set=self._set.name,
            kind=REQUEST,
            what=f"{request.operation} passed admission",
            user=request.user,
            user_groups=", ".join(request.groups),
            generation=request.generation or None,
        )

    def _changed(self, event: RecordedEvent, before: SetObserved | None, after: SetObserved) -> Iterator[AuditRow]:
        is_new = before is None or before.uid != after.uid
        if is_new or (before is not None and before.generation != after.generation):
            self._take_requests(after, before=None if is_new else before)
        if before is None or is_new:
            # of a journal that begins later, the first sight of a set is not its creation
            what = "the set was created" if after.generation == 1 else "the set was seen for the first time"
            yield self._row(event, what, after=_text(after.spec))
        elif before.generation != after.generation:
            fields = changed_fields(_json(before.spec), _json(after.spec), "spec")
            for path, old, new in fields:
                yield self._row(event, "the spec was changed", path=path, before=old, after=new)
        if after.deleting_since is not None and (before is None or before.deleting_since is None):
            self.user = self.user_groups = ""
            yield self._row(event, "the set is to be deleted", user=NOT_RECORDED)

    def _take_requests(self, observed: SetObserved, *, before: SetObserved | None) -> None:
        self.generation = observed.generation
        since = 0 if before is None else before.generation
        found = [
            request
            for generation, request in self._requests.items()
            if generation in range(since + 1, observed.generation + 1) or not generation
            if request.uid in ("", observed.uid)
        ]
        self._requests = {
            generation: request for generation, request in self._requests.items() if generation > observed.generation
        }
        users = list(dict.fromkeys(request.user for request in found))
        if len(found) < (1 if before is None else observed.generation - since):
            users.append(NOT_RECORDED)  # of one of the generations in between, or of all
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
    ) -> AuditRow:
        return AuditRow(
            at_ms=event.envelope.at_ms,
            sequence=event.sequence,
            namespace=self._set.namespace,
            set=self._set.name,
            kind=CHANGE,
            what=what,
            user=self.user if user is None else user,
            user_groups=self.user_groups,
            manager=UNKNOWN,
            generation=self.generation,
            path=path,
            before=before,
            after=after,
        )


def _json(raw: msgspec.Raw) -> Any:
    return msgspec.json.decode(raw)


def _text(raw: msgspec.Raw) -> str:
    return bytes(raw).decode(errors="replace")
