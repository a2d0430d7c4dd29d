"""Lists as kubectl prints them: the server-side tables of the kinds that people look at.

Ages are reckoned in virtual time here, so that they are right whatever the speed of the simulation.
"""

from collections.abc import Callable, Iterable
from typing import Any

from adapters.simulation import kinds, objects
from adapters.simulation.clock import Clock
from adapters.simulation.http.reading import Page
from adapters.simulation.kinds import Kind
from adapters.simulation.objects import Object

Cell = Callable[[Object], Any]

ACCEPT = "as=Table"


def table(kind: Kind, found: Iterable[Object], *, clock: Clock, page: Page | None = None) -> Object:
    """The ``meta.k8s.io/v1`` Table of some objects of a kind."""
    columns = [("Name", "string", 0, objects.name), *_COLUMNS.get(kind, ())]
    definitions = [
        {"name": name, "type": type_, "format": "", "description": "", "priority": priority}
        for name, type_, priority, _ in [*columns, ("Age", "string", 0, None)]
    ]
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {} if page is None else page.metadata(),
        "columnDefinitions": definitions,
        "rows": [
            {
                "cells": [*(cell(obj) for _, _, _, cell in columns), _age(obj, clock)],
                "object": {
                    "kind": "PartialObjectMetadata",
                    "apiVersion": "meta.k8s.io/v1",
                    "metadata": obj["metadata"],
                },
            }
            for obj in found
        ],
    }


def _age(obj: Object, clock: Clock) -> str:
    seconds = max(0, int(clock.seconds_since(obj["metadata"]["creationTimestamp"])))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= 2 * size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def _containers(pod: Object) -> list[Object]:
    return objects.status(pod).get("containerStatuses") or []


def _pod_ready(pod: Object) -> str:
    return f"{sum(entry['ready'] for entry in _containers(pod))}/{len(objects.spec(pod)['containers'])}"


def _pod_status(pod: Object) -> str:
    if objects.terminating(pod):
        return "Terminating"
    waiting = [entry["state"]["waiting"]["reason"] for entry in _containers(pod) if "waiting" in entry["state"]]
    return str(objects.status(pod).get("reason") or next(iter(waiting), objects.phase(pod)))


def _restarts(pod: Object) -> int:
    return sum(entry["restartCount"] for entry in _containers(pod))


def _node_status(node: Object) -> str:
    ready = "Ready" if objects.is_true(node, "Ready") else "NotReady"
    return ready + (",SchedulingDisabled" if objects.spec(node).get("unschedulable") else "")


def _of_status(field: str) -> Cell:
    return lambda obj: objects.status(obj).get(field, 0)


def _of_spec(field: str) -> Cell:
    return lambda obj: objects.spec(obj).get(field) or "<none>"


_COLUMNS: dict[Kind, tuple[tuple[str, str, int, Cell], ...]] = {
    kinds.PODS: (
        ("Ready", "string", 0, _pod_ready),
        ("Status", "string", 0, _pod_status),
        ("Restarts", "integer", 0, _restarts),
        ("Node", "string", 1, _of_spec("nodeName")),
    ),
    kinds.LEADERWORKERSETS: (
        ("Ready", "integer", 0, _of_status("readyReplicas")),
        ("Desired", "integer", 0, _of_spec("replicas")),
        ("Up-to-date", "integer", 0, _of_status("updatedReplicas")),
    ),
    kinds.STATEFULSETS: (
        ("Ready", "string", 0, lambda o: f"{objects.status(o).get('readyReplicas', 0)}/{o['spec']['replicas']}"),
    ),
    kinds.NODES: (("Status", "string", 0, _node_status),),
    kinds.SERVICES: (
        ("Type", "string", 0, _of_spec("type")),
        ("Cluster-IP", "string", 0, _of_spec("clusterIP")),
    ),
    kinds.EVENTS: (
        ("Type", "string", 0, lambda o: o.get("type", "")),
        ("Reason", "string", 0, lambda o: o.get("reason", "")),
        ("Note", "string", 0, lambda o: o.get("note", "")),
    ),
}
