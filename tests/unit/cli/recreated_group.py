"""A journal in which the real machine creates a group of two, loses its worker to an OOM kill and recreates the group.

The cluster's side is written by hand; every decision is the machine's own, so that the journal verifies.
"""

from pathlib import Path

from adapters.journal.file_format import JournalFileWriter
from adapters.journal.port import Record
from lws_events import decisions, events, subjects
from lws_events.events import ContainerExit, Owner, StatefulSetDeleted
from lws_events.fleet import Fleet
from tests.journal_builder import CLUSTER, JournalBuilder


def recreated_group() -> JournalBuilder:
    """From the set's creation to the group that is ready again, and one event that is not decided yet."""
    journal = JournalBuilder(machine=Fleet())
    journal.lws(replicas=1, size=2)
    _group(journal, "old")
    journal.later(milliseconds=30_000)
    ended = ContainerExit("main", 137, "OOMKilled")
    journal.pod_deleted("sample-0-1", uid="worker-old", last_exit=ended)
    journal.later(milliseconds=40).answer_commands()
    gone = StatefulSetDeleted(uid="sts-old", resource_version="400")
    journal.later(milliseconds=200).fact(subjects.STATEFULSET, "sample-0", gone)
    journal.pod_deleted("sample-0", uid="leader-old")
    _group(journal.later(milliseconds=500), "new")
    return journal


def write(journal: JournalBuilder, path: Path) -> Path:
    """As ``journal export`` writes it."""
    with JournalFileWriter(path, cluster=CLUSTER, epoch=journal.epoch) as writer:
        for event in journal.events:
            at_ns = event.envelope.at_ms * 1_000_000
            writer.add("events", Record(event.sequence, event.subject, events.encode(event.envelope), at_ns))
        for recorded in journal.decisions:
            data = decisions.encode(recorded.decision)
            writer.add("decisions", Record(recorded.sequence, recorded.subject, data, 0))
    return path


def _group(journal: JournalBuilder, generation: str) -> None:
    """Whatever has been asked for is done, then the pods of one incarnation of the group appear."""
    journal.answer_commands()
    leader = f"leader-{generation}"
    journal.statefulset("sample", uid="leaders", replicas=1)
    by_set = Owner("StatefulSet", "sample", "leaders")
    journal.pod("sample-0", uid=leader, phase="Running", ready=True, node="node-1", owner=by_set)
    journal.answer_commands()
    journal.statefulset("sample-0", uid=f"sts-{generation}", leader="sample-0", leader_uid=leader, replicas=1)
    by_leader = Owner("StatefulSet", "sample-0", f"sts-{generation}")
    worker = f"worker-{generation}"
    journal.pod("sample-0-1", uid=worker, worker=True, phase="Running", ready=True, node="node-2", owner=by_leader)
    journal.answer_commands()
