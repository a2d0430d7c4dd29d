"""From a new set to a running one: what is written, in which order, and what is said (spec 5.1, 5.2)."""

import msgspec

from lws_events import commands, events, names, subjects
from lws_events.commands import (
    ApplyLeaderStatefulSet,
    CreateControllerRevision,
    CreateService,
    CreateWorkerStatefulSet,
    SetTimer,
    UpdateSetStatus,
)
from tests.scenario import Scenario


def _announced(scenario: Scenario) -> list[tuple[str, str]]:
    said = [each.announce for each in scenario.issued() if each.announce is not None]
    return [(event.reason, event.note) for event in said]


def test_a_set_of_three_groups_of_four() -> None:
    scenario = Scenario(replicas=3, leaderWorkerTemplate={"size": 4})
    scenario.run()
    key = scenario.state.target_key
    assert _announced(scenario) == [
        ("CreatingRevision", f"Creating revision with key {key} for a newly created LeaderWorkerSet"),
        ("GroupsProgressing", "Created leader statefulset sample"),
        ("GroupsProgressing", "Replicas are progressing, with 0 groups ready of total 3 groups"),
        ("GroupsProgressing", "Created worker statefulset for leader pod sample-0"),
        ("GroupsProgressing", "Created worker statefulset for leader pod sample-1"),
        ("GroupsProgressing", "Created worker statefulset for leader pod sample-2"),
        ("AllGroupsReady", "All replicas are ready, with 3 groups ready of total 3 groups"),
    ]
    kinds = [type(each.command) for each in scenario.issued()]
    written = [kind for kind in kinds if kind is not SetTimer]
    assert (kinds.count(CreateService), kinds.count(UpdateSetStatus)) == (1, 2)
    assert len(written) == 1 + 1 + 1 + 3 + 2  # revision, leader StatefulSet, Service, worker StatefulSets, status


def test_the_revision_comes_first_and_what_is_announced_relates_to_it() -> None:
    scenario = Scenario()
    scenario.apply_set()
    (revision,) = scenario.issued(CreateControllerRevision)
    assert scenario.issued(ApplyLeaderStatefulSet) == []
    scenario.carry_out()
    (applied,) = scenario.issued(ApplyLeaderStatefulSet)
    assert isinstance(revision.command, CreateControllerRevision)
    for issued in (revision, applied):
        assert issued.announce is not None
        assert issued.announce.related_kind == "ControllerRevision"
        assert issued.announce.related_name == revision.command.name


def test_a_settled_set_leads_to_nothing_more() -> None:
    scenario = Scenario()
    scenario.run()
    before = len(scenario.decisions)
    for index in range(2):
        current = scenario.group(index).worker_set
        assert current is not None
        scenario.pod(f"sample-{index}")
        scenario.worker_set(f"sample-{index}", uid=current.uid)
    scenario.leader_set()
    assert scenario.decisions[before:] == []
    assert scenario.state.in_flight == {}
    assert scenario.state.unseen == {}


def test_groups_of_one_have_no_worker_statefulset() -> None:
    scenario = Scenario(leaderWorkerTemplate={"size": 1})
    scenario.run()
    assert scenario.issued(CreateWorkerStatefulSet) == []
    assert scenario.state.status["readyReplicas"] == 2


def test_a_set_of_no_groups_is_available_at_once() -> None:
    scenario = Scenario(replicas=0)
    scenario.run()
    assert _announced(scenario)[-1] == (
        "AllGroupsReady",
        "All replicas are ready, with 0 groups ready of total 0 groups",
    )


def test_leader_ready_holds_the_workers_back_until_the_leader_is_ready() -> None:
    scenario = Scenario(startupPolicy="LeaderReady")
    scenario.apply_set()
    scenario.carry_out()
    scenario.pod("sample-0", ready=False)
    scenario.pod("sample-1", ready=False)
    assert scenario.issued(CreateWorkerStatefulSet) == []
    scenario.pod("sample-0")
    assert [each.owner_uid for each in scenario.commanded(CreateWorkerStatefulSet)] == ["sample-0-uid"]


