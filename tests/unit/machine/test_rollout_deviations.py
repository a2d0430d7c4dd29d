"""Where rolling updates differ from the reference on purpose (spec D8, D9, D14, D16, D18, D19, D21, D24, D28)."""

import msgspec

from lws_events import commands, events, names, subjects
from lws_events.decisions import (
    GroupRecreationStarted,
    LeaderReplacementStarted,
    RolloutBlocked,
    RolloutStepped,
)
from lws_events.machine.rollout import refinements
from lws_events.machine.rollout.blocked import DELAY_MS as BLOCKED_MS
from lws_events.machine.rollout.planner import Plan, Present, Situation
from tests.rollout_model import Rollout

TOPOLOGY = names.EXCLUSIVE_TOPOLOGY
READY_4 = 0b1111


def rolling(replicas: int = 4, **budgets: int) -> Rollout:
    model = Rollout(replicas=replicas, rolloutStrategy={"rollingUpdateConfiguration": budgets})
    model.begin()
    return model


def fire(model: Rollout, prefix: str) -> None:
    """Let the one timer whose name begins so fire, and everything that follows happen."""
    (timer,) = [timer for timer in model.state.timers if timer.startswith(prefix)]
    model.fire(timer)
    model.settle()


def warnings(model: Rollout) -> list[str]:
    found = model.commanded(commands.RecordEvent)
    return [each.note for each in found if each.reason == "RolloutBlocked" and each.type == "Warning"]


def test_a_terminating_leader_is_not_ready() -> None:
    """D8: else the next group would go while one is already on its way out."""
    model = rolling()
    model.pod("sample-0", uid=model.pods[0].uid, deleting_since="2026-01-01T00:00:00Z")
    model.template("B")
    assert model.written == [(4, 4)]


def test_surge_and_update_are_both_told_after_the_apply_has_succeeded() -> None:
    """D15: the reference tells of surge groups that go before the apply, and again after a failed one."""
    model = Rollout(replicas=6)
    model.begin()
    model.template("B")
    model.make_ready(5)
    model.apply_set(replicas=3)
    issued = model.state.in_flight["statefulset/sample"]
    assert [(event.reason, event.note) for event in issued.announcements] == [
        ("GroupsProgressing", "deleting surge replicas from sample-3 to sample-5"),
        ("GroupsUpdating", "Updating replica 3"),
    ]
    model.fail(issued, code=500, reason="InternalError")
    model.fire("retry/statefulset/sample")
    model.forget()
    model.settle()
    assert model.notes[0] == "deleting surge replicas from sample-3 to sample-5"


def test_fewer_groups_at_rest_need_no_surge() -> None:
    """D16: the reference grows to 5 here (example k of spec 4.5.4)."""
    now = Situation(3, 0, 1, 2, Present(4, 0, 4), ready=0b1000, updated=READY_4)
    assert refinements.plan(now) == Plan(0, 3, "scaled")


def test_unready_groups_at_rest_above_partition_0_need_no_surge() -> None:
    """D16, without any scaling: above partition 0 the reference's planner is never at rest."""
    model = rolling(maxSurge=2, partition=2)
    for index in (0, 1, 3):
        model.make_ready(index, ready=False)
    assert model.written == []


def test_a_scale_down_in_a_rollout_keeps_its_surge() -> None:
    now = Situation(3, 0, 1, 2, Present(4, 0, 4), ready=0b1000, updated=0b1000, outdated=0b0111)
    assert refinements.plan(now) == Plan(0, 5, "scaled")


def test_surge_groups_stay_as_long_as_the_floor_needs_them() -> None:
    """D18: example o of spec 4.5.4, where the reference removes the ready groups 5 and 6."""
    now = Situation(4, 0, 2, 3, Present(7, 0, 4), ready=0b1100001, updated=0b1111111)
    assert refinements.plan(now) == Plan(0, 6, "step")


def test_percentages_that_round_to_nothing_are_one_group() -> None:
    """D19: a quarter of two groups."""
    model = Rollout(replicas=8, rolloutStrategy={"rollingUpdateConfiguration": {"maxUnavailable": "25%"}})
    model.begin()
    model.change(replicas=2)
    model.template("B")
    assert model.written[-2:] == [(2, 2), (1, 2)]


