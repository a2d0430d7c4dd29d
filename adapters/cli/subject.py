"""What a person means by ``SET``, ``SET/GROUP``, ``NAMESPACE/POD``…: the set, and which part of it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from adapters.errors import NoSuchThing
from lws_events import subjects
from lws_events.subjects import SetName

if TYPE_CHECKING:
    from adapters.reading.reader import JournalReader

_WITH_GROUP = 3
"""Parts of ``namespace/set/group``."""


class Subject(NamedTuple):
    """A set, or a group or pod of it."""

    set_name: SetName
    group: str | None = None
    pod: str | None = None


def find_subject(reader: "JournalReader", text: str, *, namespace: str | None, group: str | None = None) -> Subject:
    """The set, group or pod of the journal that is meant. Raises ``NoSuchThing``, which lists the sets."""
    parts = text.split("/")
    known = reader.set_names()
    if group is None and len(parts) == _WITH_GROUP:
        return Subject(reader.find_set("/".join(parts[:2]), namespace=None), group=parts[2])
    before, name = ("/".join(parts[:-1]) or namespace or "", parts[-1])
    is_set = any(one.name == name and before in ("", one.namespace) for one in known)
    if group is not None or is_set:
        return Subject(reader.find_set(text, namespace=namespace), group=group)
    of_set = [one for one in known if len(parts) > 1 and one.name == before and namespace in (None, one.namespace)]
    if of_set and (name.isdecimal() or name.startswith(f"{before}-")):
        return Subject(reader.find_set(before, namespace=namespace), group=name)
    return _pod(reader, known, name, namespace=before, text=text)


def _pod(reader: "JournalReader", known: Sequence[SetName], pod: str, *, namespace: str, text: str) -> Subject:
    """The set of a pod: of those whose names could have it, the one that does."""
    could = [one for one in known if namespace in ("", one.namespace) and pod.startswith(f"{one.name}-")]
    for set_name in sorted(could, key=lambda one: len(one.name), reverse=True):
        subject = subjects.event_subject(reader.cluster, set_name, subjects.POD, pod)
        if reader.wait(reader.journal.events.latest(subject)).records:
            return Subject(set_name, pod=pod)
    there = ", ".join(map(str, known)) or "none"
    raise NoSuchThing(
        f"no LeaderWorkerSet {text}, and no pod of that name, in the journal of cluster {reader.cluster!r}",
        hint=f"name a set, SET/GROUP or NAMESPACE/POD; sets in this journal: {there}",
    )
