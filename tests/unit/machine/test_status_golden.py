"""The set's status against the recorded answers of the reference (spec 1.6, 4.8).

Each vector is a cluster at one moment: all of it is observed, the revision of the vector's key is adopted, and the
status that the machine then wants is compared. Groups get the vector's size as their own (``L/size``), so that D29
(an old group keeps its own size) makes no difference here.
"""

from typing import Any

import msgspec
import pytest

from lws_events import commands, events, names, subjects
from lws_events.decisions import Issued
from lws_events.fleet import Fleet
from lws_events.machine.status import is_done
from lws_events.revisions import revision_data
from lws_events.subjects import SetName
from tests.golden_vectors import load

SET = SetName("default", "lws")
BEFORE = "2020-01-01T00:00:00Z"
VECTORS: list[dict[str, Any]] = load("status")
CHOSEN = {
    "AllGroupsReady": ("Available",),
    "GroupsProgressing": ("Progressing",),
    "GroupsUpdating": ("UpdateInProgress", "Progressing"),
}
"""Reason of the first chosen condition, which the event tells → all chosen ones."""
TEXTS = {
    "Available": ("AllGroupsReady", "All replicas are ready"),
    "Progressing": ("GroupsProgressing", "Replicas are progressing"),
    "UpdateInProgress": ("GroupsUpdating", "Rolling Upgrade is in progress"),
}
EXCLUDED = {"Available": ("Progressing", "UpdateInProgress"), "Progressing": (), "UpdateInProgress": ()}


def is_counted_differently(vector: dict[str, Any]) -> bool:
    """D7: an index label that is no number does not stop the status. D8: a terminating leader is not ready."""
    leaders = [group["leader"] for group in vector["groups"]]
    return any(leader["terminating"] or not (leader["groupIndex"] or "").isdecimal() for leader in leaders)


class Played:
    """What the machine made of a vector."""

    def __init__(self, vector: dict[str, Any]) -> None:
        self.fleet = Fleet()
        self.issued: list[Issued] = []
        self.sequence = 0
        self._observe(vector)
        applied = self._last(commands.ApplyLeaderStatefulSet)
        if applied is not None and vector["leaderStatefulSetReplicas"] is not None:
            self._succeed(applied)
        self.written = self._last(commands.UpdateSetStatus)
        self.done = is_done(self.fleet.aggregates[SET])

    @property
    def notes(self) -> list[dict[str, str]]:
        if self.written is None or self.written.announce is None:
            return []
        said = self.written.announce
        return [{"action": said.action, "note": said.note, "reason": said.reason, "type": said.type}]

    def status(self, prior: dict[str, Any]) -> dict[str, Any]:
        """The status afterwards, in the form of the vectors."""
        status = prior
        if self.written is not None:
            assert isinstance(self.written.command, commands.UpdateSetStatus)
            status = msgspec.json.decode(self.written.command.status)
        conditions = [
            {key: value for key, value in condition.items() if key != "lastTransitionTime"}
            | {"transitionTimeMoved": condition["lastTransitionTime"] != BEFORE}
            for condition in status.get("conditions", [])
        ]
        return status | ({"conditions": conditions} if conditions else {})

    def _observe(self, vector: dict[str, Any]) -> None:
        spec = _spec(vector)
        data = msgspec.Raw(revision_data(spec))
        revision = events.RevisionObserved(uid="cr", resource_version="1", key=vector["key"], number=1, data=data)
        self._see(subjects.REVISION, "lws-x-1", revision)
        for index, group in enumerate(vector["groups"]):
            self._see_group(group, index=index, size=vector["size"])
        if vector["leaderStatefulSetReplicas"] is not None:
            self._see(subjects.STATEFULSET, "lws", _leader_set(vector))
        prior = events.SetStatusObserved(uid="u", resource_version="1", status=_raw(_with_times(vector["prior"])))
        self._see(subjects.SET_STATUS, "lws", prior)
        generation = vector["generation"]
        fact = events.SetObserved(uid="u", resource_version="1", generation=generation, spec=_raw(spec))
        self._see(subjects.SET, "lws", fact)

    def _see_group(self, group: dict[str, Any], *, index: int, size: int) -> None:
        leader, worker = group["leader"], group["worker"]
        labels = {names.SET_NAME: "lws", names.WORKER_INDEX: "0"}
        labels |= {names.GROUP_INDEX: leader["groupIndex"]} if leader["groupIndex"] is not None else {}
        pod = events.PodObserved(
            uid=f"p{index}",
            resource_version="1",
            deleting_since=BEFORE if leader["terminating"] else None,
            labels=labels | ({names.REVISION_KEY: leader["key"]} if leader["key"] else {}),
            annotations={names.SIZE: str(size)},
            phase=leader["phase"],
            ready=leader["ready"],
        )
        self._see(subjects.POD, leader["name"], pod)
        if worker is not None:
            fact = events.StatefulSetObserved(
                uid=f"s{index}",
                resource_version="1",
                generation=1,
                labels={names.REVISION_KEY: worker["key"]},
                owner=events.Owner("Pod", leader["name"], f"p{index}"),
                replicas=worker["replicas"],
                available_replicas=worker["availableReplicas"],
                current_revision=worker["currentRevision"],
                update_revision=worker["updateRevision"],
            )
            self._see(subjects.STATEFULSET, leader["name"], fact)

    def _succeed(self, issued: Issued) -> None:
        target = commands.target(issued.command)
        fact = events.CommandSucceeded(command_id=issued.id, target=target, generation=1)
        self._see(subjects.OUTCOME, target, fact)

    def _see(self, kind: str, name: str, fact: events.Fact) -> None:
        self.sequence += 1
        subject = subjects.event_subject("test", SET, kind, name)
        envelope = events.Envelope(at_ms=1_700_000_000_000, fact=fact)
        stepped = self.fleet.step(self.sequence, subject, envelope)
        self.issued += stepped[1].commands if stepped is not None else ()

    def _last(self, kind: type) -> Issued | None:
        found = [each for each in self.issued if isinstance(each.command, kind)]
        return found[-1] if found else None


