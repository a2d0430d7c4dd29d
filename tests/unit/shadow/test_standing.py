"""Whether what was commanded has been done, read off what the cluster shows."""

import msgspec

from adapters.shadow.standing import Standing, standing, status_summary
from adapters.shadow.suppositions import service_wanted, worker_set_wanted
from lws_events import commands, events
from tests.scenario import Scenario


def _of(scenario: Scenario, kind: type[commands.Command]) -> Standing:
    return standing(scenario.state, scenario.issued(kind)[-1].command)


def test_what_a_new_set_needs_is_met_once_it_is_seen() -> None:
    scenario = Scenario()
    scenario.apply_set()
    for kind in (commands.CreateControllerRevision, commands.CreateService):
        assert _of(scenario, kind) == Standing()
        scenario.show_result(scenario.issued(kind)[-1])
        assert _of(scenario, kind).met
        scenario.succeed(scenario.issued(kind)[-1])
    apply = scenario.issued(commands.ApplyLeaderStatefulSet)[-1]
    assert not standing(scenario.state, apply.command).met
    scenario.leader_set(partition=1)
    unmet = standing(scenario.state, apply.command)
    assert [(field.path, field.ours, field.theirs) for field in unmet.fields] == [
        ("spec.updateStrategy.rollingUpdate.partition", "0", "1")
    ]
    scenario.leader_set()
    met = standing(scenario.state, apply.command)
    assert (met.met, met.uid, met.name) == (True, "leader-set-uid", "sample")


def test_a_recreation_is_met_by_its_leaders_end_and_moot_without_the_set() -> None:
    scenario = Scenario()
    scenario.run()
    scenario.pod("sample-0-1", restarts=1)
    command = scenario.issued(commands.DeleteLeaderPod)[-1].command
    assert standing(scenario.state, command) == Standing()
    scenario.pod("sample-0", deleting_since="2026-01-01T00:00:00Z")
    assert standing(scenario.state, command).met
    scenario.see("set", "sample", events.SetDeleted(uid=scenario.set_uid, resource_version=scenario.next_version()))
    assert standing(scenario.state, command).moot


def test_of_a_status_counts_and_conditions_are_compared_and_no_times() -> None:
    ours = {"readyReplicas": 1, "conditions": [{"type": "Available", "status": "True", "lastTransitionTime": "now"}]}
    theirs = {"readyReplicas": 1, "replicas": 0, "conditions": [{"type": "Available", "status": "True"}]}
    assert status_summary(ours) == status_summary(theirs)
    assert status_summary(ours) != status_summary(theirs | {"readyReplicas": 2})


def test_what_the_machine_would_create_is_asked_without_leaving_a_trace() -> None:
    scenario = Scenario()
    scenario.run()
    before = msgspec.json.encode(scenario.state)
    wanted = worker_set_wanted(scenario.state, "sample-1", leader_uid="sample-1-uid", at_ms=scenario.at_ms)
    assert isinstance(wanted, commands.CreateWorkerStatefulSet)
    shared = service_wanted(scenario.state, "sample", owner_uid=scenario.set_uid, at_ms=scenario.at_ms)
    assert isinstance(shared, commands.CreateService)
    assert worker_set_wanted(scenario.state, "sample-1", leader_uid="another", at_ms=scenario.at_ms) is None
    assert service_wanted(scenario.state, "sample-1", owner_uid="sample-1-uid", at_ms=scenario.at_ms) is None
    assert msgspec.json.encode(scenario.state) == before
