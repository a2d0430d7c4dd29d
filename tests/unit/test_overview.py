"""Sets and groups at a glance: what is counted, in which order, and what anybody may have written into a status."""

from typing import Any, Final

import pytest

from lws_events.fleet import Fleet
from lws_events.machine.state import Aggregate
from projections.lanes import Interval, Lane, Picture
from projections.overview.cells import cells, counted, groups_of
from projections.overview.group import group_view
from projections.overview.hindsight import fewer_lanes, groups_with_lanes, known_at
from projections.overview.sets import rollout, set_line
from projections.why.model import Chain, Link
from tests.journal_builder import SAMPLE, JournalBuilder


def _folded(story: JournalBuilder) -> Aggregate:
    fleet = Fleet()
    for step in story.steps:
        fleet.recall(step.event.sequence, step.event.subject, step.event.envelope, step.decision)
    return fleet.aggregates[SAMPLE]


def _three(**changes: Any) -> JournalBuilder:
    story = JournalBuilder(machine=Fleet())
    story.lws(replicas=3, size=2, **changes)
    return story


def test_wanted_groups_are_there_before_their_pods_and_surge_groups_after_the_wanted_ones() -> None:
    story = _three()
    for index in (12, 1, 3):
        story.pod(f"sample-{index}", uid=f"u{index}", ready=True)
    state = _folded(story)
    names = [group.name for group in groups_of(state)]
    assert names == ["sample-0", "sample-1", "sample-2", "sample-3", "sample-12"]
    columns = cells(state, groups_of(state))
    assert columns.names == ["0", "1", "2", "3", "12"]
    assert columns.states[0] == columns.states[2] == "A"
    assert columns.ready == [0, 1, 0, 1, 1]
    assert columns.sizes == [2] * 5
    assert sum(counted(groups_of(state)).values()) == 5


def test_columns_can_be_made_piece_by_piece() -> None:
    story = _three()
    story.pod("sample-1", uid="u1", ready=True)
    state = _folded(story)
    groups = groups_of(state)
    pieces = cells(state, groups[:1])
    pieces.extend(cells(state, groups[1:]))
    assert pieces == cells(state, groups)


def test_a_set_that_is_gone_has_no_line_and_no_rollout() -> None:
    assert set_line(Aggregate(SAMPLE)) is None
    assert rollout(Aggregate(SAMPLE)).state == "none"
    assert groups_of(Aggregate(SAMPLE)) == []
    view = group_view(Aggregate(SAMPLE), "4")
    assert (view.health, view.leader, view.pods) == ("absent", "sample-4", ())


@pytest.mark.parametrize(
    "status",
    [{}, {"conditions": None}, {"conditions": "all"}, {"conditions": [None, 1, {}, {"type": 3}, {"type": ""}]}],
)
def test_a_status_that_somebody_has_written_wrongly_has_no_conditions(status: dict[str, Any]) -> None:
    story = _three()
    story.lws_status(status)
    line = set_line(_folded(story))
    assert line is not None
    assert line.conditions == ()


def test_conditions_keep_only_what_is_text() -> None:
    story = _three()
    story.lws_status({"conditions": [{"type": "Available", "status": "True", "reason": 7, "message": "<b>"}]})
    line = set_line(_folded(story))
    assert line is not None
    assert [(one.type, one.status, one.reason, one.message) for one in line.conditions] == [
        ("Available", "True", "", "<b>")
    ]


def _link(sequence: int) -> Link:
    return Link(kind="fact", sequence=sequence, at_ms=sequence, elapsed_ms=0, what=f"event {sequence}")


def test_what_came_later_is_not_known_yet() -> None:
    chain = Chain(kind="recreation", what="a group", complete=True, links=(_link(3), _link(5), _link(9)))
    assert list(known_at([chain], 2)) == []
    assert list(known_at([chain], 9)) == [chain]
    [then] = known_at([chain], 5)
    assert [link.sequence for link in then.links] == [3, 5]
    assert not then.complete


def _lane(name: str, group: str, intervals: int) -> Lane:
    return Lane(
        name=name,
        group=group,
        intervals=tuple(Interval(state="ready", from_ms=one, sequence=one) for one in range(intervals)),
    )


PICTURE: Final = Picture(
    from_ms=0,
    to_ms=9,
    conditions=(),
    groups=(_lane("0", "0", 1), _lane("1", "1", 4), _lane("2", "2", 1)),
    pods=(_lane("sample-0", "0", 1), _lane("sample-2", "2", 2)),
)


def test_lanes_of_the_groups_with_the_most_news_are_kept() -> None:
    assert groups_with_lanes(PICTURE) == ["1", "2", "0"]
    kept = fewer_lanes(PICTURE, groups=frozenset({"1", "2"}), pods_max=10)
    assert [lane.name for lane in kept.groups] == ["1", "2"]
    assert [lane.name for lane in kept.pods] == ["sample-2"]
    assert fewer_lanes(PICTURE, groups=frozenset({"0", "2"}), pods_max=1).pods == ()
