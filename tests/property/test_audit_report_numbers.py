"""The numbers of a report, computed once more from the plain list of what was recorded, each on its own and slowly."""

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from lws_events import names
from lws_events.decisions import ConditionChanged, GroupChanged, GroupRecreationStarted, RevisionChosen
from lws_events.events import PodObserved, SetObserved
from lws_events.machine.status import AVAILABLE
from projections.audit.fold import audit
from projections.audit.report import report
from projections.audit.rows import Asked
from projections.journal import Step
from tests.journal_builder import SAMPLE, START_MS
from tests.property.fuzzing import fuzzed
from tests.property.test_audit_of_a_purged_journal import Happenings, happenings_of, told


@given(happenings=st.lists(happenings_of([SAMPLE]), min_size=10, max_size=80), since=st.integers(0, 60_000))
@fuzzed(200)
def test_they_are_what_a_slow_computation_gives(happenings: Happenings, since: int) -> None:
    journal = told(happenings)
    since_ms = START_MS + since
    found = report(audit(journal.steps, asked=Asked(since_ms=since_ms)))
    steps = [step for step in journal.steps if step.event.address is not None]
    times = [index for index, step in enumerate(steps) if step.event.envelope.at_ms >= since_ms]
    ready, rollouts = _times_to_ready(steps, times), _rollouts(steps, times)
    reasons = Counter(
        fact.failure for index in times for fact in _facts(steps[index]) if isinstance(fact, GroupRecreationStarted)
    )
    if not found:
        assert not ready
        assert not rollouts
        assert not reasons
        return
    [one] = found
    assert (one.restarts, one.restarts_by_reason) == (reasons.total(), dict(reasons))
    assert (one.groups_ready, one.rollouts) == (len(ready), len(rollouts))
    assert (one.ready_p50_ms, one.ready_p99_ms) == (_rank(ready, 50), _rank(ready, 99))
    assert (one.rollout_p50_ms, one.rollout_max_ms) == (_rank(rollouts, 50), max(rollouts, default=None))


def _facts(step: Step) -> Sequence[object]:
    return step.decision.facts if step.decision is not None else ()


def _rank(values: Sequence[int], percent: int) -> int | None:
    """The least value that is not below so many percent of all."""
    enough = [value for value in values if Fraction(sum(one <= value for one in values), len(values)) * 100 >= percent]
    return min(enough, default=None)


def _times_to_ready(steps: Sequence[Step], times: Sequence[int]) -> list[int]:
    """For each group that became ready: since the first sight of the leader pod that it had, if that was not ready."""
    found: list[int] = []
    for index in times:
        for fact in _facts(steps[index]):
            if isinstance(fact, GroupChanged) and fact.after == "Ready":
                began = _leader_first_seen(steps[: index + 1], fact.group)
                if began is not None and not _became_ready(steps[began:index], fact.group):
                    found.append(max(0, steps[index].event.envelope.at_ms - steps[began].event.envelope.at_ms))
    return found


def _leader_first_seen(steps: Sequence[Step], group: str) -> int | None:
    """Where the last incarnation of a leader begins; None where it was ready at once, or there is none."""
    seen = [
        (index, fact)
        for index, step in enumerate(steps)
        if isinstance(fact := step.event.envelope.fact, PodObserved)
        and step.event.address is not None
        and step.event.address.name == group
        and fact.labels.get(names.WORKER_INDEX) == "0"
    ]
    if not seen:
        return None
    others = [position for position, (_, fact) in enumerate(seen) if fact.uid != seen[-1][1].uid]
    index, fact = seen[others[-1] + 1 if others else 0]
    return None if fact.ready else index


def _became_ready(steps: Sequence[Step], group: str) -> bool:
    return any(
        isinstance(fact, GroupChanged) and (fact.group, fact.after) == (group, "Ready")
        for step in steps
        for fact in _facts(step)
    )


def _rollouts(steps: Sequence[Step], times: Sequence[int]) -> list[int]:
    """For each time at which the set became available: since the change that the last revision was chosen for."""
    found: list[int] = []
    for index in times:
        if not _became_available(steps[index]):
            continue
        chosen = [at for at in range(index) if any(isinstance(fact, RevisionChosen) for fact in _facts(steps[at]))]
        if not chosen or any(_became_available(steps[at]) for at in range(chosen[-1] + 1, index)):
            continue
        sets = [
            (fact.generation, step.event.envelope.at_ms)
            for step in steps[: chosen[-1] + 1]
            if isinstance(fact := step.event.envelope.fact, SetObserved)
        ]
        generation = max(one for one, _ in sets)
        if len(chosen) > 1 or generation > 1:
            began_ms = next(at_ms for one, at_ms in sets if one == generation)
            found.append(max(0, steps[index].event.envelope.at_ms - began_ms))
    return found


def _became_available(step: Step) -> bool:
    return any(
        isinstance(fact, ConditionChanged) and (fact.condition, fact.status) == (AVAILABLE, "True")
        for fact in _facts(step)
    )
