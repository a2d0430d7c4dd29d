"""Lives of pods, states of groups and conditions become intervals of time."""

from lws_events.decisions import ConditionChanged, GroupChanged
from lws_events.events import SetDeleted
from lws_events.subjects import SET
from projections.lanes import PENDING, READY, RUNNING, TERMINATING, Interval, Lanes, lanes, natural
from tests.journal_builder import SAMPLE, START_MS, JournalBuilder


def _journal() -> JournalBuilder:
    journal = JournalBuilder()
    journal.lws()
    journal.decided(facts=[ConditionChanged(condition="Progressing", status="True")])
    journal.later(milliseconds=10).pod("sample-0", uid="l1")
    journal.decided(facts=[GroupChanged(group="sample-0", before="Absent", after="Scheduling")])
    journal.later(milliseconds=10).pod("sample-0", uid="l1", phase="Running", node="n1")
    journal.later(milliseconds=10).running("sample-0", uid="l1", node="n1")
    journal.decided(facts=[GroupChanged(group="sample-0", before="Scheduling", after="Ready")])
    journal.running("sample-0-1", uid="w1", node="n2")
    journal.later(milliseconds=10).running("sample-0", uid="l1", node="n1")
    gone = "2026-01-01T00:00:00Z"
    journal.later(milliseconds=10).pod("sample-0", uid="l1", phase="Running", node="n1", deleting_since=gone)
    journal.later(milliseconds=10).pod_deleted("sample-0", uid="l1")
    journal.decided(facts=[GroupChanged(group="sample-0", before="Ready", after="Absent")])
    journal.later(milliseconds=10).running("sample-0", uid="l2", node="n3")
    journal.later(milliseconds=10).lws_status({})
    return journal


def _told(intervals: tuple[Interval, ...]) -> list[tuple[str, int, int | None, str]]:
    return [
        (one.state, one.from_ms - START_MS, None if one.to_ms is None else one.to_ms - START_MS, one.life)
        for one in intervals
    ]


def test_a_pod_lives_from_its_creation_to_its_end_and_a_new_one_after_it() -> None:
    picture = lanes(_journal().steps, SAMPLE).picture()
    assert [lane.name for lane in picture.pods] == ["sample-0", "sample-0-1"]
    assert {lane.group for lane in picture.pods} == {"0"}
    assert _told(picture.pods[0].intervals) == [
        (PENDING, 10, 20, "l1"),
        (RUNNING, 20, 30, "l1"),
        (READY, 30, 50, "l1"),
        (TERMINATING, 50, 60, "l1"),
        (READY, 70, None, "l2"),
    ]
    assert [one.detail for one in picture.pods[0].intervals] == ["", "n1", "n1", "n1", "n3"]
    assert (picture.from_ms - START_MS, picture.to_ms - START_MS) == (0, 80)


def test_groups_and_conditions_have_intervals_too() -> None:
    picture = lanes(_journal().steps, SAMPLE).picture()
    [group] = picture.groups
    assert (group.name, group.group) == ("0", "0")
    assert _told(group.intervals) == [("Scheduling", 10, 30, ""), ("Ready", 30, 60, "")]
    [condition] = picture.conditions
    assert _told(condition.intervals) == [("Progressing", 0, None, "")]
    journal = _journal()
    journal.fact(SET, "sample", SetDeleted(uid="lws", resource_version="9"))
    [condition] = lanes(journal.steps, SAMPLE).picture().conditions
    assert _told(condition.intervals) == [("Progressing", 0, 80, "")]


def test_one_group_or_one_pod_alone() -> None:
    journal = _journal()
    journal.running("sample-1", uid="l9")
    journal.later(milliseconds=5).lws_status({})
    of_group = lanes(journal.steps, SAMPLE, group="1").picture()
    assert ([lane.name for lane in of_group.pods], of_group.groups) == (["sample-1"], ())
    of_pod = lanes(journal.steps, SAMPLE, pod="sample-0-1").picture()
    assert [lane.name for lane in of_pod.pods] == ["sample-0-1"]


def test_a_stretch_of_time_cuts_intervals_at_its_ends() -> None:
    picture = lanes(_journal().steps, SAMPLE).picture(since_ms=START_MS + 35, until_ms=START_MS + 55)
    assert _told(picture.pods[0].intervals) == [(READY, 35, 50, "l1"), (TERMINATING, 50, None, "l1")]
    assert (picture.from_ms - START_MS, picture.to_ms - START_MS) == (35, 55)

    assert (
        lanes(_journal().steps, SAMPLE).picture(since_ms=START_MS - 1000) == lanes(_journal().steps, SAMPLE).picture()
    )


def test_what_is_late_changes_nothing() -> None:
    journal = _journal()
    before = lanes(journal.steps, SAMPLE).picture()
    journal.running("sample-0", uid="l1", node="n1")  # an incarnation that has ended
    journal.pod("sample-0", uid="l2", resource_version="1")  # an older state of the present one
    journal.pod_deleted("sample-0", uid="l1")
    assert lanes(journal.steps, SAMPLE).picture() == before


def test_a_replaced_pod_whose_end_nobody_saw_has_ended() -> None:
    journal = JournalBuilder()
    journal.running("sample-0", uid="l1")
    journal.later(milliseconds=10).running("sample-0", uid="l2")
    journal.running("sample-0", uid="l1")
    [pod] = lanes(journal.later(milliseconds=10).steps, SAMPLE).picture().pods
    assert _told(pod.intervals) == [(READY, 0, 10, "l1"), (READY, 10, None, "l2")]


def test_an_empty_journal_is_an_empty_picture() -> None:
    picture = Lanes(SAMPLE).picture()
    assert (picture.pods, picture.groups, picture.conditions) == ((), (), ())


def test_names_are_sorted_as_people_count() -> None:
    assert sorted(["a-10", "a-9", "a-9-1", "a-x"], key=natural) == ["a-9", "a-9-1", "a-10", "a-x"]
