"""The history of a StatefulSet's template, kept as ControllerRevisions named ``<set>-<hash>`` and owned by the set.

Their names differ from a real cluster's, where the hash covers the bytes of another serialisation; nothing may rely on
them but as opaque strings. A revision carries the labels of the template and the annotations of the set, as in a real
cluster: a label selector of ours finds them among our own.
"""

import hashlib
from dataclasses import dataclass
from typing import Any

import msgspec

from adapters.simulation import objects
from adapters.simulation.api import Api
from adapters.simulation.kinds import REVISIONS
from adapters.simulation.objects import Object

HASH_LABEL = "controller.kubernetes.io/hash"
_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"


@dataclass(frozen=True)
class Revisions:
    """The revision that pods below the partition are made from, and the one of the present template."""

    current: Object
    update: Object


def template_of(revision: Object) -> Object:
    """The pod template that a revision keeps."""
    template: Object = revision["data"]["spec"]["template"]
    return {key: value for key, value in template.items() if key != "$patch"}


def of_set(api: Api, set_: Object) -> list[Object]:
    """The revisions that a set owns, oldest first."""
    owned = [obj for kind, obj in api.store.dependents(objects.uid(set_)) if kind is REVISIONS]
    return sorted(owned, key=lambda revision: (revision["revision"], objects.name(revision)))


def resolve(api: Api, set_: Object) -> Revisions:
    """Current and update revision; a new template gets a new revision, an old one that comes back is renumbered."""
    history = of_set(api, set_)
    data = {"spec": {"template": {**set_["spec"]["template"], "$patch": "replace"}}}
    number = history[-1]["revision"] + 1 if history else 1
    equal = [revision for revision in history if revision["data"] == data]
    if not equal:
        update = _create(api, set_, data=data, number=number)
    elif equal[-1] is history[-1]:
        update = history[-1]
    else:
        update = api.update(REVISIONS, {**equal[-1], "revision": number}, namespace=objects.namespace(set_))
    current_name = objects.status(set_).get("currentRevision", "")
    current = next((revision for revision in history if objects.name(revision) == current_name), update)
    return Revisions(current, update)


def truncate(api: Api, set_: Object, *, revisions: Revisions, in_use: set[str]) -> None:
    """Delete the oldest revisions beyond ``revisionHistoryLimit`` that no pod uses."""
    live = in_use | {objects.name(revisions.current), objects.name(revisions.update)}
    unused = [revision for revision in of_set(api, set_) if objects.name(revision) not in live]
    for revision in unused[: max(0, len(unused) - set_["spec"]["revisionHistoryLimit"])]:
        api.delete(REVISIONS, objects.name(revision), namespace=objects.namespace(set_))


def _create(api: Api, set_: Object, *, data: Object, number: int) -> Object:
    hash_ = _hash(data)
    labels = (set_["spec"]["template"].get("metadata") or {}).get("labels") or {}
    body = {
        "metadata": {
            "name": f"{objects.name(set_)}-{hash_}",
            "labels": {**labels, HASH_LABEL: hash_},
            "annotations": objects.annotations(set_),
            "ownerReferences": [objects.owner_reference(set_)],
        },
        "data": data,
        "revision": number,
    }
    return api.create(REVISIONS, body, namespace=objects.namespace(set_))


def _hash(data: Any) -> str:
    digest = hashlib.sha1(msgspec.json.encode(data, order="sorted"), usedforsecurity=False).digest()
    return "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in digest[:10])
