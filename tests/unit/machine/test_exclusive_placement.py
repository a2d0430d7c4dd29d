"""Exclusive topology: workers follow their leader into its domain, and wait until it has one (spec 5.3, D22, D51)."""

import msgspec

from lws_events import names
from lws_events.commands import CreateWorkerStatefulSet, RecordEvent
from lws_events.decisions import GroupChanged
from tests.scenario import Scenario

BY_RACK = {names.EXCLUSIVE_TOPOLOGY: "rack"}


def _scenario(annotations: dict[str, str] = BY_RACK, **spec: object) -> Scenario:
    scenario = Scenario(**spec)
    scenario.apply_set(annotations=annotations)
    scenario.carry_out()
    return scenario


def _node_selectors(scenario: Scenario) -> list[dict[str, str] | None]:
    manifests = [msgspec.json.decode(each.manifest) for each in scenario.commanded(CreateWorkerStatefulSet)]
    return [manifest["spec"]["template"]["spec"].get("nodeSelector") for manifest in manifests]


def _warnings(scenario: Scenario) -> list[str]:
    return [each.note for each in scenario.commanded(RecordEvent)]


def test_workers_wait_for_the_leaders_node_and_then_follow_it() -> None:
    scenario = _scenario()
    scenario.pod("sample-0", phase="Pending", ready=False, node="", waiting="0/4 nodes are available")
    assert _node_selectors(scenario) == []
    scenario.pod("sample-0", topology={"rack": "a"})
    assert _node_selectors(scenario) == [{"rack": "a"}]


def test_why_a_group_waits_is_on_record() -> None:
    scenario = _scenario()
    scenario.pod("sample-0", phase="Pending", ready=False, node="", waiting="0/4 nodes are available")
    (changed,) = scenario.facts(GroupChanged)
    assert (changed.after, changed.because) == ("Scheduling", "0/4 nodes are available")


def test_a_node_without_the_label_is_told_once_for_each_leader() -> None:
    scenario = _scenario()
    scenario.pod("sample-0", ready=False)
    scenario.carry_out()
    scenario.pod("sample-0")
    assert _warnings(scenario) == ['node "node-1" does not have topology label: rack']
    scenario.pod_deleted("sample-0")
    scenario.pod("sample-0", uid="next")
    assert len(_warnings(scenario)) == 2


def test_a_label_that_arrives_later_ends_the_wait() -> None:
    scenario = _scenario()
    version = scenario.next_version()
    scenario.pod("sample-0", resource_version=version)
    assert _node_selectors(scenario) == []
    # The pod itself has not changed, only what is known of its node.
    scenario.pod("sample-0", resource_version=version, topology={"rack": "b"})
    assert _node_selectors(scenario) == [{"rack": "b"}]


def test_a_recreated_group_may_find_another_domain() -> None:
    scenario = _scenario()
    scenario.pod("sample-0", topology={"rack": "a"})
    scenario.carry_out()
    scenario.pod_deleted("sample-0")
    scenario.worker_set_deleted("sample-0", uid="sample-0-sts-of-sample-0-uid")
    scenario.pod("sample-0", uid="next", topology={"rack": "b"})
    assert _node_selectors(scenario) == [{"rack": "a"}, {"rack": "b"}]


def test_d22_an_empty_topology_key_means_none() -> None:
    scenario = _scenario({names.EXCLUSIVE_TOPOLOGY: ""})
    scenario.pod("sample-0", phase="Pending", ready=False, node="")
    assert _node_selectors(scenario) == [None]


def test_groups_of_one_wait_for_nothing() -> None:
    scenario = _scenario(leaderWorkerTemplate={"size": 1})
    scenario.pod("sample-0")
    assert _warnings(scenario) == []
    assert scenario.group(0).lifecycle == "Ready"


def test_exclusive_and_leader_ready_both_have_to_hold() -> None:
    scenario = _scenario(startupPolicy="LeaderReady")
    scenario.pod("sample-0", ready=False, topology={"rack": "a"})
    assert _node_selectors(scenario) == []
    scenario.pod("sample-0", topology={"rack": "a"})
    assert _node_selectors(scenario) == [{"rack": "a"}]