def test_a_leader_that_loses_readiness_later_keeps_its_workers() -> None:
    scenario = Scenario(startupPolicy="LeaderReady")
    scenario.run()
    before = len(scenario.issued())
    scenario.pod("sample-0", ready=False)
    assert all(isinstance(each.command, UpdateSetStatus) for each in scenario.issued()[before:])


def test_unless_told_workers_do_not_wait_for_the_leader() -> None:
    scenario = Scenario()
    scenario.apply_set()
    scenario.carry_out()
    scenario.pod("sample-0", phase="Pending", ready=False, node="")
    assert len(scenario.issued(CreateWorkerStatefulSet)) == 1


def test_the_user_partition_applies_from_the_start() -> None:
    scenario = Scenario(rolloutStrategy={"rollingUpdateConfiguration": {"partition": 1}})
    scenario.apply_set()
    scenario.carry_out()
    (applied,) = scenario.issued(ApplyLeaderStatefulSet)
    assert isinstance(applied.command, ApplyLeaderStatefulSet)
    manifest = msgspec.json.decode(applied.command.manifest)
    assert manifest["spec"]["updateStrategy"]["rollingUpdate"]["partition"] == 1


def test_the_status_waits_until_the_revision_of_the_new_spec_is_chosen() -> None:
    # Else a status with the new generation would still say that everything is updated and available.
    scenario = Scenario()
    scenario.run()
    scenario.apply_set(leaderWorkerTemplate={"workerTemplate": {"metadata": {"labels": {"v": "2"}}}})
    before = len(scenario.issued(UpdateSetStatus))
    scenario.pod("sample-0", ready=False)
    assert len(scenario.issued(UpdateSetStatus)) == before
    scenario.carry_out()
    conditions = {each["type"]: each["status"] for each in scenario.state.status["conditions"]}
    assert conditions == {"Progressing": "True", "Available": "False", "UpdateInProgress": "True"}


def _adopt(origin: Scenario, *, set_first: bool) -> Scenario:
    """Another controller made everything: show all of it to a machine without a past."""
    views = [each for each in origin.recorded if isinstance(each[2].fact, events.View)]
    of_set = [each for each in views if isinstance(each[2].fact, events.SetObserved)]
    others = [each for each in views if each not in of_set]
    adopted = Scenario()
    for _, subject, envelope in of_set + others if set_first else others + of_set:
        address = subjects.parse(subject)
        assert address is not None
        adopted.see(address.kind, address.name, envelope.fact)
    return adopted


def test_a_running_set_is_adopted_without_any_creation() -> None:
    origin = Scenario()
    origin.run()
    adopted = _adopt(origin, set_first=False)
    made = [type(each.command) for each in adopted.issued()]
    assert made == [ApplyLeaderStatefulSet]
    assert adopted.state.target_key == origin.state.target_key


def test_a_set_seen_before_its_objects_makes_only_what_counts_as_made() -> None:
    # Names and owners are those of the objects that exist, so that each creation is answered with the existing one.
    origin = Scenario()
    origin.run()
    adopted = _adopt(origin, set_first=True)
    made = {commands.target(each.command) for each in adopted.issued() if not isinstance(each.command, SetTimer)}
    assert made <= {commands.target(each.command) for each in origin.issued()}
    assert adopted.state.target_key == origin.state.target_key


def test_a_set_that_bypassed_the_schema_is_left_alone() -> None:
    scenario = Scenario()
    scenario.apply_set(replicas="many")
    scenario.apply_set(leaderWorkerTemplate={"size": []})
    assert scenario.issued() == []
    scenario.apply_set(replicas=2, leaderWorkerTemplate={"size": 3})
    assert len(scenario.issued(CreateControllerRevision)) == 1


def test_an_event_of_no_interest_leads_to_nothing() -> None:
    scenario = Scenario()
    scenario.run()
    request = events.SpecChangeRequested(user="someone", uid="set-uid")
    assert scenario.see(subjects.REQUEST, "sample", request) is None
    assert scenario.see(subjects.TIMER, "status", events.TimerFired(timer="status")) is None
    unknown = events.CommandSucceeded(command_id="e0-1-0", target=f"pod/{names.SET_NAME}")
    assert scenario.see(subjects.OUTCOME, "x", unknown) is None
