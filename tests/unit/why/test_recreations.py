"""Why a group was recreated: from the failed pod to the group that is ready again."""

from lws_events.commands import DeleteLeaderPod
from lws_events.decisions import Decision, GroupRecreationStarted, LeaderReplacementStarted
from lws_events.events import ContainerExit
from projections.why.model import RECREATION, REPLACEMENT, Chain
from projections.why.stories import stories
from tests.journal_builder import SAMPLE, JournalBuilder


def _started(group: str, failure: str) -> GroupRecreationStarted:
    return GroupRecreationStarted(
        group=f"sample-{group}",
        leader=f"sample-{group}",
        leader_uid=f"l{group}",
        failed_pod=f"sample-{group}-1",
        failed_uid=f"w{group}",
        failure=failure,
    )


def _running_group(journal: JournalBuilder, group: str, suffix: str = "") -> None:
    journal.running(f"sample-{group}", uid=f"l{group}{suffix}", node="node-1")
    journal.running(f"sample-{group}-1", uid=f"w{group}{suffix}", node="node-7")


def _chains(journal: JournalBuilder, *, group: str | None = None) -> list[Chain]:
    return list(stories(journal.steps, SAMPLE, group=group, kinds=(RECREATION, REPLACEMENT)))


def _oom(journal: JournalBuilder, group: str) -> Decision:
    ended = ContainerExit("main", 137, "OOMKilled")
    journal.pod_deleted(f"sample-{group}-1", uid=f"w{group}", last_exit=ended)
    return journal.decided(
        facts=[_started(group, "deleted")], commands=[DeleteLeaderPod(name=f"sample-{group}", uid=f"l{group}")]
    )


def test_the_whole_chain_with_elapsed_times() -> None:
    journal = JournalBuilder()
    _running_group(journal, "0")
    decision = _oom(journal.later(milliseconds=60_000), "0")
    journal.later(milliseconds=5).succeeded(decision)
    journal.later(milliseconds=95).pod_deleted("sample-0", uid="l0")
    journal.later(milliseconds=100).pod("sample-0", uid="l0-new")
    _running_group(journal.later(milliseconds=800), "0", "-new")

    (chain,) = _chains(journal)
    assert (chain.kind, chain.complete) == (RECREATION, True)
    assert (chain.group, chain.leader, chain.failed_pod, chain.failure) == ("0", "sample-0", "sample-0-1", "deleted")
    assert chain.elapsed_ms == 1000
    assert [(link.elapsed_ms, link.what) for link in chain.links] == [
        (0, "pod sample-0-1 is gone (container main exited with 137 (OOMKilled)), it was on node node-7"),
        (0, "the kernel killed container main for its memory, and the pod was deleted"),
        (0, "decided by version 2: group 0 is recreated as a whole (deleted)"),
        (0, "command e1-4-0: delete leader pod sample-0 (uid l0) and, in foreground, its group"),
        (5, "the API server accepted the deletion"),
        (100, "pod sample-0 is gone"),
        (200, "new leader pod sample-0 was created (uid l0-new)"),
        (1000, "group 0 is ready: all 2 pods are"),
    ]
    assert [link.sequence for link in chain.links] == [4, 4, 4, 4, 5, 6, 7, 9]


def test_a_chain_ends_where_the_journal_ends() -> None:
    journal = JournalBuilder()
    _running_group(journal, "0")
    decision = _oom(journal, "0")
    journal.failed(decision, code=403, reason="Forbidden")
    (chain,) = _chains(journal)
    assert not chain.complete
    assert chain.links[-1].what == "it failed, 403 Forbidden"


def test_groups_recreated_at_once_have_their_own_chains() -> None:
    journal = JournalBuilder()
    for group in ("0", "1", "2"):
        _running_group(journal, group)
    decisions = {group: _oom(journal, group) for group in ("0", "1", "2")}
    for group in ("2", "0"):
        journal.succeeded(decisions[group])
        journal.pod_deleted(f"sample-{group}", uid=f"l{group}")
        _running_group(journal, group, "-new")
    chains = _chains(journal)
    assert [(chain.group, chain.complete) for chain in chains] == [("2", True), ("0", True), ("1", False)]
    assert [chain.group for chain in _chains(journal, group="sample-1")] == ["1"]


def test_an_old_worker_that_is_still_there_keeps_the_group_from_being_ready() -> None:
    journal = JournalBuilder()
    _running_group(journal, "0")
    ended = ContainerExit("main", 1, "Error")
    journal.pod("sample-0-1", uid="w0", phase="Running", restarts=1, last_exit=ended, node="node-7", worker=True)
    decision = journal.decided(
        facts=[_started("0", "container restarted")], commands=[DeleteLeaderPod(name="sample-0", uid="l0")]
    )
    journal.succeeded(decision)
    journal.pod("sample-0-1", uid="w0", phase="Running", ready=True, deleting_since="2026-01-01T00:00:01Z")
    journal.pod_deleted("sample-0", uid="l0")
    journal.running("sample-0", uid="l0-new")
    (chain,) = _chains(journal)
    assert not chain.complete
    assert "node-7" in chain.links[0].what
    assert "container main exited with 1 (Error)" in chain.links[0].what


def test_a_leader_that_was_replaced_for_a_rolling_update_has_a_chain() -> None:
    journal = JournalBuilder()
    _running_group(journal, "0")
    journal.pod("sample-0", uid="l0")
    started = LeaderReplacementStarted(group="sample-0", leader_uid="l0", partition=1, because="it is in the way")
    decision = journal.decided(facts=[started], commands=[DeleteLeaderPod(name="sample-0", uid="l0")])
    journal.later(milliseconds=5).succeeded(decision)
    journal.later(milliseconds=95).pod_deleted("sample-0", uid="l0")
    _running_group(journal.later(milliseconds=900), "0", "-new")
    (chain,) = _chains(journal)
    assert chain.complete
    why = "not ready, replaced for the rolling update: it is in the way"
    assert (chain.kind, chain.failed_pod, chain.failure) == (REPLACEMENT, "sample-0", why)
    assert chain.links[1].what == "decided by version 2: group 0 is replaced as a whole, because it is in the way"
