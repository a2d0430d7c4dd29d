"""Pods that carry a set's labels without being what they claim (spec D7, D43, 4.7), and missing revisions (D27)."""

from typing import Any

import msgspec

from lws_events import events, names, subjects
from lws_events.commands import CreateControllerRevision, CreateWorkerStatefulSet, RecordEvent
from lws_events.decisions import ObjectLeftAlone
from tests.scenario import Scenario


def _see(scenario: Scenario, name: str, labels: dict[str, str], *, owner: events.Owner | None = None) -> object:
    fact = events.PodObserved(
        uid=f"{name}-odd",
        resource_version=scenario.next_version(),
        labels={names.SET_NAME: "sample", **labels},
        owner=owner,
        phase="Running",
        ready=True,
    )
    return scenario.see(subjects.POD, name, fact)


def _until_pods(**spec: Any) -> Scenario:
    scenario = Scenario(**spec)
    scenario.apply_set()
    scenario.carry_out()
    return scenario


def test_a_copy_of_a_leader_is_no_group() -> None:
    scenario = _until_pods()
    _see(scenario, "sample-0-debug", {names.WORKER_INDEX: "0", names.GROUP_INDEX: "0"})
    _see(scenario, "sample-9", {names.WORKER_INDEX: "0"}, owner=events.Owner("ReplicaSet", "x", "y"))
    assert scenario.state.groups == {}
    assert [(fact.name, fact.because) for fact in scenario.facts(ObjectLeftAlone)] == [
        ("sample-0-debug", "its name is not that of a pod of this set"),
        ("sample-9", "it is controlled by ReplicaSet x"),
    ]


def test_a_pod_that_belongs_to_nothing_is_left_alone_and_told_once() -> None:
    scenario = _until_pods()
    commanded = len(scenario.issued())
    odd = ("other", "other-1", "other-1-1", "sample", "sample-")
    for name in odd:
        _see(scenario, name, {names.WORKER_INDEX: "1"})
        _see(scenario, name, {})
    assert scenario.state.groups == {}
    assert [fact.name for fact in scenario.facts(ObjectLeftAlone)] == list(odd)
    assert len(scenario.issued()) == commanded


def test_missing_labels_are_derived_from_name_and_owner() -> None:
    scenario = _until_pods(leaderWorkerTemplate={"size": 2})
    _see(scenario, "sample-1", {}, owner=events.Owner("StatefulSet", "sample", "leader-set-uid"))
    _see(scenario, "sample-1-1", {}, owner=events.Owner("StatefulSet", "sample-1", "sts"))
    assert scenario.group(1).index == 1
    assert list(scenario.group(1).workers) == ["sample-1-1"]


def test_a_leader_made_by_hand_without_owner_counts() -> None:
    scenario = _until_pods(replicas=1, leaderWorkerTemplate={"size": 1})
    key = scenario.state.target_key
    _see(scenario, "sample-0", {names.WORKER_INDEX: "0", names.GROUP_INDEX: "0", names.REVISION_KEY: key})
    scenario.carry_out()
    assert scenario.state.status["readyReplicas"] == 1


def test_a_worker_labelled_as_a_leader_stays_a_worker() -> None:
    # D43: the label comes from the user's template; the owner tells the truth.
    scenario = _until_pods()
    scenario.pod("sample-0")
    scenario.carry_out()
    owner = events.Owner("StatefulSet", "sample-0", "sample-0-sts-of-sample-0-uid")
    _see(scenario, "sample-0-1", {names.WORKER_INDEX: "0"}, owner=owner)
    assert list(scenario.state.groups) == ["sample-0"]
    assert list(scenario.group(0).workers) == ["sample-0-1"]


def test_a_leader_with_the_workers_annotation_gets_no_workers_and_a_warning() -> None:
    scenario = _until_pods()
    scenario.pod("sample-0", annotations={names.SIZE: "3", names.LEADER_NAME: "sample-0"})
    scenario.carry_out()
    scenario.pod("sample-0", annotations={names.SIZE: "3", names.LEADER_NAME: "sample-0"}, ready=False)
    assert scenario.issued(CreateWorkerStatefulSet) == []
    (warning,) = scenario.commanded(RecordEvent)
    assert isinstance(warning, RecordEvent)
    assert warning.type == "Warning"
    assert warning.note == (
        "leader pod default/sample-0 contains mistake annotation 'leaderworkerset.sigs.k8s.io/leader-name': "
        "requires Kubernetes ≥v1.27 or v1.26 with StatefulSetStartOrdinal feature"
    )


def test_a_group_of_another_size_than_the_set_goes_by_its_own() -> None:
    scenario = _until_pods(leaderWorkerTemplate={"size": 1})
    scenario.pod("sample-0", annotations={names.SIZE: "nonsense"})
    assert scenario.state.size_of(scenario.group(0)) == 1
    scenario.pod("sample-0", annotations={names.SIZE: "3"})
    assert scenario.state.size_of(scenario.group(0)) == 3


def test_d27_a_leader_without_revision_waits_and_after_a_while_a_person_is_told() -> None:
    scenario = _until_pods()
    labels = {names.SET_NAME: "sample", names.WORKER_INDEX: "0", names.REVISION_KEY: "unknown"}
    scenario.pod("sample-0", labels=labels)
    scenario.pod("sample-0", labels=labels, ready=False)
    assert scenario.issued(RecordEvent) == []
    timer = "missing-revision/sample-0"
    assert scenario.state.timers[timer] == scenario.at_ms + 10_000
    scenario.fire(timer)
    scenario.carry_out()
    scenario.pod("sample-0", labels=labels)
    (warning,) = scenario.commanded(RecordEvent)
    assert "no ControllerRevision with key 'unknown'" in warning.note
    assert timer not in scenario.state.timers


def test_d27_the_revision_of_the_present_key_is_made_again_at_once() -> None:
    scenario = Scenario()
    scenario.run()
    ((name, revision),) = scenario.state.revisions.items()
    gone = events.RevisionDeleted(uid=revision.uid, resource_version=scenario.next_version())
    scenario.see(subjects.REVISION, name, gone)
    created = scenario.issued(CreateControllerRevision)
    assert len(created) == 2
    assert created[-1].announce is not None
    assert created[-1].announce.note == (
        f"Creating missing revision with key {revision.key} for existing LeaderWorkerSet"
    )


def test_groups_admitted_by_no_webhook_have_selectors_of_their_own() -> None:
    scenario = _until_pods()
    bare = {names.WORKER_INDEX: "0", names.REVISION_KEY: scenario.state.target_key}
    for index in range(2):
        _see(scenario, f"sample-{index}", bare, owner=events.Owner("StatefulSet", "sample", "leader-set-uid"))
    made = [msgspec.json.decode(command.manifest) for command in scenario.commanded(CreateWorkerStatefulSet)]
    selectors = [manifest["spec"]["selector"]["matchLabels"] for manifest in made]
    assert [selector[names.GROUP_INDEX] for selector in selectors] == ["0", "1"]
    assert selectors[0][names.GROUP_KEY] == names.topology_group_key("default", "sample-0")
