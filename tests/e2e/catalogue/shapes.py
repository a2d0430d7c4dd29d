"""Leader and worker StatefulSets compared with the set that they come from (catalogue 1.1, ``VL`` and ``VW``).

Pure functions: each says the first thing that differs, or nothing.
"""

from collections.abc import Iterable
from typing import Any

from tests.controlplane.api import Json
from tests.e2e.catalogue.cases import EXCLUSIVE_TOPOLOGY, GROUP_KEY, SIZE, ordinal
from tests.e2e.catalogue.definition import current_key, leader_spec, worker_spec
from tests.e2e.features.sets import GROUP_INDEX, NAME, PREFIX, REVISION_KEY, WORKER_INDEX


def leader_set_difference(found: Json, lws: Json, *, replicas: int) -> str:
    """``VL``: what differs between the leader StatefulSet and the newest set."""
    name, key = lws["metadata"]["name"], current_key(lws)
    size = str(lws["spec"]["leaderWorkerTemplate"]["size"])
    metadata, spec = found["metadata"], found["spec"]
    template = spec["template"]
    annotations = template["metadata"].get("annotations", {})
    return _first_difference(
        "leader StatefulSet",
        [
            ("label name is set", bool(metadata["labels"].get(NAME)), True),
            ("replicas annotation", metadata["annotations"].get(f"{PREFIX}replicas"), str(lws["spec"]["replicas"])),
            ("replicas", spec["replicas"], replicas),
            ("serviceName", spec["serviceName"], name),
            ("podManagementPolicy", spec["podManagementPolicy"], "Parallel"),
            ("selector", spec["selector"]["matchLabels"], {NAME: name, WORKER_INDEX: "0"}),
            ("key", metadata["labels"].get(REVISION_KEY), key),
            ("template labels", template["metadata"]["labels"], {NAME: name, WORKER_INDEX: "0", REVISION_KEY: key}),
            ("size annotation", annotations.get(SIZE), size),
            *((topology, annotations.get(topology), _annotation(lws, topology)) for topology in _TOPOLOGIES),
            ("container", _first_container(template["spec"]), _first_container(leader_spec(lws))),
        ],
    )


def worker_sets_difference(found: list[Json], lws: Json, *, count: int) -> str:
    """``VW``: what differs between the worker StatefulSets and the newest set; ``count`` is the leaders' replicas."""
    wanted = 0 if lws["spec"]["leaderWorkerTemplate"]["size"] == 1 else count
    if len(found) != wanted:
        return f"worker StatefulSets {[one['metadata']['name'] for one in found]}, wanted {wanted}"
    return next((text for one in found if (text := _worker_set_difference(one, lws))), "")


def _worker_set_difference(found: Json, lws: Json) -> str:
    size = lws["spec"]["leaderWorkerTemplate"]["size"]
    index = str(ordinal(found))
    labels, spec = found["metadata"]["labels"], found["spec"]
    template = spec["template"]
    template_labels, annotations = template["metadata"]["labels"], template["metadata"]["annotations"]
    return _first_difference(
        f"worker StatefulSet {found['metadata']['name']}",
        [
            ("label name is set", bool(labels.get(NAME)), True),
            ("group index", labels.get(GROUP_INDEX), index),
            ("group key is set", bool(labels.get(GROUP_KEY)), True),
            ("key", labels.get(REVISION_KEY), current_key(lws)),
            ("replicas", spec["replicas"], size - 1),
            ("podManagementPolicy", spec["podManagementPolicy"], "Parallel"),
            ("ordinals", spec["ordinals"], {"start": 1}),
            ("template label name is set", bool(template_labels.get(NAME)), True),
            ("template group index", template_labels.get(GROUP_INDEX), index),
            ("size annotation", annotations.get(SIZE), str(size)),
            ("leader name", annotations.get(f"{PREFIX}leader-name"), found["metadata"]["name"]),
            ("topology", annotations.get(EXCLUSIVE_TOPOLOGY), _annotation(lws, EXCLUSIVE_TOPOLOGY)),
            ("container", _first_container(template["spec"]), _first_container(worker_spec(lws))),
        ],
    )


_TOPOLOGIES = (EXCLUSIVE_TOPOLOGY, f"{PREFIX}subgroup-exclusive-topology")


def _annotation(lws: Json, key: str) -> str | None:
    value: str | None = lws["metadata"].get("annotations", {}).get(key)
    return value


def _first_container(spec: Json) -> str:
    name: str = spec["containers"][0]["name"]
    return name


def _first_difference(what: str, compared: Iterable[tuple[str, Any, Any]]) -> str:
    return next(
        (f"{what}: {name} {found!r}, wanted {wanted!r}" for name, found, wanted in compared if found != wanted), ""
    )
