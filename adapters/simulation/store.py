"""The objects of the simulated cluster, their one revision counter, and the history that watches read.

This is the part that etcd and the watch cache play: it knows nothing of what an update may change (``api.py``) nor of
what a deletion means (``deletion.py``). History is kept per kind and bounded; who asks for something older is told that
it has expired and must list again.
"""

import bisect
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import msgspec

from adapters.simulation import objects
from adapters.simulation.errors import ExpiredError
from adapters.simulation.kinds import Kind
from adapters.simulation.objects import Object
from adapters.simulation.selectors import EVERYTHING, Selector

Key: TypeAlias = tuple[str, str]
"""``(namespace, name)``; the namespace is empty for cluster-scoped kinds."""

HISTORY_MAX: Final = 20_000
"""Changes kept per kind. A large set of 300 groups makes about 10,000 pod changes while it starts."""


class Record:
    """One version of one object; its JSON is made once, however many watchers read it."""

    __slots__ = ("_encoded", "_item", "obj")

    def __init__(self, obj: Object) -> None:
        self.obj = obj
        self._encoded: bytes | None = None
        self._item: bytes | None = None

    def encoded(self) -> bytes:
        """The object as JSON."""
        if self._encoded is None:
            self._encoded = msgspec.json.encode(self.obj)
        return self._encoded

    def encoded_item(self) -> bytes:
        """The object as JSON without ``apiVersion`` and ``kind``: lists of built-in kinds leave them out."""
        if self._item is None:
            self._item = msgspec.json.encode({k: v for k, v in self.obj.items() if k not in {"apiVersion", "kind"}})
        return self._item


@dataclass(frozen=True, slots=True)
class Change:
    """One step of the history. ``previous`` is what the change replaced (``None`` for ``ADDED``)."""

    revision: int
    type: Literal["ADDED", "MODIFIED", "DELETED"]
    kind: Kind
    record: Record
    previous: Record | None


Subscriber: TypeAlias = Callable[[Change], None]


