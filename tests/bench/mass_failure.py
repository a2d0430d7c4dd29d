"""The mass failure: one worker of each group force-deleted at once, and how soon the controller answered each.

Two clocks are compared, the journal's recorder and the API server, but both run on this machine.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from adapters.journal.file_format import read_file
from lws_events import events
from tests.bench import workload
from tests.bench.figures import Latency, MassFailure, latency
from tests.bench.observed import Observed
from tests.controlplane import audit


class Answer(NamedTuple):
    """When the worker of one group was deleted and when its leader was, by the API server's clock."""

    worker_uid: str
    deleted_ms: float
    sent_ms: float


class Broken(NamedTuple):
    """The phase measured from the outside; the journal adds when each deletion was seen."""

    figures: MassFailure
    answers: list[Answer]


async def measure(observed: Observed, *, groups: int) -> Broken:
    """Break every group and follow them to the end. Raises ``ControllerEnded``."""
    api, namespace = observed.plane.api, observed.plane.namespace
    uids = await workload.pod_uids(api, namespace)
    before = observed.begin()
    await workload.fail_one_worker_each(api, namespace, groups=groups)
    recreated, seconds = await workload.wait_until_recreated(
        api, namespace, before=uids, groups=groups, activity=observed.activity
    )
    await observed.silence()
    after, writes = observed.now(), observed.writes()
    leaders = {workload.leader(group) for group in range(groups)}
    deletions = audit.pod_deletions(writes, namespace=namespace)
    answers = _answers(observed, uids, groups=groups)
    figures = MassFailure(
        groups_recreated=recreated,
        leader_deletions=sum(1 for deletion in deletions if deletion.object_ref.name in leaders),
        recovered_seconds=seconds,
        api_writes=len(writes),
        seen_to_sent=None,
        deleted_to_sent=latency([answer.sent_ms - answer.deleted_ms for answer in answers]),
        controller=after.cost_since(before),
        nats=after.nats_cost_since(before),
    )
    return Broken(figures, answers)


def seen_to_sent(answers: list[Answer], journal_file: Path) -> Latency | None:
    """From the deletion in the journal to the request; groups that nobody answered are left out."""
    seen_ms = deletions_seen(journal_file)
    return latency([answer.sent_ms - seen_ms[answer.worker_uid] for answer in answers if answer.worker_uid in seen_ms])


def deletions_seen(journal_file: Path) -> dict[str, int]:
    """When each pod's deletion was first recorded (milliseconds since the Unix epoch), by the pod's uid.

    Also a force deletion is two changes to those who watch: the pod gets a deletion time, then it is gone.
    """
    seen: dict[str, int] = {}
    for line in read_file(journal_file, only="events"):
        envelope = events.decode(line.record.data)
        match envelope.fact:
            case events.PodDeleted(uid=uid):
                seen.setdefault(uid, envelope.at_ms)
            case events.PodObserved(uid=uid, deleting_since=str()):
                seen.setdefault(uid, envelope.at_ms)
            case _:
                pass
    return seen


def _answers(observed: Observed, uids: Mapping[str, str], *, groups: int) -> list[Answer]:
    namespace = observed.plane.namespace
    deleted = audit.first_deletions(observed.requests(), namespace=namespace)
    sent = audit.first_deletions(observed.writes(), namespace=namespace)
    return [
        Answer(
            worker_uid=uids[workload.victim(group)],
            deleted_ms=deleted[workload.victim(group)].received_ms,
            sent_ms=sent[workload.leader(group)].received_ms,
        )
        for group in range(groups)
        if workload.victim(group) in deleted and workload.leader(group) in sent
    ]
