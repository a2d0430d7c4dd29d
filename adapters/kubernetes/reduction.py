"""Objects as the watches bring them → views with their places in the journal; and what to say of those that are none.

One object that cannot be understood, or is too large for the journal, takes no others along: it stays as it was last
known, and ``ObjectNotRecorded`` says so in the timeline of its set, once for each of its versions.
"""

from typing import Any, Final

import msgspec
import structlog

from adapters.kubernetes import kinds, wire
from adapters.kubernetes.known import Change, Known
from adapters.kubernetes.placement import Placement
from adapters.kubernetes.reduce import Key, key_of
from adapters.kubernetes.unreadable import reader
from lws_events import events, subjects
from lws_events.gang import GangScheduling
from lws_events.subjects import SetName

_log = structlog.get_logger(__name__)

_KIND_OF: Final = {followed.model: followed.kind for followed in kinds.KINDS}
_READERS: Final = {followed.kind: reader(followed.model) for followed in kinds.KINDS}
_TOLD_MAX: Final = 1024
"""How many objects that cannot be read are remembered: so many at once are somebody's intention."""

Place = tuple[str, str, str]
"""Kind, namespace and name."""


def read(kind: str, data: bytes) -> Any:
    """An object of a followed kind, or ``wire.Unreadable``."""
    return _READERS[kind](msgspec.Raw(data))


class Reduction:
    """Reduces objects, and keeps what is to be said of those that cannot be reduced until it is asked for."""

    def __init__(self, placement: Placement, gang: GangScheduling | None) -> None:
        self._placement = placement
        self._gang = gang
        self._told: dict[Place, str] = {}
        self._problems: list[Change] = []

    def views(
        self, known: Known | None, found: Any, *, unlabelled: SetName | None = None
    ) -> list[tuple[Key, events.View]]:
        """The views of an object, with their places. ``unlabelled``: the set of an object without a set's label."""
        if isinstance(found, wire.Unreadable):
            self._note(_KIND_OF.get(found.model, ""), found.metadata, found.problem)
            return []
        if not kinds.of_interest(found):
            return []
        meta, followed = found.metadata, _KIND_OF[type(found)]
        try:
            views = kinds.views(found, self._placement.nodes, self._gang)
        except (ValueError, TypeError, ArithmeticError, RecursionError) as error:  # decode errors are ValueErrors
            self._note(followed, meta, str(error))
            return []
        self._told.pop((followed, meta.namespace, meta.name), None)
        reduced: list[tuple[Key, events.View]] = []
        for kind, view in views:
            key = key_of(kind, meta)
            if key is None and unlabelled is not None:
                key = Key(kind, unlabelled, meta.name)
            if key is None:
                continue
            if isinstance(view, events.PodObserved):
                before = None if known is None else known.view(key)
                view = self._placement.place(key, view, before=before)  # noqa: PLW2901
            reduced.append((key, view))
        return reduced

    def is_unreadable(self, key: Key) -> bool:
        """Whether the object at this place exists in a state that cannot be read: it has not vanished."""
        return (key.kind, key.set_name.namespace, key.name) in self._told

    def forget(self, key: Key) -> None:
        """The object is gone."""
        self._told.pop((key.kind, key.set_name.namespace, key.name), None)

    def problems(self) -> list[Change]:
        """What is to be recorded about objects that could not be; each time only what is new."""
        found, self._problems = self._problems, []
        return found

    def refused(self, change: Change, *, problem: str) -> bool:
        """The journal does not take a change. Says whether there is something to be recorded about that."""
        key, fact = change.key, change.fact
        _log.error(
            "an observation cannot be stored", kind=key.kind, set=str(key.set_name), name=key.name, error=problem
        )
        if isinstance(fact, events.ObjectNotRecorded):
            return False
        self._problems.append(not_recorded(key, uid=fact.uid, version=fact.resource_version, problem=problem))
        return True

    def _note(self, kind: str, meta: wire.Meta, problem: str) -> None:
        place = (kind, meta.namespace, meta.name)
        if self._told.get(place) == meta.resource_version:
            return
        self._told[place] = meta.resource_version
        if len(self._told) > _TOLD_MAX:
            del self._told[next(iter(self._told))]
        _log.error("an object cannot be understood", kind=kind, namespace=meta.namespace, name=meta.name, error=problem)
        key = key_of(kind, meta)
        if key is not None:
            self._problems.append(not_recorded(key, uid=meta.uid, version=meta.resource_version, problem=problem))


def not_recorded(key: Key, *, uid: str, version: str, problem: str) -> Change:
    """What the journal says of an object that it cannot hold."""
    fact = events.ObjectNotRecorded(uid=uid, resource_version=version, kind=key.kind, problem=problem)
    return Change(Key(subjects.UNRECORDED, key.set_name, f"{key.kind}/{key.name}"), fact)
