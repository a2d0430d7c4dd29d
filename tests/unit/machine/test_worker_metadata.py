"""Changed labels and annotations of a set reach the worker StatefulSets that exist, and nothing else of them (D31)."""

from typing import Any

import msgspec
import pytest

from lws_events import events, names, subjects
from lws_events.commands import ApplyWorkerMetadata, RecordEvent
from lws_events.machine.worker_metadata import RUNNING_MAX
from tests.scenario import Scenario


def change(scenario: Scenario, **metadata: dict[str, str]) -> None:
    scenario.generation += 1
    fact = events.SetObserved(
        uid=scenario.set_uid,
        resource_version=scenario.next_version(),
        generation=scenario.generation,
        spec=msgspec.Raw(msgspec.json.encode(scenario.spec)),
        **metadata,  # type: ignore[arg-type]
    )
    scenario.see(subjects.SET, "sample", fact)


def sent(scenario: Scenario) -> list[Any]:
    return [msgspec.json.decode(each.manifest) for each in scenario.commanded(ApplyWorkerMetadata)]


def test_a_change_is_applied_to_every_group_without_a_spec() -> None:
    scenario = Scenario()
    scenario.run()
    change(scenario, labels={"team": "a", names.GROUP_INDEX: "7"}, annotations={"note": "b", "lws-events.io/x": "y"})
    scenario.carry_out()
    uids = [scenario.group(index).worker_set.uid for index in range(2)]  # type: ignore[union-attr]
    assert sent(scenario) == [
        {
            "apiVersion": "apps/v1",
            "kind": "StatefulSet",
            "metadata": {
                "name": f"sample-{index}",
                "namespace": "default",
                "uid": uids[index],
                "labels": {"team": "a"},  # the group's own labels are not the set's
                "annotations": {"note": "b", "lws-events.io/x": "y"},
            },
        }
        for index in range(2)
    ]
    change(scenario, labels={}, annotations={"note": "b"})
    scenario.carry_out()
    last = scenario.commanded(ApplyWorkerMetadata)[-1]
    assert (last.dropped_labels, last.dropped_annotations) == (("team",), ("lws-events.io/x",))
    assert len(sent(scenario)) == 4


def test_a_change_of_the_spec_alone_and_a_take_over_send_nothing() -> None:
    scenario = Scenario()
    scenario.run()
    scenario.apply_set(replicas=1)
    scenario.carry_out()
    assert sent(scenario) == []
    adopted = Scenario()
    adopted.annotations = {"note": "newer than the StatefulSets"}
    adopted.run()
    adopted.apply_set()
    assert sent(adopted) == []


def test_many_groups_are_served_a_few_at_a_time() -> None:
    scenario = Scenario(replicas=3 * RUNNING_MAX, leaderWorkerTemplate={"size": 2})
    scenario.run()
    change(scenario, labels={"team": "a"})
    assert scenario.state.metadata_running == len(sent(scenario)) == RUNNING_MAX
    for count in range(1, 2 * RUNNING_MAX + 1):
        scenario.succeed(scenario.issued(ApplyWorkerMetadata)[count - 1])
        assert len(sent(scenario)) == RUNNING_MAX + count
    for issued in scenario.issued(ApplyWorkerMetadata)[2 * RUNNING_MAX :]:
        scenario.succeed(issued)
    assert (scenario.state.metadata_running, scenario.state.metadata_due) == (0, {})
    assert sorted(each["metadata"]["name"] for each in sent(scenario)) == sorted(scenario.state.groups)


def test_a_second_change_reaches_also_those_under_way() -> None:
    scenario = Scenario()
    scenario.run()
    change(scenario, labels={"team": "a"})
    change(scenario, labels={"team": "b"})
    scenario.carry_out()
    last = {each["metadata"]["name"]: each["metadata"]["labels"] for each in sent(scenario)}
    assert last == {"sample-0": {"team": "b"}, "sample-1": {"team": "b"}}


@pytest.mark.parametrize(("reason", "again"), [("Conflict", False), ("NotFound", False), ("InternalError", True)])
def test_what_is_refused_is_sent_again_unless_it_is_gone(reason: str, again: bool) -> None:
    scenario = Scenario()
    scenario.run()
    change(scenario, labels={"team": "a"})
    for issued in scenario.issued(ApplyWorkerMetadata):
        scenario.fail(issued, code=500, reason=reason)
    assert len(sent(scenario)) == 2
    assert ("retry/metadata/sample-0" in scenario.state.timers) == again
    if again:
        scenario.fire("retry/metadata/sample-0")
        assert len(sent(scenario)) == 3
    assert scenario.commanded(RecordEvent) == []


def test_a_group_that_is_rebuilt_meanwhile_has_the_metadata_already() -> None:
    scenario = Scenario(replicas=RUNNING_MAX + 1, leaderWorkerTemplate={"size": 2})
    scenario.run()
    change(scenario, labels={"team": "a"})
    (waiting,) = scenario.state.metadata_due
    group = scenario.state.groups[waiting]
    assert group.worker_set is not None
    scenario.worker_set_deleted(waiting, uid=group.worker_set.uid)
    assert scenario.state.metadata_due == {}


def test_a_deleted_set_leaves_nothing_to_do() -> None:
    scenario = Scenario(replicas=RUNNING_MAX + 1, leaderWorkerTemplate={"size": 2})
    scenario.run()
    change(scenario, labels={"team": "a"})
    gone = events.SetDeleted(uid=scenario.set_uid, resource_version=scenario.next_version())
    scenario.see(subjects.SET, "sample", gone)
    before = len(sent(scenario))
    for issued in scenario.issued(ApplyWorkerMetadata):
        scenario.succeed(issued)
    assert len(sent(scenario)) == before
    assert scenario.state.metadata_running == 0


def test_scaled_workers_are_told_of_once_and_left_alone() -> None:
    scenario = Scenario()
    scenario.run()
    current = scenario.group(1).worker_set
    assert current is not None
    for available in (2, 5, 5):
        view = msgspec.structs.replace(
            current, replicas=5, available_replicas=available, resource_version=scenario.next_version()
        )
        scenario.see(subjects.STATEFULSET, "sample-1", view)
        scenario.carry_out()
    warnings = [(each.reason, each.note) for each in scenario.commanded(RecordEvent) if each.type == "Warning"]
    note = "worker statefulset sample-1 has 5 replicas instead of 2: it is not repaired"
    assert warnings == [("FailedUpdate", note)]
    assert sent(scenario) == []
