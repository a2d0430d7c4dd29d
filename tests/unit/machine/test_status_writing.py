"""When the status is written: at once where it matters, otherwise now and then (spec 1.6, D8, D54, D55, D56)."""

import msgspec

from lws_events import events, subjects
from lws_events.commands import (
    ApplyLeaderStatefulSet,
    CreateControllerRevision,
    DeleteControllerRevision,
    SetTimer,
    UpdateSetStatus,
)
from lws_events.decisions import ConditionChanged
from lws_events.machine.status import COUNTS_INTERVAL_MS
from tests.scenario import Scenario

GOING = "2024-01-01T00:00:00Z"


def _running(**spec: object) -> Scenario:
    scenario = Scenario(**spec)
    scenario.run()
    scenario.at_ms += 60_000
    scenario.fire("status")
    scenario.carry_out()
    return scenario


def _written(scenario: Scenario) -> list[dict[str, object]]:
    return [msgspec.json.decode(each.status) for each in scenario.commanded(UpdateSetStatus)]


def _conditions(scenario: Scenario) -> dict[str, tuple[str, str]]:
    return {each["type"]: (each["status"], each["lastTransitionTime"]) for each in scenario.state.status["conditions"]}


def test_a_storm_of_readiness_changes_becomes_a_few_writes() -> None:
    scenario = Scenario(replicas=50, leaderWorkerTemplate={"size": 1})
    scenario.apply_set()
    scenario.carry_out()
    scenario.at_ms += 60_000
    for index in range(49):
        scenario.at_ms += 10
        scenario.pod(f"sample-{index}")
        for issued in list(scenario.state.in_flight.values()):
            scenario.succeed(issued)
    assert len(_written(scenario)) == 2  # creation, and the first change; the rest waits for the timer
    assert scenario.state.timers["status"] == scenario.state.status_written_ms + COUNTS_INTERVAL_MS
    assert len(scenario.issued(SetTimer)) == 1
    scenario.fire("status")
    assert _written(scenario)[-1]["readyReplicas"] == 49


def test_while_a_write_is_in_flight_there_is_no_other_and_the_answer_brings_the_newest() -> None:
    scenario = _running()
    scenario.pod("sample-0", ready=False)
    count = len(_written(scenario))
    scenario.at_ms += 60_000
    scenario.pod("sample-1", ready=False)
    assert len(_written(scenario)) == count
    scenario.succeed(scenario.issued(UpdateSetStatus)[-1])
    assert len(_written(scenario)) == count + 1
    assert "readyReplicas" not in _written(scenario)[-1]


def _written_by_another(scenario: Scenario, *, resource_version: str) -> None:
    foreign = events.SetStatusObserved(
        uid="set-uid", resource_version=resource_version, status=msgspec.Raw(b'{"replicas":77}')
    )
    scenario.see(subjects.SET_STATUS, "sample", foreign)


def test_a_status_that_another_wrote_after_ours_is_put_right_when_the_answer_to_ours_comes() -> None:
    scenario = _running()
    scenario.pod("sample-0", ready=False)
    count = len(_written(scenario))
    _written_by_another(scenario, resource_version="5001")
    scenario.succeed(scenario.issued(UpdateSetStatus)[-1], resource_version="5000")
    assert len(_written(scenario)) == count + 1


def test_a_status_that_another_wrote_is_known_after_our_write_has_failed() -> None:
    scenario = _running()
    scenario.pod("sample-0", ready=False)
    _written_by_another(scenario, resource_version="5001")
    scenario.fail(scenario.issued(UpdateSetStatus)[-1], code=500, reason="InternalError")
    assert scenario.state.status == {"replicas": 77}


def test_a_condition_that_changes_is_written_at_once_with_its_event() -> None:
    scenario = _running()
    scenario.pod("sample-0", ready=False)
    scenario.carry_out()
    scenario.pod("sample-0")
    scenario.carry_out()
    said = [each.announce.note for each in scenario.issued(UpdateSetStatus) if each.announce is not None]
    assert said[-2:] == [
        "Replicas are progressing, with 1 groups ready of total 2 groups",
        "All replicas are ready, with 2 groups ready of total 2 groups",
    ]
    changed = [(fact.condition, fact.status) for fact in scenario.facts(ConditionChanged)][-4:]
    assert changed == [("Progressing", "True"), ("Available", "False"), ("Progressing", "False"), ("Available", "True")]