class TestTopologyAnnotations:
    """D21: they change the leaders' template under an unchanged key."""

    def test_a_changed_annotation_is_rolled_out_within_the_budget(self) -> None:
        model = rolling()
        key = model.state.target_key
        model.change(annotations={TOPOLOGY: "rack"})
        assert (model.written, model.restarted) == ([(4, 4), (3, 4)], [3])
        (stepped, _) = model.facts(RolloutStepped)
        assert stepped.because == "a topology annotation changed, and with it the template of leaders"
        for index, partition in ((3, 2), (2, 1), (1, 0)):
            model.forget()
            model.bind(index, rack="a")
            model.make_ready(index)
            assert model.written == [(partition, 4)]
        model.bind(0, rack="a")
        model.make_ready(0)
        assert model.state.target_key == key
        assert len(model.state.revisions) == 1
        assert model.conditions() == {"Available"}

    def test_it_shows_in_the_status(self) -> None:
        model = rolling()
        model.change(annotations={TOPOLOGY: "rack"})
        assert model.conditions() == {"Progressing", "UpdateInProgress"}

    def test_an_annotation_that_goes_into_no_template_restarts_nothing(self) -> None:
        """The subgroup topology counts only with a subgroup policy."""
        model = rolling()
        model.change(annotations={names.SUBGROUP_EXCLUSIVE_TOPOLOGY: "rack"})
        assert {partition for partition, _ in model.written} <= {0}
        assert model.restarted == []

    def test_a_leader_made_by_hand_is_taken_as_it_is(self) -> None:
        model = Rollout(replicas=4, leaderWorkerTemplate={"size": 1})
        model.begin()
        model.change(annotations={TOPOLOGY: "rack"})
        assert model.state.totals.updated == 1, "the one that was restarted"
        labels = model.pods[0].template.labels | {names.GROUP_INDEX: "0"}
        model.pod("sample-0", uid=model.pods[0].uid, labels=labels, owner=None)
        assert model.state.totals.updated == 2


def test_a_leader_statefulset_without_partition_or_annotation() -> None:
    """D28: no partition is partition 0, no annotation an unchanged number; the reference fails for ever."""
    model = rolling()
    model.template("B")
    model.forget()
    view = model.state.leader_set
    assert view is not None
    fact = msgspec.structs.replace(view, resource_version=model.next_version(), annotations={}, partition=None)
    model.see(subjects.STATEFULSET, "sample", fact)
    assert model.state.leader_set == fact
    (issued,) = model.state.in_flight.values()
    assert isinstance(issued.command, commands.ApplyLeaderStatefulSet)


class TestBlocked:
    """D9: a rollout that waits for groups below the partition says so."""

    def blocked(self, *, annotations: dict[str, str] | None = None) -> Rollout:
        """B breaks at the second group, and the set goes back to its first template."""
        model = Rollout(replicas=4, annotations=annotations)
        model.begin()
        model.template("B")
        model.make_ready(3)
        model.template("i")
        assert model.written[-1] == (4, 4)
        return model

    def test_the_groups_that_hold_the_budget_are_named_once(self) -> None:
        model = self.blocked()
        assert warnings(model) == []
        fire(model, "rollout-blocked/")
        (blocked,) = model.facts(RolloutBlocked)
        assert (blocked.partition, blocked.groups, blocked.count) == (4, ("sample-2",), 1)
        (note,) = warnings(model)
        assert note.startswith("Rolling update cannot go below partition 4: maxUnavailable is used up by groups that ")
        model.make_ready(2)
        model.make_ready(2, ready=False)
        assert not [timer for timer in model.state.timers if timer.startswith("rollout-blocked/")]
        assert len(warnings(model)) == 1

    def test_a_group_that_is_ready_in_time_is_no_news(self) -> None:
        model = self.blocked()
        model.make_ready(2)
        model.at_ms += BLOCKED_MS
        for timer in [timer for timer in model.state.timers if timer.startswith("rollout-blocked/")]:
            model.fire(timer)
        assert model.facts(RolloutBlocked) == []

    def test_a_rollout_that_waits_for_what_it_has_replaced_is_not_blocked(self) -> None:
        model = rolling()
        model.template("B")
        assert not [timer for timer in model.state.timers if timer.startswith("rollout-blocked/")]

    def test_hundreds_of_groups_are_counted_not_named(self) -> None:
        model = Rollout(replicas=40)
        model.begin()
        for index in range(20):
            model.make_ready(index, ready=False)
        model.template("B")
        fire(model, "rollout-blocked/")
        (blocked,) = model.facts(RolloutBlocked)
        assert (len(blocked.groups), blocked.count) == (10, 20)
        assert "sample-9 and 10 more" in warnings(model)[0]

    def test_broken_groups_are_not_touched_without_the_annotation(self) -> None:
        model = self.blocked()
        fire(model, "rollout-blocked/")
        assert model.facts(LeaderReplacementStarted) == []

    def test_with_the_annotation_a_revert_replaces_the_broken_group_and_goes_on(self) -> None:
        model = self.blocked(annotations={names.REPLACE_BROKEN_GROUPS_FIRST: "true"})
        (replaced,) = model.facts(LeaderReplacementStarted)
        assert replaced.group == "sample-2"
        assert model.pods[2].template == model.current, "below the partition it comes back with the old template"
        assert model.facts(GroupRecreationStarted) == []
        model.make_ready(2)
        assert model.partition == 3
        model.make_ready(3)
        assert model.conditions() == {"Available"}

    def test_a_group_is_replaced_once(self) -> None:
        model = Rollout(replicas=4, annotations={names.REPLACE_BROKEN_GROUPS_FIRST: "true"})
        model.begin()
        model.make_ready(0, ready=False)
        model.template("B")
        assert [fact.group for fact in model.facts(LeaderReplacementStarted)] == ["sample-0"]
        model.make_ready(1, ready=False)
        assert len(model.facts(LeaderReplacementStarted)) == 1, "group 1 broke after the rollout began"

    def test_a_refused_deletion_is_asked_for_again(self) -> None:
        model = Rollout(replicas=4, annotations={names.REPLACE_BROKEN_GROUPS_FIRST: "true"})
        model.begin()
        model.make_ready(0, ready=False)
        model.hold_deletions = True
        model.template("B")
        (issued,) = [
            each for each in model.state.in_flight.values() if isinstance(each.command, commands.DeleteLeaderPod)
        ]
        model.fail(issued, code=500, reason="InternalError")
        model.hold_deletions = False
        fire(model, "retry/pod/sample-0")
        assert model.restarted[-1] == 0
        assert len(model.facts(LeaderReplacementStarted)) == 1


