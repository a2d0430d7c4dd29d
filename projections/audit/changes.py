"""Changes of a set, field by field, each with the user that admission has told of.

A request and the change that came of it are joined by the set's generation. Where no webhook of ours has recorded the
request, the user is said to be not recorded; it is never guessed. Webhooks record beside the answer, so that a request
may stand behind its change: for a while a change ``waits`` for it.
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

PATIENCE_MS: Final = 10_000
"""How long a request may come behind its change."""

DELETION: Final = "the set is to be deleted"


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
        self.sequence = 0
        """Of the event that brought the generation in force."""
        self._span = range(0)
        self._known: list[SpecChangeRequested] = []
        """Requests of the generations that the last change brought."""
        self._waits_until_ms: int | None = None

    def waits(self, at_ms: int) -> bool:
        """Whether the user of the last change may still become known."""
        return self._waits_until_ms is not None and at_ms < self._waits_until_ms

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
                return [self._row(event, "the set is gone", user="")]
        return []

    def _asked(self, event: RecordedEvent, request: SpecChangeRequested) -> AuditRow:
        observed = self._observed
        if self._waits_until_ms is not None and observed is not None and request.generation in self._span:
            if request.uid in ("", observed.uid):
                self._name([*self._known, request])
        else:
            self._keep(request)
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

    def _keep(self, request: SpecChangeRequested) -> None:
        self._requests.pop(request.generation, None)
        self._requests[request.generation] = request
        while len(self._requests) > REQUESTS_MAX:
            del self._requests[next(iter(self._requests))]

    def _changed(self, event: RecordedEvent, before: SetObserved | None, after: SetObserved) -> Iterator[AuditRow]:
        is_new = before is None or before.uid != after.uid
        if is_new or (before is not None and before.generation != after.generation):
            self._take_requests(event, after, before=None if is_new else before)
        if before is None or is_new:
            # of a journal that begins later, the first sight of a set is not its creation
            what = "the set was created" if after.generation == 1 else "the set was seen for the first time"
            yield self._row(event, what, after=_text(after.spec))
        elif before.generation != after.generation:
            fields = changed_fields(_json(before.spec), _json(after.spec), "spec")
            for path, old, new in fields:
                yield self._row(event, "the spec was changed", path=path, before=old, after=new)
        if after.deleting_since is not None and (before is None or before.deleting_since is None):
            yield self._row(event, DELETION, user=NOT_RECORDED)

    def _take_requests(self, event: RecordedEvent, observed: SetObserved, *, before: SetObserved | None) -> None:
        self.generation, self.sequence = observed.generation, event.sequence
        # of a set that is seen for the first time only the last change is known
        since = observed.generation - 1 if before is None else before.generation
        self._span = range(since + 1, observed.generation + 1)
        found = [
            request
            for generation, request in self._requests.items()
            if (generation in self._span or not generation) and request.uid in ("", observed.uid)
        ]
        self._requests = {
            generation: request for generation, request in self._requests.items() if generation > observed.generation
        }
        self._waits_until_ms = event.envelope.at_ms + PATIENCE_MS
        self._name(found)

    def _name(self, found: list[SpecChangeRequested]) -> None:
        """Who asked for the generation in force; of one of several generations in between nobody may be known."""
        self._known = found
        users = list(dict.fromkeys(request.user for request in found))
        if len(found) >= len(self._span):
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
