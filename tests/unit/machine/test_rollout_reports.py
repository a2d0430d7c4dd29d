"""Rolling updates as users of the reference have reported them (spec 7.7), and StatefulSets as found (5.12)."""

from typing import Any

import msgspec

from lws_events import commands, events, names, subjects
from lws_events.decisions import GroupRecreationStarted
from tests.rollout_model import LEADER_SET_UID, Rollout


def rolling(replicas: int = 4, **options: Any) -> Rollout:
    model = Rollout(replicas=replicas, **options)
    model.begin()
    return model


def made(model: Rollout, group: int) -> list[dict[str, Any]]:
    """The worker StatefulSets that were created for a group, as written."""
    return [
        manifest
        for command in model.commanded(commands.CreateWorkerStatefulSet)
        if (manifest := _json(command.manifest))["metadata"]["name"] == f"sample-{group}"
    ]


def _json(raw: Any) -> dict[str, Any]:
    parsed: dict[str, Any] = msgspec.json.decode(raw)
    return parsed


def test_report_225_a_restarted_controller_updates_no_worker_statefulset() -> None:
    model = rolling()
    model.template("B")
    before = len(model.commanded(commands.CreateWorkerStatefulSet))
    model.start_anew()
    assert len(model.commanded(commands.CreateWorkerStatefulSet)) == before


def test_reports_238_280_963_a_group_below_the_partition_comes_back_as_it_was() -> None:
    model = rolling()
    containers = [{"name": "c", "image": "B", "resources": {}}]
    template = {"size": 2, "workerTemplate": {"spec": {"containers": containers}}}
    model.change(leaderWorkerTemplate=template)
    assert model.partition == 3
    model.lose_leader(0)
    first, again = made(model, 0)
    assert again["spec"] == first["spec"]
    assert again["spec"]["replicas"] == 2, "the old size is 3"
    assert again["metadata"]["labels"][names.REVISION_KEY] == first["metadata"]["labels"][names.REVISION_KEY]


def test_report_291_old_workers_that_go_in_an_update_restart_nothing() -> None:
    model = rolling()
    model.template("B")
    leader = model.group(3).leader
    assert leader is not None
    old_key = model.group(0).leader.view.labels[names.REVISION_KEY]  # type: ignore[union-attr]
    owner = events.Owner("StatefulSet", "sample-3", "sample-3-sts-of-the-old-leader")
    labels = {names.SET_NAME: "sample", names.REVISION_KEY: old_key}
    for when in (None, "2026-01-01T00:00:00Z"):
        model.pod("sample-3-1", uid="old", labels=labels, owner=owner, deleting_since=when)
    model.pod_deleted("sample-3-1", uid="old")
    assert model.facts(GroupRecreationStarted) == []


def test_reports_400_490_creation_and_scaling_are_no_update() -> None:
    model = rolling()
    model.change(replicas=6)
    assert model.conditions() == {"Progressing"}
    model.change(replicas=2)
    assert model.conditions() == {"Available"}
    written = [_json(command.status) for command in model.commanded(commands.UpdateSetStatus)]
    assert not [each for status in written for each in status["conditions"] if each["type"] == "UpdateInProgress"]


def test_report_488_unready_groups_below_use_up_the_budget() -> None:
    model = Rollout(replicas=4, rolloutStrategy={"rollingUpdateConfiguration": {"maxUnavailable": 2}})
    model.begin()
    model.make_ready(1, ready=False)
    model.template("B")
    assert model.written == [(4, 4), (3, 4)]


def test_reports_567_568_nothing_is_ready_and_the_rollout_begins() -> None:
    model = rolling(2)
    for index in (0, 1):
        model.make_ready(index, ready=False)
    model.template("B")
    assert model.partition == 1


def test_report_705_workers_that_exist_are_not_ready_yet() -> None:
    model = rolling()
    model.template("B")
    model.pods[3].ready = True
    model.see_pod(3)
    model.settle()
    assert model.partition == 3, "the leader is ready, its workers are not available"


def test_reports_776_778_none_unavailable() -> None:
    model = Rollout(replicas=4, rolloutStrategy={"rollingUpdateConfiguration": {"maxUnavailable": 0, "maxSurge": 1}})
    model.begin()
    model.template("B")
    assert (model.written, model.max_unavailable) == ([(4, 5)], 1)
    for index in (4, 3, 2, 1):
        model.make_ready(index)
        assert model.replicas == 5, "the surge group stays until the last group is done"
    model.make_ready(0)
    assert (model.partition, model.replicas) == (0, 4)


def test_d30_a_leader_statefulset_that_was_deleted_in_mid_rollout_is_made_again() -> None:
    model = rolling()
    model.template("B")
    model.forget()
    gone = events.StatefulSetDeleted(uid=LEADER_SET_UID, resource_version=model.next_version())
    model.see(subjects.STATEFULSET, "sample", gone)
    command = model.commanded(commands.ApplyLeaderStatefulSet)[-1]
    assert command.uid == ""
    spec = _json(command.manifest)["spec"]
    assert (spec["updateStrategy"]["rollingUpdate"]["partition"], spec["replicas"]) == (0, 4)


class TestFound:
    """Spec 5.12: a leader StatefulSet that is there when a set is first seen."""

    def found(self, **changes: Any) -> Rollout:
        """The controller starts anew, and finds the StatefulSet with these differences."""
        model = rolling()
        model.forget()
        model.find_leader_set(changes)
        return model

    def test_at_rest_without_a_key(self) -> None:
        """The apply gives it the key, and the StatefulSet controller restarts the leaders at its own pace."""
        model = self.found(labels={names.SET_NAME: "sample"})
        command = model.commanded(commands.ApplyLeaderStatefulSet)[-1]
        spec = _json(command.manifest)["spec"]
        assert (spec["updateStrategy"]["rollingUpdate"]["partition"], spec["replicas"]) == (0, 4)
        notes = [each.announce.note for each in model.issued(commands.ApplyLeaderStatefulSet) if each.announce]
        assert notes.count("Created leader statefulset sample") == 1, "the first one only"

    def test_as_this_controller_left_it(self) -> None:
        assert self.found().written == []

    def test_in_mid_rollout_without_annotation(self) -> None:
        """D28: in the reference an error for ever."""
        model = self.found(annotations={}, partition=2)
        assert model.written == [(0, 4)], "all groups are updated and ready"