class Store:
    """Versioned objects with indices by label, by owner and by uid."""

    def __init__(self, *, history_max: int = HISTORY_MAX) -> None:
        self.revision = 1
        self._history_max = history_max
        self._records: defaultdict[Kind, dict[Key, Record]] = defaultdict(dict)
        self._by_label: defaultdict[tuple[Kind, str, str], dict[Key, None]] = defaultdict(dict)
        self._by_owner: defaultdict[str, dict[tuple[Kind, Key], None]] = defaultdict(dict)
        self._by_uid: dict[str, tuple[Kind, Key]] = {}
        self._history: defaultdict[Kind, list[Change]] = defaultdict(list)
        self._compacted: defaultdict[Kind, int] = defaultdict(int)
        self._subscribers: list[Subscriber] = []

    def subscribe(self, subscriber: Subscriber) -> None:
        """Call a function after each change, in order. It must not write: it notes what to do and returns."""
        self._subscribers.append(subscriber)

    # reading

    def get(self, kind: Kind, namespace: str, name: str) -> Object | None:
        """The present version of an object."""
        record = self._records[kind].get((namespace, name))
        return record.obj if record else None

    def record(self, kind: Kind, namespace: str, name: str) -> Record | None:
        """The present version of an object with its cached JSON."""
        return self._records[kind].get((namespace, name))

    def records(self, kind: Kind, *, namespace: str = "", selector: Selector = EVERYTHING) -> Iterator[Record]:
        """Objects in order of namespace and name; an empty namespace means all of them."""
        of_kind = self._records[kind]
        exact = selector.exact()
        keys = of_kind if exact is None else self._by_label.get((kind, *exact), {})
        for key in sorted(keys):
            record = of_kind[key]
            if namespace and key[0] != namespace:
                continue
            if selector.matches(objects.labels(record.obj)):
                yield record

    def select(self, kind: Kind, *, namespace: str = "", selector: Selector = EVERYTHING) -> list[Object]:
        """Like ``records``, as plain objects."""
        return [record.obj for record in self.records(kind, namespace=namespace, selector=selector)]

    def by_uid(self, uid: str) -> tuple[Kind, Object] | None:
        """The object with a uid, if it still exists."""
        found = self._by_uid.get(uid)
        return (found[0], self._records[found[0]][found[1]].obj) if found else None

    def dependents(self, uid: str) -> list[tuple[Kind, Object]]:
        """The objects that name a uid among their owners, in the order in which they came to do so."""
        return [(kind, self._records[kind][key].obj) for kind, key in self._by_owner.get(uid, ())]

    # writing

    def put(self, kind: Kind, obj: Object) -> Object:
        """Store a new version; returns it with its ``resourceVersion``."""
        self.revision += 1
        stored = objects.with_metadata(obj, resourceVersion=str(self.revision))
        key = (objects.namespace(stored), objects.name(stored))
        previous = self._records[kind].get(key)
        record = Record(stored)
        self._records[kind][key] = record
        if previous is None or not _indexed_alike(previous.obj, stored):
            if previous is not None:
                self._unindex(kind, key, previous.obj)
            self._index(kind, key, stored)
        self._note(Change(self.revision, "MODIFIED" if previous else "ADDED", kind, record, previous))
        return stored

    def remove(self, kind: Kind, obj: Object) -> Object:
        """Remove an object; its last version gets a ``resourceVersion`` of its own, as the watch shows it."""
        self.revision += 1
        key = (objects.namespace(obj), objects.name(obj))
        previous = self._records[kind].pop(key)
        self._unindex(kind, key, previous.obj)
        last = objects.with_metadata(obj, resourceVersion=str(self.revision))
        self._note(Change(self.revision, "DELETED", kind, Record(last), previous))
        return last

    def _note(self, change: Change) -> None:
        history = self._history[change.kind]
        history.append(change)
        if len(history) > self._history_max:
            self._trim(change.kind, len(history) // 2)
        for subscriber in self._subscribers:
            subscriber(change)

    def _index(self, kind: Kind, key: Key, obj: Object) -> None:
        for label, value in objects.labels(obj).items():
            self._by_label[kind, label, value][key] = None
        for owner in objects.owners(obj):
            self._by_owner[owner["uid"]][kind, key] = None
        self._by_uid[objects.uid(obj)] = (kind, key)

    def _unindex(self, kind: Kind, key: Key, obj: Object) -> None:
        for label, value in objects.labels(obj).items():
            keys = self._by_label[kind, label, value]
            keys.pop(key, None)
            if not keys:
                del self._by_label[kind, label, value]
        for owner in objects.owners(obj):
            dependents = self._by_owner[owner["uid"]]
            dependents.pop((kind, key), None)
            if not dependents:
                del self._by_owner[owner["uid"]]
        self._by_uid.pop(objects.uid(obj), None)

    # history

    def changes_since(self, kind: Kind, revision: int) -> list[Change]:
        """The changes of a kind after a revision.

        Raises:
            ExpiredError: some of them are no longer kept.
        """
        if revision < self._compacted[kind]:
            raise ExpiredError(f"too old resource version: {revision} ({self._compacted[kind]})")
        history = self._history[kind]
        return history[bisect.bisect_right(history, revision, key=lambda change: change.revision) :]

    def compact(self, kind: Kind) -> None:
        """Forget the history of a kind, so that every watch from an older revision expires."""
        self._trim(kind, len(self._history[kind]))
        self._compacted[kind] = self.revision

    def _trim(self, kind: Kind, count: int) -> None:
        history = self._history[kind]
        if count:
            self._compacted[kind] = history[count - 1].revision
            del history[:count]


def _indexed_alike(before: Object, after: Object) -> bool:
    return objects.labels(before) == objects.labels(after) and objects.owners(before) == objects.owners(after)
