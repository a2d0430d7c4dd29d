"""What the journal already says about each object, and therefore what is news.

One entry per address: the last view that was published, or a tombstone, with the newest resourceVersion seen. Decides
what an observation adds to the journal: nothing (equal but for the version, or older than what is known), the view, or
first the deletion of what bore the name before. It publishes nothing itself.
"""

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from adapters.kubernetes.kinds import BY_KIND
from adapters.kubernetes.reduce import Key
from lws_events import events, subjects
from lws_events.subjects import SetName


class Change(NamedTuple):
    """Something to be recorded."""

    key: Key
    fact: events.View | events.Deleted | events.ObjectNotRecorded | events.SetChangeMissed
    again: bool = False
    """Of a version that was recorded before: not the object has changed, but its node, or a setting."""


class Entry(msgspec.Struct):
    """The last known state under one address. ``view`` is None once the object is gone."""

    uid: str
    version: str
    view: events.View | None


class Known:
    """The last known states, as published."""

    def __init__(self) -> None:
        self._entries: dict[Key, Entry] = {}
        self._homes: dict[tuple[str, str, str], SetName] = {}
        """Which set a live object is recorded under: its label may come to name another."""

    def recall(self, key: Key, fact: object) -> None:
        """Take over the last fact of a subject from the journal. Facts that are no observations are ignored."""
        if isinstance(fact, events.View):
            self._put(key, Entry(fact.uid, fact.resource_version, fact))
        elif isinstance(fact, events.Deleted):
            self._put(key, Entry(fact.uid, fact.resource_version, None))

    def live(self, kind: str) -> list[tuple[Key, Entry]]:
        """The objects of a kind that exist as far as we know, by address."""
        return sorted(
            ((key, entry) for key, entry in self._entries.items() if key.kind == kind and entry.view is not None),
            key=lambda item: item[0],
        )

    def is_ahead(self, kind: str, version: str) -> bool:
        """True where something newer than a listing is known: from the journal, of before etcd was restored."""
        return any(key.kind == kind and older(version, entry.version) for key, entry in self._entries.items())

    def view(self, key: Key) -> events.View | None:
        """The last view under an address; None where there is nothing."""
        entry = self._entries.get(key)
        return entry.view if entry else None

    def observe(self, key: Key, view: events.View) -> list[Change]:
        """What a view adds. It counts as published from now on."""
        entry = self._entries.get(key)
        if entry is not None and (older(view.resource_version, entry.version) or _after_end(view, entry)):
            return []
        changes = self._moved(key, view.resource_version)
        if entry is not None and entry.view is not None:
            if entry.uid != view.uid:
                changes += self.vanish(key, view.resource_version)
            elif _same_but_for_version(view, entry.view):
                entry.version = view.resource_version
                return changes
        again = entry is not None and (entry.uid, entry.version) == (view.uid, view.resource_version)
        self._put(key, Entry(view.uid, view.resource_version, view))
        return [*changes, Change(key, view, again=again)]

    def remove(self, key: Key, deleted: events.Deleted) -> list[Change]:
        """What a deletion that was seen adds. One of another incarnation than the known one is old news."""
        entry = self._entries.get(key)
        replaced: list[Change] = []
        if entry is not None and entry.uid == deleted.uid:
            if entry.view is None:
                return []
        elif entry is not None:
            if not older(entry.version, deleted.resource_version):
                return []
            replaced = self.vanish(key, deleted.resource_version)
        self._put(key, Entry(deleted.uid, deleted.resource_version, None))
        return [*replaced, Change(key, deleted)]

    def vanish(self, key: Key, version: str) -> list[Change]:
        """What it adds that an object is no longer there, as of a version. Nobody reported its deletion."""
        entry = self._entries.get(key)
        if entry is None or entry.view is None:
            return []
        self._put(key, Entry(entry.uid, version, None))
        followed = BY_KIND.get(key.kind)
        if followed is None:  # a status has no deletion of its own: it ends with its set
            return []
        return [Change(key, followed.deleted(uid=entry.uid, resource_version=version, inferred=True))]

    def vanished(self, kind: str, listed: Iterable[Key], *, version: str, initial: bool) -> list[Key]:
        """Live objects that a listing lacks. Those newer than the listing were created after it.

        At the start everything known is older than the listing, whatever the numbers say (a restored etcd).
        """
        present = set(listed)
        return [
            key
            for key, entry in self.live(kind)
            if key not in present and (initial or not older(version, entry.version))
        ]

    def _moved(self, key: Key, version: str) -> list[Change]:
        """The end of an object's life under the set that it belonged to before, if its label has changed."""
        home = self._homes.get((key.kind, key.set_name.namespace, key.name))
        if home is None or home == key.set_name:
            return []
        return self.vanish(key._replace(set_name=home), version)

    def _put(self, key: Key, entry: Entry) -> None:
        self._entries[key] = entry
        place = (key.kind, key.set_name.namespace, key.name)
        if entry.view is not None:
            self._homes[place] = key.set_name
        elif self._homes.get(place) == key.set_name:
            del self._homes[place]
        if key.kind == subjects.SET and entry.view is None:
            self._entries.pop(key._replace(kind=subjects.SET_STATUS), None)


def older(version: str, than: str) -> bool:
    """True where a resourceVersion is certainly older than another: both are numbers and one is smaller."""
    return version.isdigit() and than.isdigit() and int(version) < int(than)


def _same_but_for_version(view: events.View, known: events.View) -> bool:
    """True where nothing has changed, or only who has written to a set: that alone is no news."""
    as_known = msgspec.structs.replace(view, resource_version=known.resource_version)
    if isinstance(as_known, events.SetObserved) and isinstance(known, events.SetObserved):
        as_known = msgspec.structs.replace(as_known, managers=known.managers)
    return as_known == known


def _after_end(view: events.View, entry: Entry) -> bool:
    """True for a view of an object that is known to be gone, from the time before its end."""
    return entry.view is None and entry.uid == view.uid and not older(entry.version, view.resource_version)
