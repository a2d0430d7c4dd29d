"""Whatever a journal says and in whatever order, lanes do not overlap, and cover exactly the lives that were seen."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from projections.lanes import Interval, lanes
from tests.journal_builder import SAMPLE, START_MS, JournalBuilder
from tests.property.fuzzing import fuzzed

_PODS = ("sample-0", "sample-0-1", "sample-1")
_MOMENTS = st.integers(-30, 100)
_observation = st.tuples(
    st.just("observed"),
    st.sampled_from(_PODS),
    st.integers(1, 3),
    st.sampled_from([
        {},
        {"phase": "Running", "node": "n1"},
        {"phase": "Running", "ready": True, "node": "n1"},
        {"phase": "Running", "ready": True, "node": "n1", "deleting_since": "2026-01-01T00:00:00Z"},
        {"phase": "Failed", "node": "n1"},
        {"phase": "Succeeded", "node": "n1"},
    ]),
    st.integers(1, 40),
)  # fmt: skip
_deletion = st.tuples(
    st.just("deleted"), st.sampled_from(_PODS), st.integers(1, 3), st.just({}), st.just(0)
)  # fmt: skip
_happening = st.tuples(_MOMENTS, st.one_of(_observation, _observation, _deletion))


def _played(happenings: list[tuple[int, tuple[str, str, int, dict[str, object], int]]]) -> JournalBuilder:
    journal = JournalBuilder()
    for milliseconds, (what, pod, incarnation, view, version) in happenings:
        journal.later(milliseconds=milliseconds)  # also backwards: another recorder, another clock
        uid = f"{pod}/{incarnation}"
        if what == "observed":
            journal.pod(pod, uid=uid, resource_version=str(version), **view)
        else:
            journal.pod_deleted(pod, uid=uid)
    return journal


def _is_in_order(intervals: tuple[Interval, ...]) -> bool:
    pairs = itertools.pairwise(intervals)
    return all(one.to_ms is not None and one.from_ms < one.to_ms <= two.from_ms for one, two in pairs)


@given(happenings=st.lists(_happening, max_size=40))
@fuzzed(300)
def test_intervals_do_not_overlap_and_lives_have_no_gap(
    happenings: list[tuple[int, tuple[str, str, int, dict[str, object], int]]],
) -> None:
    journal = _played(happenings)
    picture = lanes(journal.steps, SAMPLE).picture()
    for lane in picture.pods:
        assert _is_in_order(lane.intervals)
        for one, two in itertools.pairwise(lane.intervals):
            if one.life == two.life:
                assert one.to_ms == two.from_ms, "a gap within a life"
                assert (one.state, one.detail) != (two.state, two.detail), "one interval told as two"
        lives = [one.life for one in lane.intervals]
        assert len(dict.fromkeys(lives)) == sum(1 for i, life in enumerate(lives) if i == 0 or lives[i - 1] != life)
        assert all(picture.from_ms <= one.from_ms <= picture.to_ms for one in lane.intervals)


@given(happenings=st.lists(_happening, max_size=40), since=st.integers(0, 500), length=st.integers(0, 500))
@fuzzed(200)
def test_a_stretch_of_time_is_a_part_of_the_whole(
    happenings: list[tuple[int, tuple[str, str, int, dict[str, object], int]]], since: int, length: int
) -> None:
    fold = lanes(_played(happenings).steps, SAMPLE)
    whole = {lane.name: lane.intervals for lane in fold.picture().pods}
    from_ms = START_MS + since
    part = fold.picture(since_ms=from_ms, until_ms=from_ms + length)
    for lane in part.pods:
        assert _is_in_order(lane.intervals)
        for one in lane.intervals:
            [origin] = [each for each in whole[lane.name] if each.sequence == one.sequence and each.life == one.life]
            assert one.from_ms == max(origin.from_ms, from_ms)
            assert one.to_ms in (origin.to_ms, None)


@given(happenings=st.lists(_happening, max_size=40))
@fuzzed(200)
def test_every_life_that_lasted_is_drawn(
    happenings: list[tuple[int, tuple[str, str, int, dict[str, object], int]]],
) -> None:
    """Judged by another rule than the fold's: a pod that was seen, at a time after which time went on, has a lane."""
    journal = _played(happenings)
    now, last_seen, ended = 0, {}, set()  # type: ignore[var-annotated]
    for event in journal.events:
        now = max(now, event.envelope.at_ms)
        uid = getattr(event.envelope.fact, "uid", "")
        if type(event.envelope.fact).__name__ == "PodObserved" and uid not in ended:
            last_seen.setdefault(uid, now)
        elif type(event.envelope.fact).__name__ == "PodDeleted":
            ended.add(uid)
    drawn = {one.life for lane in lanes(journal.steps, SAMPLE).picture().pods for one in lane.intervals}
    assert drawn <= set(last_seen)
    present = {uid for uid in last_seen if uid not in ended}
    replaced = {
        uid for uid in present if sum(other.rsplit("/", 1)[0] == uid.rsplit("/", 1)[0] for other in last_seen) > 1
    }
    assert present - replaced <= drawn