class TestStuck:
    """D24: the StatefulSet controller counts broken leaders, and does not replace them."""

    def all_down(self, *, gate: bool = True) -> Rollout:
        model = Rollout(replicas=3, gate=gate)
        model.begin()
        for index in range(3):
            model.make_ready(index, ready=False)
        model.forget()
        model.template("B")
        return model

    def test_the_highest_broken_leader_is_replaced_after_a_while(self) -> None:
        model = self.all_down()
        assert (model.partition, model.restarted) == (2, [])
        fire(model, "stuck-leader/")
        assert model.restarted == [2]
        (replaced,) = model.facts(LeaderReplacementStarted)
        assert replaced.because == "it has the old template, and 1 or more leaders being down stop the StatefulSet"
        events_ = [each.announce.note for each in model.issued(commands.DeleteLeaderPod) if each.announce]
        assert events_ == [f"Deleted leader pod sample-2, which is not ready, because {replaced.because}"]
        assert model.facts(GroupRecreationStarted) == []

    def test_the_whole_set_is_cured_so(self) -> None:
        model = self.all_down()
        for index in (2, 1, 0):
            fire(model, "stuck-leader/")
            model.make_ready(index)
        assert model.conditions() == {"Available"}
        assert model.partition == 0

    def test_the_statefulset_controller_is_left_alone_where_it_acts_by_itself(self) -> None:
        model = self.all_down(gate=False)
        assert model.restarted == [2]
        assert not [timer for timer in model.state.timers if timer.startswith("stuck-leader/")]

    def test_a_change_of_the_statefulset_starts_the_time_anew(self) -> None:
        model = self.all_down()
        model.make_ready(0)
        model.make_ready(0, ready=False)
        timers = [timer for timer in model.state.timers if timer.startswith("stuck-leader/")]
        assert len(timers) > 1
        for timer in timers[:-1]:
            model.fire(timer)
        assert model.commanded(commands.DeleteLeaderPod) == []
        model.fire(timers[-1])
        model.settle()
        assert model.restarted == [2]


class TestStaleWatches:
    """What was applied counts from its answer on, whether a watch has shown it or not."""

    def test_no_step_is_taken_twice_or_skipped(self) -> None:
        model = rolling()
        seen = model.state.leader_set
        assert seen is not None
        model.hide_leader_set = True
        model.template("B")
        assert model.written == [(4, 4), (3, 4)]
        assert model.state.leader_set == seen, "no watch has shown any of it"
        model.hide_leader_set = False
        model.settle()
        assert model.written == [(4, 4), (3, 4)]
        assert model.restarted == [3]

    def test_a_change_by_hand_is_planned_from(self) -> None:
        """As in the reference the partition never rises within a rollout: what somebody lowered stays lowered."""
        model = rolling()
        model.template("B")
        model.forget()
        model.partition, model.leader_set_generation = 1, model.leader_set_generation + 1
        model.show_leader_set()
        model.settle()
        assert model.partition == 1


def test_one_event_in_a_set_of_many_groups_leads_to_one_step() -> None:
    model = Rollout(replicas=50, rolloutStrategy={"rollingUpdateConfiguration": {"maxUnavailable": 5}})
    model.begin()
    model.template("B")
    model.forget()
    decisions = len(model.decisions)
    model.make_ready(49)
    steps = [
        fact for decision in model.decisions[decisions:] for fact in decision.facts if isinstance(fact, RolloutStepped)
    ]
    assert [(step.partition_before, step.partition) for step in steps] == [(45, 44)]


def test_a_failing_worker_of_a_leader_that_is_replaced_recreates_nothing() -> None:
    model = rolling()
    model.make_ready(0, ready=False)
    model.hold_deletions = True
    model.change(annotations={names.REPLACE_BROKEN_GROUPS_FIRST: "true"})
    model.template("B")
    leader = model.group(0).leader
    assert leader is not None
    assert model.group(0).recreating == leader.view.uid
    owner = events.Owner("StatefulSet", "sample-0", f"sample-0-sts-of-{leader.view.uid}")
    key = leader.view.labels[names.REVISION_KEY]
    model.pod("sample-0-1", labels={names.SET_NAME: "sample", names.REVISION_KEY: key}, owner=owner)
    model.pod_deleted("sample-0-1")
    assert model.facts(GroupRecreationStarted) == []
