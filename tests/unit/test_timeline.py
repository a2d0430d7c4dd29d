"""A timeline tells what happened to a set or a group, and why."""

from lws_events.commands import CreateWorkerStatefulSet, DeleteLeaderPod, RecordEvent, UpdateSetStatus
from lws_events.decisions import ConditionChanged, FailureLeftAlone, GroupChanged, GroupRecreationStarted
from lws_events.events import ContainerExit
from projections.entries import CLUSTER, CONTROLLER, USER
from projections.journal import Step
from projections.timeline import Timeline, timeline
from tests.journal_builder import SAMPLE, JournalBuilder, raw

LEADER_DELETED = DeleteLeaderPod(name="sample-0", uid="l1")


def _journal() -> JournalBuilder:
    journal = JournalBuilder()
    journal.lws()
    journal.statefulset("sample", uid="sts", replicas=1)
    journal.pod("sample-0", uid="l1", waiting="0/4 nodes are available: 4 Insufficient cpu.")
    created = journal.decided(
        commands=[CreateWorkerStatefulSet(name="sample-0", owner_uid="l1", manifest=raw({}))],
        facts=[GroupChanged(group="sample-0", before="Absent", after="Starting")],
    )
    journal.later(milliseconds=20).succeeded(created)
    journal.statefulset("sample-0", uid="wsts", leader="sample-0", replicas=1)
    journal.running("sample-0", uid="l1", node="rack-1-node-2")
    journal.running("sample-0-1", uid="w1", node="rack-1-node-3")
    journal.later(milliseconds=1000)
    ended = ContainerExit("main", 137, "OOMKilled")
    journal.pod("sample-0-1", uid="w1", phase="Running", restarts=1, last_exit=ended, node="rack-1-node-3", worker=True)
    started = GroupRecreationStarted(
        group="sample-0",
        leader="sample-0",
        leader_uid="l1",
        failed_pod="sample-0-1",
        failed_uid="w1",
        failure="container restarted",
    )
    deletion = journal.decided(commands=[LEADER_DELETED], facts=[started])
    journal.later(milliseconds=8).failed(deletion, code=409, reason="Conflict")
    journal.pod_deleted("sample-0", uid="l1", inferred=True)
    return journal


def test_the_group_is_told_from_creation_to_recreation() -> None:
    told = [(entry.who, entry.what, entry.because) for entry in timeline(_journal().steps, SAMPLE, group="0")]
    assert told[0] == (CLUSTER, "pod sample-0 was created", "")
    whats = [what for _, what, _ in told]
    assert (CLUSTER, "pod sample-0 waits", "0/4 nodes are available: 4 Insufficient cpu.") in told
    assert "done after 20 ms: create worker StatefulSet sample-0" in whats
    assert "worker StatefulSet sample-0 was created for 1 pods" in whats
    assert "pod sample-0-1 was placed on node rack-1-node-3" in whats
    restart = "container main exited with 137 (OOMKilled)"
    assert (CLUSTER, "pod sample-0-1: a container restarted (1 in all)", restart) in told
    recreated = next(entry for entry in told if "recreated as a whole" in entry[1])
    assert recreated[0] == CONTROLLER
    assert "OOMKilled" in recreated[2]
    assert (CONTROLLER, "failed after 8 ms: delete leader pod sample-0 (uid l1) and, in foreground, its group",
            "409 Conflict") in told  # fmt: skip
    assert whats[-1] == "pod sample-0 is gone (inferred: a listing no longer had it)"


def test_one_group_or_the_whole_set() -> None:
    journal = _journal()
    journal.running("sample-1", uid="l2")
    by_token = list(timeline(journal.steps, SAMPLE, group="1"))
    assert {entry.group for entry in by_token} == {"1"}
    assert by_token == list(timeline(journal.steps, SAMPLE, group="sample-1"))
    assert {entry.group for entry in timeline(journal.steps, SAMPLE)} == {"", "0", "1"}


def test_another_set_is_not_told() -> None:
    journal = _journal()
    journal.about(SAMPLE._replace(name="sample-0")).running("sample-0-0", uid="x")
    assert list(timeline(journal.steps, SAMPLE)) == list(timeline(_journal().steps, SAMPLE))


def test_stale_and_repeated_observations_are_not_told_again() -> None:
    journal = JournalBuilder()
    journal.pod("sample-0", uid="l1", phase="Running", resource_version="7")
    before = len(list(timeline(journal.steps, SAMPLE)))
    journal.pod("sample-0", uid="l1", phase="Pending", resource_version="5")
    journal.pod("sample-0", uid="l1", phase="Running", resource_version="7")
    journal.pod_deleted("sample-0", uid="an-earlier-one")
    assert len(list(timeline(journal.steps, SAMPLE))) == before > 0


def test_routine_is_left_out_unless_asked_for_but_failures_never_are() -> None:
    journal = JournalBuilder()
    journal.lws()
    status = UpdateSetStatus(name="sample", uid="lws", status=raw({}))
    note = RecordEvent(type="Normal", reason="GroupsProgressing", action="Create", note="Created", regarding_uid="lws")
    decision = journal.decided(
        commands=[status, note], facts=[ConditionChanged(condition="Progressing", status="True")]
    )
    journal.succeeded(decision, 0)
    journal.failed(decision, 1, code=403, reason="Forbidden")
    brief = [entry.what for entry in timeline(journal.steps, SAMPLE)]
    assert brief == [
        "LeaderWorkerSet sample was created",
        "condition Progressing became True",
        "failed after 0 ms: post the Normal event GroupsProgressing: Created",
    ]
    full = [entry.what for entry in timeline(journal.steps, SAMPLE, routine=True)]
    assert "asks: write the status of LeaderWorkerSet sample" in full
    assert "done after 0 ms: write the status of LeaderWorkerSet sample" in full


def test_users_and_failures_left_alone_are_told() -> None:
    journal = JournalBuilder()
    journal.spec_change("alice")
    journal.pod_deleted("sample-0-1", uid="w1")
    journal.decided(
        facts=[
            FailureLeftAlone(
                group="sample-0", pod="sample-0-1", pod_uid="w1", failure="deleted", because="the policy is None"
            )
        ]
    )
    first, *_, last = timeline(journal.steps, SAMPLE)
    assert (first.who, first.group) == (USER, "")
    assert "alice" in first.what
    assert (last.who, last.group) == (CONTROLLER, "0")
    assert last.what.endswith("because the policy is None")


def test_a_journal_in_pieces_gives_the_same_entries() -> None:
    steps = _journal().steps
    fold = Timeline(SAMPLE)
    entries = []
    for step in steps[1:]:  # the first is the beginning of the epoch, about no set
        entries += fold.add(Step(*step))
    assert entries == list(timeline(steps, SAMPLE))
