"""Tables as kubectl prints them, from the journal alone."""

import pytest

from lws_events.events import ContainerExit, PodObserved, SetDeleted, SetStatusObserved
from lws_events.names import SIZE
from lws_events.subjects import SET, SET_STATUS
from projections.status import age, pod_status, status
from tests.journal_builder import SAMPLE, JournalBuilder, raw


def _view(**fields: object) -> PodObserved:
    return PodObserved(uid="u", resource_version="1", **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("pod", "shown"),
    [
        (_view(), "Pending"),
        (_view(phase="Running"), "Running"),
        (_view(waiting="ContainerCreating"), "ContainerCreating"),
        (_view(waiting="0/4 nodes are available"), "Pending"),
        (_view(phase="Failed", reason="Evicted"), "Evicted"),
        (_view(phase="Failed", last_exit=ContainerExit("main", 137, "OOMKilled")), "OOMKilled"),
        (_view(phase="Failed"), "Error"),
        (_view(phase="Succeeded"), "Completed"),
        (_view(phase="Running", deleting_since="2026-01-01T00:00:00Z"), "Terminating"),
    ],
)
def test_status_column(pod: PodObserved, shown: str) -> None:
    assert pod_status(pod) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0s"), (119, "119s"), (120, "2m"), (370, "6m10s"), (3000, "50m"), (11_100, "3h5m"), (90_000, "25h"),
     (190_800, "2d5h"), (1_036_800, "12d")],
)  # fmt: skip
def test_age_column(seconds: int, shown: str) -> None:
    assert age(seconds * 1000) == shown


def test_rows_of_a_set() -> None:
    journal = JournalBuilder()
    journal.lws(replicas=11)
    journal.running("sample-10", uid="l10")
    journal.running("sample-2", uid="l2", node="a")
    journal.pod("sample-2-1", uid="w2", worker=True, restarts=3, phase="Running", node="b")
    journal.later(milliseconds=370_000)
    conditions = [{"type": "Progressing", "status": "True"}, {"type": "Available", "status": "False"}]
    journal.lws_status({"readyReplicas": 1, "updatedReplicas": 2, "conditions": conditions})
    row = status(journal.events).row(SAMPLE)
    assert row is not None
    assert (row.ready, row.desired, row.up_to_date, row.age, row.conditions) == (1, 11, 2, "6m10s", ("Progressing",))
    assert [(p.name, p.ready, p.status, p.restarts, p.age) for p in row.pods] == [
        ("sample-2", "1/1", "Running", 0, "6m10s"),
        ("sample-2-1", "0/1", "Running", 3, "6m10s"),
        ("sample-10", "1/1", "Running", 0, "6m10s"),
    ]
    assert [(g.name, g.ready_pods, g.pods, g.size, g.nodes) for g in row.groups] == [
        ("2", 1, 2, 2, ("a", "b")),
        ("10", 1, 1, 2, ("node-1",)),
    ]


def test_deletions_stale_views_and_new_incarnations() -> None:
    journal = JournalBuilder()
    journal.lws()
    journal.running("sample-0", uid="old")
    journal.later(milliseconds=60_000).running("sample-0", uid="new")
    journal.pod_deleted("sample-0", uid="old")  # late: the new one has been seen
    journal.pod("sample-0", uid="new", resource_version="1")  # stale
    journal.running("sample-0-1", uid="w")
    journal.pod_deleted("sample-0-1", uid="w")
    journal.later(milliseconds=5_000).lws_status({})
    fold = status(journal.events)
    row = fold.row(SAMPLE)
    assert row is not None
    assert [(pod.name, pod.status, pod.age) for pod in row.pods] == [("sample-0", "Running", "5s")]
    journal.fact(SET, "sample", SetDeleted(uid="lws", resource_version="9"))
    fold = status(journal.events)
    assert fold.names() == []
    assert fold.row(SAMPLE) is None


def test_what_is_late_about_a_set_changes_nothing() -> None:
    journal = JournalBuilder()
    journal.lws(uid="old")
    journal.lws()
    journal.lws_status({"readyReplicas": 2})
    journal.fact(SET_STATUS, "sample", SetStatusObserved(uid="lws", resource_version="1", status=raw({})))
    journal.fact(SET, "sample", SetDeleted(uid="old", resource_version="9"))
    row = status(journal.events).row(SAMPLE)
    assert row is not None
    assert row.ready == 2


def test_a_new_set_of_the_name_starts_without_the_status_of_the_old_one() -> None:
    journal = JournalBuilder()
    journal.lws()
    journal.lws_status({"readyReplicas": 2})
    journal.lws(uid="new")
    row = status(journal.events).row(SAMPLE)
    assert row is not None
    assert row.ready == 0


def test_a_size_that_is_no_number_counts_as_unknown() -> None:
    journal = JournalBuilder()
    journal.lws()
    journal.fact("pod", "sample-0", _view(annotations={SIZE: "\u00b2"}))
    row = status(journal.events).row(SAMPLE)
    assert row is not None
    assert [group.size for group in row.groups] == [1]
