"""Headless Services: one for the set or one for each group, made where they are missing (spec 2.7, D32, D33, D36)."""

from typing import Any

import msgspec
import pytest

from lws_events import events, names, subjects
from lws_events.commands import CreateService, CreateWorkerStatefulSet, RecordEvent
from lws_events.decisions import ObjectLeftAlone
from tests.scenario import Scenario

UNIQUE = {"subdomainPolicy": "UniquePerReplica"}


def _names(scenario: Scenario) -> list[str]:
    return [each.name for each in scenario.commanded(CreateService)]


def _service(scenario: Scenario, name: str, **view: Any) -> None:
    fact = events.ServiceObserved(**({"uid": "svc", "resource_version": scenario.next_version()} | view))
    scenario.see(subjects.SERVICE, name, fact)


def _gone(scenario: Scenario, name: str, uid: str) -> None:
    fact = events.ServiceDeleted(uid=uid, resource_version=scenario.next_version())
    scenario.see(subjects.SERVICE, name, fact)


def test_every_group_gets_its_own_owned_by_its_leader_and_before_its_workers() -> None:
    scenario = Scenario(networkConfig=UNIQUE)
    scenario.run()
    assert _names(scenario) == ["sample-0", "sample-1"]
    command = scenario.commanded(CreateService)[1]
    assert isinstance(command, CreateService)
    assert command.owner_uid == "sample-1-uid"
    selector = msgspec.json.decode(command.manifest)["spec"]["selector"]
    assert selector == {names.SET_NAME: "sample", names.GROUP_INDEX: "1"}
    order = [
        type(each.command)
        for each in scenario.issued()
        if type(each.command) in (CreateService, CreateWorkerStatefulSet)
    ]
    assert order == [CreateService, CreateWorkerStatefulSet] * 2


def test_switching_to_unique_makes_one_for_each_group_and_leaves_the_shared_one() -> None:
    scenario = Scenario()
    scenario.run()
    scenario.apply_set(networkConfig=UNIQUE)
    scenario.carry_out()
    assert _names(scenario) == ["sample", "sample-0", "sample-1"]


def test_switching_to_shared_makes_the_shared_one_at_once() -> None:
    scenario = Scenario(networkConfig=UNIQUE)
    scenario.run()
    scenario.apply_set(networkConfig={"subdomainPolicy": "Shared"})
    assert _names(scenario)[-1] == "sample"


def test_a_deleted_service_is_made_again() -> None:
    scenario = Scenario()
    scenario.run()
    _gone(scenario, "sample", "sample-svc-of-set-uid")
    scenario.carry_out()
    assert _names(scenario) == ["sample", "sample"]


def test_d36_a_deleted_service_of_a_group_is_made_again() -> None:
    scenario = Scenario(networkConfig=UNIQUE)
    scenario.run()
    _gone(scenario, "sample-1", "sample-1-svc-of-sample-1-uid")
    assert _names(scenario) == ["sample-0", "sample-1", "sample-1"]


def test_none_is_made_for_a_leader_on_its_way_out() -> None:
    scenario = Scenario(networkConfig=UNIQUE)
    scenario.apply_set()
    scenario.carry_out()
    scenario.pod("sample-0", deleting_since="2024-01-01T00:00:00Z")
    assert _names(scenario) == []


def test_d32_the_service_of_an_earlier_leader_is_not_taken_for_the_new_ones() -> None:
    scenario = Scenario(networkConfig=UNIQUE)
    scenario.run()
    scenario.pod_deleted("sample-0")
    scenario.pod("sample-0", uid="next")
    assert _names(scenario) == ["sample-0", "sample-1"]
    _gone(scenario, "sample-0", "sample-0-svc-of-sample-0-uid")
    assert scenario.commanded(CreateService)[-1].owner_uid == "next"


FOREIGN = events.Owner("Application", "other", "x")


@pytest.mark.parametrize(
    ("view", "is_accepted"),
    [
        ({"headless": True, "selector": {names.SET_NAME: "sample"}}, True),
        ({"headless": True, "selector": {names.SET_NAME: "sample"}, "owner": FOREIGN}, True),
        ({"headless": True, "selector": {"app": "x"}}, False),
        ({"headless": False, "selector": {names.SET_NAME: "sample"}}, False),
        ({"headless": False, "owner": FOREIGN}, False),
        ({"headless": False, "owner": events.Owner("LeaderWorkerSet", "sample", "earlier")}, True),
        ({"headless": False, "owner": FOREIGN, "deleting_since": "2024-01-01T00:00:00Z"}, True),
    ],
)
def test_d33_a_service_of_that_name_is_accepted_if_it_does_the_job(view: dict[str, Any], is_accepted: bool) -> None:
    scenario = Scenario()
    _service(scenario, "sample", **view)
    scenario.run()
    assert _names(scenario) == []
    warnings = [each.note for each in scenario.commanded(RecordEvent)]
    text = (
        "Failed to create headless service for error: service sample exists and is not managed by this LeaderWorkerSet"
    )
    assert warnings == ([] if is_accepted else [text])
    assert len(scenario.facts(ObjectLeftAlone)) == len(warnings)
    assert scenario.state.status["readyReplicas"] == 2  # the rest of the set goes on


def test_a_foreign_service_that_our_own_creation_meets_is_told_once() -> None:
    scenario = Scenario()
    scenario.apply_set()
    [issued] = scenario.issued(CreateService)
    _service(scenario, "sample", headless=False)  # what the executor found under the name, before its outcome
    scenario.succeed(issued, uid="svc")
    scenario.run()
    assert _names(scenario) == ["sample"]
    notes = [each.note for each in scenario.commanded(RecordEvent)]
    assert len([note for note in notes if "is not managed by" in note]) == 1
