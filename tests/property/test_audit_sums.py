"""Whatever a journal says: capacity lost is what lanes do not show as ready; every recreation is counted once."""

from typing import Any, Final

from hypothesis import given
from hypothesis import strategies as st

from lws_events.decisions import GroupRecreationStarted
from projections.audit.fold import audit
from projections.audit.report import report
from projections.audit.rows import Asked
from projections.lanes import READY, lanes
from tests.journal_builder import SAMPLE, START_MS, JournalBuilder
from tests.property.fuzzing import fuzzed

_PODS = ("sample-0", "sample-0-1", "sample-1", "sample-1-1")
_VIEWS: Final[tuple[dict[str, Any] | None, ...]] = (
    {},
    {"phase": "Running", "node": "n1"},
    {"phase": "Running", "ready": True, "node": "n1"},
    {"phase": "Running", "ready": True, "deleting_since": "2026-01-01T00:00:00Z"},
    {"phase": "Failed"},
    None,  # deleted
)
_happening = st.tuples(
    st.integers(-30, 100),
    st.sampled_from(_PODS),
    st.integers(1, 3),
    st.sampled_from(_VIEWS),
    st.integers(1, 40),
    st.sampled_from(["", "", "deleted", "container restarted", "failed (Evicted)"]),
)
Happenings = list[tuple[int, str, int, dict[str, Any] | None, int, str]]


def _played(happenings: Happenings) -> JournalBuilder:
    journal = JournalBuilder()
    journal.lws(replicas=2, size=2)
    for milliseconds, pod, incarnation, view, version, failure in happenings:
        journal.later(milliseconds=milliseconds)
        uid = f"{pod}/{incarnation}"
        if view is None:
            journal.pod_deleted(pod, uid=uid)
        else:
            journal.pod(pod, uid=uid, resource_version=str(version), **view)
        if failure:
            fact = GroupRecreationStarted(
                group="sample-0", leader="sample-0", leader_uid="l", failed_pod=pod, failed_uid=uid, failure=failure
            )
            journal.decided(facts=[fact])
    return journal


@given(happenings=st.lists(_happening, max_size=40))
@fuzzed(200)
def test_every_recreation_is_counted_under_one_reason(happenings: Happenings) -> None:
    journal = _played(happenings)
    [found] = report(audit(journal.steps))
    started = [
        fact for one in journal.decisions for fact in one.decision.facts if isinstance(fact, GroupRecreationStarted)
    ]
    assert sum(found.restarts_by_reason.values()) == found.restarts == len(started)


@given(happenings=st.lists(_happening, max_size=40))
@fuzzed(200)
def test_pod_seconds_lost_are_those_that_the_lanes_lack(happenings: Happenings) -> None:
    journal = _played(happenings)
    picture = lanes(journal.steps, SAMPLE).picture()
    ready_ms = sum(
        (picture.to_ms if one.to_ms is None else one.to_ms) - one.from_ms
        for lane in picture.pods
        for one in lane.intervals
        if one.state == READY
    )
    rows = list(audit(journal.steps))
    lost_ms = sum(row.lost_ms or 0 for row in rows if row.kind == "capacity" and row.pod)
    assert lost_ms == len(_PODS) * (picture.to_ms - picture.from_ms) - ready_ms
    [effect] = [row for row in rows if row.kind == "effect"]
    assert effect.lost_ms == lost_ms


@given(happenings=st.lists(_happening, max_size=30), cut=st.integers(0, 800))
@fuzzed(200)
def test_two_periods_lose_as_much_as_both_together(happenings: Happenings, cut: int) -> None:
    moving = [(abs(one[0]), *one[1:]) for one in happenings]
    journal = _played(moving)

    def lost(asked: Asked) -> tuple[int, int]:
        found = report(audit(journal.steps, asked=asked))
        return (found[0].pod_ms_lost, found[0].group_ms_lost) if found else (0, 0)

    at_ms = START_MS + cut
    before, after, whole = lost(Asked(until_ms=at_ms)), lost(Asked(since_ms=at_ms)), lost(Asked())
    assert (before[0] + after[0], before[1] + after[1]) == whole
