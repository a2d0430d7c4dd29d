"""Restart handling against the recorded answers of the reference (spec 4.7): which leader is deleted, and what is said.

The reference looks at one pod at a time; the machine sees events. So each vector is played as a cluster in which all
other pods were observed before, and the subject's state is the event that decides. ``leaderGone`` has no counterpart:
it says that the reference's pass over this pod ends, which nobody sees from outside.
"""

from typing import Any

import msgspec
import pytest

from lws_events import commands, events, names, subjects
from lws_events.decisions import Issued
from lws_events.fleet import Fleet
from lws_events.subjects import SetName
from tests.golden_vectors import load

SET = SetName("default", "set")
VECTORS: list[dict[str, Any]] = load("restart")
RECREATING = ("RecreateGroupOnPodRestart", "RecreateGroupAfterStart")


def _subject(vector: dict[str, Any]) -> dict[str, Any]:
    pods: list[dict[str, Any]] = vector["pods"]
    return next(pod for pod in pods if pod["name"] == vector["subject"])


def is_d2(vector: dict[str, Any]) -> bool:
    """D2: a pod that ended counts as a failure under the recreating policies; the reference ignores it."""
    subject = _subject(vector)
    ended = subject["phase"] in ("Failed", "Succeeded") and not subject["terminating"]
    return ended and vector["restartPolicy"] in RECREATING


def _owner(owner: dict[str, Any] | None) -> events.Owner | None:
    return events.Owner(owner["kind"], owner["name"], owner["uid"]) if owner else None


def _pod(pod: dict[str, Any], *, version: int) -> events.PodObserved:
    labels = {names.SET_NAME: "set", names.GROUP_INDEX: "1", names.WORKER_INDEX: pod["workerIndex"]}
    return events.PodObserved(
        uid=pod["uid"],
        resource_version=str(version),
        deleting_since="2024-01-01T00:00:00Z" if pod["terminating"] else None,
        labels=labels | {names.REVISION_KEY: pod["key"]},
        owner=_owner(pod.get("owner")),
        phase=pod["phase"],
        restarts=pod["restarts"],
    )


def _set(vector: dict[str, Any]) -> events.SetObserved:
    template = {
        "size": vector["size"],
        "restartPolicy": vector["restartPolicy"],
        "workerTemplate": {"spec": {"containers": [{"name": "c", "image": "i"}]}},
    }
    return events.SetObserved(
        uid="set-uid",
        resource_version="1",
        generation=1,
        annotations={names.RECREATE_GROUP_AFTER_START: "true"} if vector["afterStartAnnotation"] else {},
        spec=msgspec.Raw(msgspec.json.encode({"replicas": 2, "leaderWorkerTemplate": template})),
    )


def play(vector: dict[str, Any]) -> list[Issued]:
    """The deletions of leaders that the vector's cluster leads to, the subject seen last."""
    facts: list[tuple[str, str, events.Fact]] = [(subjects.SET, "set", _set(vector))]
    worker_set = vector.get("workerSts")
    if worker_set:
        fact = events.StatefulSetObserved(
            uid=worker_set["uid"], resource_version="2", generation=1, owner=_owner(worker_set.get("owner"))
        )
        facts.append((subjects.STATEFULSET, worker_set["name"], fact))
    subject = _subject(vector)
    others = [pod for pod in vector["pods"] if pod is not subject]
    for version, pod in enumerate([*others, subject], start=3):
        facts.append((subjects.POD, pod["name"], _pod(pod, version=version)))
    fleet = Fleet()
    issued: list[Issued] = []
    for sequence, (kind, name, fact_) in enumerate(facts, start=1):
        subject_ = subjects.event_subject("test", SET, kind, name)
        stepped = fleet.step(sequence, subject_, events.Envelope(at_ms=sequence, fact=fact_))
        if stepped is not None:
            issued += stepped[1].commands
    return [each for each in issued if isinstance(each.command, commands.DeleteLeaderPod)]


def _as_recorded(issued: list[Issued]) -> tuple[list[str], list[dict[str, str]]]:
    said = [each.announce for each in issued if each.announce is not None]
    notes = [{"action": e.action, "note": e.note, "reason": e.reason, "type": e.type} for e in said]
    return [each.command.name for each in issued if isinstance(each.command, commands.DeleteLeaderPod)], notes


@pytest.mark.parametrize("vector", [v for v in VECTORS if not is_d2(v)], ids=lambda v: v["name"])
def test_as_the_reference(vector: dict[str, Any]) -> None:
    assert _as_recorded(play(vector)) == _wanted(vector)


@pytest.mark.parametrize("vector", [v for v in VECTORS if is_d2(v)], ids=lambda v: v["name"])
def test_d2_a_pod_that_ended_counts_like_one_that_restarted(vector: dict[str, Any]) -> None:
    subject = _subject(vector)
    pods = [pod | {"phase": "Running", "restarts": 1} if pod is subject else pod for pod in vector["pods"]]
    assert _as_recorded(play(vector)) == _as_recorded(play(vector | {"pods": pods}))


def test_d2_such_pods_do_end_groups() -> None:
    note = "Worker pod {} failed, deleted leader pod set-1 to recreate group 1"
    said = [_as_recorded(play(vector)) for vector in VECTORS if is_d2(vector)]
    ended = [vector["subject"] for vector in VECTORS if is_d2(vector) and play(vector)]
    assert ended
    assert [notes[0]["note"] for deleted, notes in said if deleted] == [note.format(pod) for pod in ended]


def test_every_vector_is_used_and_only_d2_is_answered_otherwise() -> None:
    differing = [v for v in VECTORS if _as_recorded(play(v)) != _wanted(v)]
    assert all(is_d2(vector) for vector in differing)
    assert differing


def _wanted(vector: dict[str, Any]) -> tuple[list[str], list[dict[str, str]]]:
    deleted = vector["expected"]["deleted"]
    return ([deleted["pod"]] if deleted else [], vector["expected"]["events"])
