"""Journals to measure with: as a file, from a cluster run or played by the scenario of the machine's tests."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from adapters.journal.file_format import JournalFileWriter, read_file, read_header
from adapters.journal.port import Record
from lws_events import decisions, events, subjects
from tests.scenario import Scenario

FAILURES: Final = 2
"""How often each group of a played journal loses a worker."""
_CLUSTER: Final = "test"
_EPOCH: Final = "e1"


class Recording(NamedTuple):
    """A whole journal in memory."""

    cluster: str
    events: Sequence[Record]
    decisions: Sequence[Record]


def read(path: Path) -> Recording:
    """Both streams of an exported file. Raises ``JournalDamaged``."""
    streams: dict[str, list[Record]] = {"events": [], "decisions": []}
    for line in read_file(path):
        streams[line.stream].append(line.record)
    return Recording(read_header(path).cluster, streams["events"], streams["decisions"])


def play(path: Path, *, groups: int, size: int) -> None:
    """Write the journal of one set that comes up and loses a worker of each group, group after group, twice."""
    _write(path, _played(groups=groups, size=size))


def play_to_the_end(path: Path, *, groups: int, size: int) -> None:
    """The same, and then the set is deleted, with everything that belongs to it: nothing is left of its state."""
    scenario = _played(groups=groups, size=size)
    state = scenario.state
    assert state.set_ is not None
    assert state.leader_set is not None
    assert state.service is not None
    gone: list[tuple[str, str, type[events.Deleted], str]] = [
        (subjects.SET, "sample", events.SetDeleted, state.set_.uid)
    ]
    gone += [(subjects.STATEFULSET, "sample", events.StatefulSetDeleted, state.leader_set.uid)]
    gone += [(subjects.SERVICE, "sample", events.ServiceDeleted, state.service.uid)]
    gone += [(subjects.REVISION, name, events.RevisionDeleted, view.uid) for name, view in state.revisions.items()]
    for name, group in state.groups.items():
        assert group.leader is not None
        assert group.worker_set is not None
        pods = {name: group.leader} | group.workers
        gone += [(subjects.POD, pod, events.PodDeleted, known.view.uid) for pod, known in pods.items()]
        gone += [(subjects.STATEFULSET, name, events.StatefulSetDeleted, group.worker_set.uid)]
    for kind, name, fact, uid in gone:
        deleted: Any = fact(uid=uid, resource_version=scenario.next_version())
        scenario.see(kind, name, deleted)
    if scenario.fleet.aggregates:
        raise RuntimeError("something of the set is left")
    _write(path, scenario)


def _played(*, groups: int, size: int) -> Scenario:
    scenario = Scenario(replicas=groups, leaderWorkerTemplate={"size": size})
    scenario.run()
    for failure in range(1, FAILURES + 1):
        for group in range(groups):
            recreate(scenario, group, size=size, before=_incarnation(failure - 1), after=_incarnation(failure))
    return scenario


def _write(path: Path, scenario: Scenario) -> None:
    with JournalFileWriter(path, cluster=_CLUSTER, epoch=_EPOCH) as writer:
        for sequence, subject, envelope in scenario.recorded:
            message_id = f"e{sequence}"
            writer.add(
                "events", Record(sequence, subject, events.encode(envelope), envelope.at_ms * 1_000_000, message_id)
            )
        subject = subjects.decision_subject(_CLUSTER, scenario.name)
        for sequence, decision in enumerate(scenario.decisions, start=1):
            data = decisions.encode(decision)
            writer.add("decisions", Record(sequence, subject, data, scenario.at_ms * 1_000_000, decision.message_id))


def _incarnation(failure: int) -> str:
    return f".{failure}" if failure else ""


def recreate(scenario: Scenario, index: int, *, size: int, before: str, after: str) -> None:
    """A worker goes, the leader is deleted for it, everything of the group goes, and the group comes up again."""
    group = f"sample-{index}"
    worker_set = scenario.group(index).worker_set
    assert worker_set is not None, "the group is up"
    scenario.pod_deleted(f"{group}-1", uid=f"{group}-1-uid{before}")
    scenario.carry_out()
    for worker in range(2, size):
        scenario.pod_deleted(f"{group}-{worker}", uid=f"{group}-{worker}-uid{before}")
    scenario.worker_set_deleted(group, uid=worker_set.uid)
    scenario.pod_deleted(group, uid=f"{group}-uid{before}")
    scenario.carry_out()
    scenario.run_group(index, incarnation=after)
