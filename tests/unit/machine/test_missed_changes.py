"""A set that was changed while nobody was watching: nothing is decided by what it was before (``SetChangeMissed``)."""

import msgspec

from lws_events import events, names, subjects
from lws_events.commands import ApplyLeaderStatefulSet
from tests.scenario import Scenario


def announced(scenario: Scenario, *, uid: str = "", version: str = "") -> None:
    fact = events.SetChangeMissed(uid=uid or scenario.set_uid, resource_version=version or "99999")
    scenario.see(subjects.MISSED, "sample", fact)


def scaled_by_another_controller(scenario: Scenario) -> None:
    """The reference has acted on a change that the machine does not know of yet."""
    view = scenario.state.leader_set
    assert view is not None
    now = msgspec.structs.replace(
        view,
        replicas=3,
        generation=view.generation + 1,
        annotations={names.REPLICAS: "3"},
        resource_version=scenario.next_version(),
    )
    scenario.see(subjects.STATEFULSET, "sample", now)


def test_what_another_controller_did_is_judged_by_the_present_set() -> None:
    scenario = Scenario(replicas=2)
    scenario.run()
    before = len(scenario.issued())
    announced(scenario)
    scaled_by_another_controller(scenario)
    scenario.pod("sample-2")
    assert len(scenario.issued()) == before  # or the third group would be taken away again
    scenario.apply_set(replicas=3)
    replicas = [
        (msgspec.json.decode(each.manifest)["spec"]["replicas"], each.adopts)
        for each in scenario.commanded(ApplyLeaderStatefulSet)
    ]
    assert replicas == [(2, False), (3, True)]


def test_a_failure_that_was_missed_with_it_is_judged_in_the_end() -> None:
    scenario = Scenario(replicas=2)
    scenario.run()
    announced(scenario)
    scenario.pod_deleted("sample-1-1")
    assert not scenario.group(1).recreating
    scenario.apply_set(annotations={"a": "b"})
    assert scenario.group(1).recreating == "sample-1-uid"


def test_what_is_known_already_or_of_another_set_holds_up_nothing() -> None:
    scenario = Scenario(replicas=2)
    scenario.run()
    assert scenario.state.set_ is not None
    for uid, version in (("", scenario.state.set_.resource_version), ("another", "")):
        announced(scenario, uid=uid, version=version)
        assert scenario.state.is_active


def test_a_set_that_cannot_be_recorded_is_decided_about_as_it_was_known() -> None:
    scenario = Scenario(replicas=2)
    scenario.run()
    announced(scenario)
    assert not scenario.state.is_active
    fact = events.ObjectNotRecorded(uid="set-uid", resource_version="99999", kind=subjects.SET, problem="too large")
    scenario.see(subjects.UNRECORDED, "set/sample", fact)
    assert scenario.state.is_active


def test_the_end_of_the_set_ends_the_waiting() -> None:
    scenario = Scenario(replicas=1)
    scenario.run()
    announced(scenario)
    scenario.see(subjects.SET, "sample", events.SetDeleted(uid="set-uid", resource_version=scenario.next_version()))
    scenario.set_uid = "next"
    scenario.apply_set()
    assert scenario.state.is_active


def test_an_apply_that_was_overtaken_by_another_controller_is_decided_anew() -> None:
    """In flight at a crash; meanwhile the reference has scaled further, so that it would take groups away again."""
    scenario = Scenario(replicas=1)
    scenario.run()
    scenario.apply_set(replicas=2)
    [in_flight] = [
        each for each in scenario.state.in_flight.values() if isinstance(each.command, ApplyLeaderStatefulSet)
    ]
    announced(scenario)
    scaled_by_another_controller(scenario)
    scenario.apply_set(replicas=3)
    assert len(scenario.commanded(ApplyLeaderStatefulSet)) == 2, "one at a time"
    scenario.fail(in_flight, code=0, reason=events.SUPERSEDED)
    last = scenario.commanded(ApplyLeaderStatefulSet)[-1]
    assert (msgspec.json.decode(last.manifest)["spec"]["replicas"], last.adopts) == (3, True)
    assert scenario.state.warned == {}
    assert scenario.state.retries == {}