def test_d54_a_new_generation_is_written_at_once_and_moves_no_time() -> None:
    scenario = _running()
    before = _conditions(scenario)
    scenario.apply_set(startupPolicy="LeaderReady")
    scenario.carry_out()
    assert scenario.state.status["observedGeneration"] == 2
    assert _conditions(scenario) == before
    assert {each["observedGeneration"] for each in scenario.state.status["conditions"]} == {2}
    assert scenario.issued(UpdateSetStatus)[-1].announce is None


def test_d8_a_leader_or_worker_statefulset_on_its_way_out_is_not_ready() -> None:
    scenario = _running()
    scenario.pod("sample-0", deleting_since=GOING)
    scenario.carry_out()
    scenario.worker_set("sample-1", uid="sample-1-sts-of-sample-1-uid", deleting_since=GOING)
    scenario.fire("status")
    scenario.carry_out()
    assert "readyReplicas" not in scenario.state.status
    assert scenario.state.status["updatedReplicas"] == 2


def test_d55_a_group_without_worker_statefulset_is_not_counted() -> None:
    scenario = _running()
    scenario.worker_set_deleted("sample-0", uid="sample-0-sts-of-sample-0-uid")
    assert _written(scenario)[-1]["updatedReplicas"] == 1


def test_report_705_workers_that_exist_without_being_available_are_not_ready() -> None:
    scenario = _running()
    scenario.worker_set("sample-0", uid="sample-0-sts-of-sample-0-uid", available=1)
    assert _written(scenario)[-1]["readyReplicas"] == 1


def test_d56_old_revisions_of_a_set_without_groups_stay_until_the_last_group_is_gone() -> None:
    scenario = _running()
    scenario.apply_set(replicas=0, leaderWorkerTemplate={"workerTemplate": {"metadata": {"labels": {"v": "2"}}}})
    revision = scenario.issued(CreateControllerRevision)[-1]
    scenario.show_result(revision)
    scenario.succeed(revision)
    scenario.leader_set(status_replicas=2)
    scenario.succeed(scenario.issued(ApplyLeaderStatefulSet)[-1])
    assert scenario.issued(DeleteControllerRevision) == []
    scenario.leader_set(status_replicas=0)
    assert len(scenario.issued(DeleteControllerRevision)) == 1


def test_d12_revisions_are_counted_as_the_reference_counts_them() -> None:
    """1 after creation, 2 in a rollout, 3 when a second change arrives in its middle, 1 when everything is done."""
    scenario = _running()
    assert len(scenario.state.revisions) == 1
    for version in ("2", "3"):
        scenario.apply_set(leaderWorkerTemplate={"workerTemplate": {"metadata": {"labels": {"v": version}}}})
        scenario.carry_out()
        assert len(scenario.state.revisions) == int(version)
    for index in range(2):
        scenario.pod_deleted(f"sample-{index}")
        scenario.worker_set_deleted(f"sample-{index}", uid=f"sample-{index}-sts-of-sample-{index}-uid")
        scenario.run_group(index, incarnation="-2")
    assert list(scenario.state.revisions) == [f"sample-{scenario.state.target_key}-3"]


def test_d12_a_template_that_returns_uses_its_revision_again() -> None:
    scenario = _running()
    first = scenario.state.target_key
    original = scenario.spec["leaderWorkerTemplate"]["workerTemplate"]
    scenario.apply_set(leaderWorkerTemplate={"workerTemplate": {"metadata": {"labels": {"v": "2"}}}})
    scenario.carry_out()
    assert scenario.state.target_key != first
    scenario.spec["leaderWorkerTemplate"]["workerTemplate"] = original
    scenario.apply_set()
    scenario.carry_out()
    assert scenario.state.target_key == first
    assert len(scenario.issued(CreateControllerRevision)) == 2
    assert list(scenario.state.revisions) == [f"sample-{first}-1"]  # no group ever left it


def test_what_somebody_else_wrote_into_the_status_is_put_right() -> None:
    scenario = _running()
    for status in (b'{"conditions":null}', b'{"conditions":[1,{"type":2}],"readyReplicas":9}', b"null", b"[]"):
        fact = events.SetStatusObserved(
            uid="set-uid", resource_version=scenario.next_version(), status=msgspec.Raw(status)
        )
        scenario.see(subjects.SET_STATUS, "sample", fact)
        scenario.carry_out()
        assert scenario.state.status["readyReplicas"] == 2
        assert _conditions(scenario)["Available"][0] == "True"


def test_a_clock_that_was_set_back_does_not_put_the_counts_off() -> None:
    scenario = Scenario(replicas=3)
    scenario.run()
    scenario.pod("sample-0", ready=False)
    scenario.carry_out()
    scenario.at_ms -= 3_600_000
    count = len(_written(scenario))
    scenario.pod("sample-1", ready=False)
    assert len(_written(scenario)) == count + 1