def _raw(value: Any) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))


def _spec(vector: dict[str, Any]) -> dict[str, Any]:
    rolling = {"partition": vector["partition"], "maxUnavailable": 1, "maxSurge": 0}
    worker = {"spec": {"containers": [{"name": "c", "image": "i"}]}}
    return {
        "replicas": vector["R"],
        "rolloutStrategy": {"type": "RollingUpdate", "rollingUpdateConfiguration": rolling},
        "leaderWorkerTemplate": {"size": vector["size"], "restartPolicy": "None", "workerTemplate": worker},
    }


def _leader_set(vector: dict[str, Any]) -> events.StatefulSetObserved:
    return events.StatefulSetObserved(
        uid="ls",
        resource_version="1",
        generation=1,
        labels={names.SET_NAME: "lws", names.REVISION_KEY: vector["key"]},
        annotations={names.REPLICAS: str(vector["R"])},
        owner=events.Owner("LeaderWorkerSet", "lws", "u"),
        replicas=vector["R"],
        partition=vector["partition"],
        status_replicas=vector["leaderStatefulSetReplicas"],
    )


def _with_times(status: dict[str, Any]) -> dict[str, Any]:
    conditions = [condition | {"lastTransitionTime": BEFORE} for condition in status.get("conditions", [])]
    return status | ({"conditions": conditions} if conditions else {})


