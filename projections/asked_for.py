"""Requests joined with what came of them: which change of a spec was asked for by whom, and which deletion.

A request and its effect are recorded by two ways, so either may come first. What does not fit surely is not joined.
"""

from typing import Final, NamedTuple, Self

import msgspec

from lws_events.events import SetObserved
from lws_events.requests import DeletionRequested, SpecChangeRequested
from projections.journal import RecordedEvent
from projections.requests import is_collector

REMEMBERED_MAX: Final = 4096
"""Deletions of one set's objects. A pod that is asked to go is gone within its grace period."""


class ChangeOfSpec(NamedTuple):
    """A change of a set's spec that was seen: what a request must be like to have asked for it."""

    uid: str
    span: range
    """Its generations."""
    replicas: int | None
    replicas_before: int | None

    @classmethod
    def between(cls, before: SetObserved | None, after: SetObserved) -> Self:
        """Of two observations; ``before`` is None for a set seen for the first time: only its last change is known."""
        known = before if before is not None and before.uid == after.uid else None
        since = after.generation - 1 if known is None else known.generation
        return cls(
            uid=after.uid,
            span=range(since + 1, after.generation + 1),
            replicas=_replicas(after),
            replicas_before=None if known is None else _replicas(known),
        )

    def was_asked_by(self, request: SpecChangeRequested, *, before: bool) -> bool:
        """Whether it came of a request that was recorded ``before`` it, or behind it.

        One through ``scale`` shows no generation, but the number of groups. One that shows neither can only be of the
        change that follows.
        """
        if request.uid not in ("", self.uid):
            return False
        if request.subresource:
            return request.replicas == self.replicas != self.replicas_before
        return request.generation in self.span or (before and not request.generation)


class DeletionRequests:
    """Who asked for the deletion of objects, by their uids.

    Several may ask for the same: a person first, then the garbage collector, which carries it out. The first one that
    is not the garbage collector is kept.
    """

    def __init__(self) -> None:
        self._by_uid: dict[str, RecordedEvent] = {}

    def add(self, event: RecordedEvent) -> None:
        """Remember a request."""
        request = _request(event)
        if not request.uid:
            return
        known = self._by_uid.pop(request.uid, None)
        keeps = known is not None and (is_collector(request) or not is_collector(_request(known)))
        self._by_uid[request.uid] = known if known is not None and keeps else event
        if len(self._by_uid) > REMEMBERED_MAX:
            del self._by_uid[next(iter(self._by_uid))]

    def event_of(self, uid: str) -> RecordedEvent | None:
        """The request for the object with this uid, as recorded."""
        return self._by_uid.get(uid)

    def of(self, uid: str) -> DeletionRequested | None:
        """The same, without when it was recorded."""
        event = self._by_uid.get(uid)
        return None if event is None else _request(event)


def _request(event: RecordedEvent) -> DeletionRequested:
    fact = event.envelope.fact
    assert isinstance(fact, DeletionRequested)
    return fact


def _replicas(observed: SetObserved) -> int | None:
    spec = msgspec.json.decode(observed.spec)
    found = spec.get("replicas", 1) if isinstance(spec, dict) else None
    return found if isinstance(found, int) else None