def conditions_by_d54(vector: dict[str, Any]) -> tuple[list[dict[str, Any]], bool]:
    """D54: all chosen conditions at once, times move with ``status`` only. Also whether any status changed.

    The reference's own event tells what it chose; without an event it found nothing to change, and neither do we.
    """
    prior: list[dict[str, Any]] = vector["prior"].get("conditions", [])
    if not vector["events"]:
        return [condition | {"transitionTimeMoved": False} for condition in prior], False
    chosen = CHOSEN[vector["events"][0]["reason"]]
    excluded = [other for condition in chosen for other in EXCLUDED[condition]]
    if "Available" not in chosen:
        excluded.append("Available")
    after = []
    for condition in prior:
        change: dict[str, Any] = {}
        if condition["type"] in chosen and condition["status"] != "True":
            reason, message = TEXTS[condition["type"]]
            change = {"status": "True", "reason": reason, "message": message}
        elif condition["type"] in excluded and condition["status"] == "True":
            change = {"status": "False"}
        change |= {"observedGeneration": vector["generation"], "transitionTimeMoved": bool(change)}
        after.append(condition | change)
    for name in chosen:
        if name not in [condition["type"] for condition in prior]:
            reason, message = TEXTS[name]
            new = {"type": name, "status": "True", "reason": reason, "message": message}
            after.append(new | {"observedGeneration": vector["generation"], "transitionTimeMoved": True})
    return after, any(condition["transitionTimeMoved"] for condition in after)


def wanted_by_d54(vector: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, str]]]:
    """The reference's answer, conditions and event as D54 has them."""
    conditions, changed = conditions_by_d54(vector)
    status = vector["expected"] | ({"conditions": conditions} if conditions else {})
    return status, vector["events"] if changed else []


def is_d54(vector: dict[str, Any]) -> bool:
    """Two conditions change at once, or only the generation changed."""
    return wanted_by_d54(vector) != (vector["expected"], vector["events"])


COMPARED = [v for v in VECTORS if "error" not in v and not is_counted_differently(v)]


@pytest.mark.parametrize("vector", [v for v in COMPARED if not is_d54(v)], ids=lambda v: v["name"])
def test_as_the_reference(vector: dict[str, Any]) -> None:
    played = Played(vector)
    assert played.status(_with_times(vector["prior"])) == vector["expected"]
    assert played.notes == vector["events"]
    assert (played.written is not None) == vector["written"]


@pytest.mark.parametrize("vector", [v for v in COMPARED if is_d54(v)], ids=lambda v: v["name"])
def test_d54_all_conditions_at_once_and_times_that_mean_something(vector: dict[str, Any]) -> None:
    played = Played(vector)
    assert (played.status(_with_times(vector["prior"])), played.notes) == wanted_by_d54(vector)


@pytest.mark.parametrize("vector", COMPARED, ids=lambda v: v["name"])
def test_when_a_rollout_is_done(vector: dict[str, Any]) -> None:
    # D56: a set scaled to zero is not done before its last groups are gone.
    still_there = vector["R"] == 0 and vector["leaderStatefulSetReplicas"] > 0
    assert Played(vector).done == (vector["done"] and not still_there)


def _one_group(**leader: Any) -> dict[str, Any]:
    """A set of one group of one pod, ready unless told, in the form of the vectors."""
    pod = {"groupIndex": "0", "key": "new", "name": "lws-0", "phase": "Running", "ready": True, "terminating": False}
    group = {"leader": pod | leader, "worker": None}
    numbers = {"R": 1, "size": 1, "partition": 0, "generation": 1, "leaderStatefulSetReplicas": 1}
    return {**numbers, "key": "new", "groups": [group], "prior": {}}


@pytest.mark.parametrize("label", [None, "-1", "one"])
def test_d7_an_index_label_that_is_no_number_does_not_stop_the_status(label: str | None) -> None:
    played = Played(_one_group(groupIndex=label))
    assert (played.status({})["readyReplicas"], played.done) == (1, True)


def test_d8_a_terminating_leader_is_not_ready() -> None:
    played = Played(_one_group(terminating=True))
    status = played.status({})
    assert ("readyReplicas" in status, status["updatedReplicas"], played.done) == (False, 1, False)
    assert [condition["type"] for condition in status["conditions"]] == ["Progressing"]


def test_without_leader_statefulset_no_status_is_written() -> None:
    played = Played(_one_group() | {"leaderStatefulSetReplicas": None})
    assert played.written is None
