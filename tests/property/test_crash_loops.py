"""Whatever happens to a group that crashes: no delay is cut short, no failure is lost, no leader is deleted twice.

One group in virtual time. Chance says what fails, how long it takes, and how the annotations change meanwhile; in the
end the clock runs until nothing waits any more.
"""

from typing import Final

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from lws_events import decisions
from lws_events.decisions import GroupKept, GroupRecreationPostponed, GroupRecreationStarted
from lws_events.fleet import Fleet
from lws_events.machine.crash_loop_rules import Recreate, Wait, next_step, read_rules
from tests.unit.machine.crash_looping import TIMER, CrashLooping

ANNOTATIONS: Final[dict[str, dict[str, str]]] = {
    "none": {},
    "short": {"restart-backoff": "1s", "restart-backoff-max": "4s"},
    "long": {"restart-backoff": "20s", "restart-stable-after": "30s"},
    "limit": {"restart-limit": "2"},
    "both": {"restart-backoff": "3s", "restart-limit": "3"},
}
ACTIONS = st.one_of(
    st.tuples(st.just("crash"), st.sampled_from(["sample-0", "sample-0-1", "sample-0-2"])),
    st.tuples(st.just("crash"), st.just("sample-0-1")),
    st.tuples(st.just("pass"), st.sampled_from([100, 1_000, 7_000, 40_000])),
    st.tuples(st.just("fire"), st.none()),
    st.tuples(st.just("annotate"), st.sampled_from(sorted(ANNOTATIONS))),
    st.tuples(st.just("unmark"), st.none()),
    st.tuples(st.just("replace"), st.none()),
)


class Looping(CrashLooping):
    """The group comes back as soon as its leader's deletion was commanded, as a cluster would do it."""

    def __init__(self, annotations: str) -> None:
        super().__init__(ANNOTATIONS[annotations])
        self.restarts: dict[tuple[str, int], int] = {}

    def act(self, action: str, argument: object) -> None:
        match action:
            case "crash":
                key = (str(argument), self.incarnation)
                self.restarts[key] = self.restarts.get(key, 0) + 1
                self.crash(str(argument), restarts=self.restarts[key])
            case "pass":
                assert isinstance(argument, int)
                self.let_time_pass(argument)
            case "fire" if TIMER in self.state.timers:
                self.fire(TIMER)
            case "annotate":
                self.annotate(ANNOTATIONS[str(argument)])
            case "unmark" if self.group(0).held is not None:
                self.leader()
                self.leader(marked=False)
            case "replace":
                self.come_back()
            case _:
                pass
        self.carry_out()
        if self.uid in self.deleted():
            self.come_back()

    def let_time_pass(self, milliseconds: int) -> None:
        until = self.at_ms + milliseconds
        while TIMER in self.state.timers and self.state.timers[TIMER] <= until:
            self.fire(TIMER)
            self.carry_out()
            if self.uid in self.deleted():
                self.come_back()
        self.at_ms = until

    def run_out(self) -> None:
        while TIMER in self.state.timers:
            self.act("fire", None)


@settings(max_examples=150, deadline=None)
@given(annotations=st.sampled_from(sorted(ANNOTATIONS)), script=st.lists(ACTIONS, max_size=25))
def test_delays_are_kept_and_nothing_is_lost(annotations: str, script: list[tuple[str, object]]) -> None:
    scenario = Looping(annotations)
    for action, argument in script:
        incarnation = scenario.incarnation
        scenario.act(action, argument)
        if action == "crash":
            assert scenario.incarnation > incarnation or scenario.group(0).held is not None, "a failure was lost"
    scenario.run_out()
    held = scenario.group(0).held
    assert held is None or held.kept, "a wait without a timer"
    assert scenario.group(0).unjudged == {}
    assert len(scenario.deleted()) == len(set(scenario.deleted())), "a leader that was deleted twice"
    _assert_never_early(scenario)
    _assert_recalled(scenario)


def _assert_never_early(scenario: Looping) -> None:
    """No recreation that was put off came before the last time that was stated for it."""
    stated: dict[str, int] = {}
    times = {sequence: envelope.at_ms for sequence, _, envelope in scenario.recorded}
    for decision in scenario.decisions:
        for fact in decision.facts:
            if isinstance(fact, GroupRecreationPostponed):
                stated[fact.leader_uid] = fact.until_ms
                assert fact.until_ms > times[decision.cause]
            elif isinstance(fact, GroupKept):
                stated.pop(fact.leader_uid, None)
            elif isinstance(fact, GroupRecreationStarted) and not _was_changed(scenario, decision.cause):
                assert times[decision.cause] >= stated.get(fact.leader_uid, 0)


def _was_changed(scenario: Looping, cause: int) -> bool:
    """The recreation follows from a change of the annotations, which may shorten the wait."""
    subject = next(subject for sequence, subject, _ in scenario.recorded if sequence == cause)
    return ".set." in subject


def _assert_recalled(scenario: Looping) -> None:
    """A controller that takes in the journal knows the same, byte for byte, and would decide the same."""
    recorded = {each.cause: decisions.decode(decisions.encode(each)) for each in scenario.decisions}
    recalled, verified = Fleet(), Fleet()
    for sequence, subject, envelope in scenario.recorded:
        recalled.recall(sequence, subject, envelope, recorded.get(sequence))
        assert verified.propose(sequence, subject, envelope, recorded.get(sequence)) == recorded.get(sequence)
    assert msgspec.json.encode(recalled.aggregates[scenario.name]) == msgspec.json.encode(scenario.state)


RULES = st.builds(
    read_rules,
    st.fixed_dictionaries(
        {},
        optional={
            "lws-events.io/restart-backoff": st.sampled_from(["1ms", "10s", "1h", "x"]),
            "lws-events.io/restart-backoff-max": st.sampled_from(["1ms", "1m", "8784h", ""]),
            "lws-events.io/restart-limit": st.sampled_from(["1", "7", "1000000", "0"]),
        },
    ),
)


@given(rules=RULES, recreations=st.integers(0, 10**9), failed_ms=st.integers(0, 2**45), later_ms=st.integers(0, 2**40))
def test_a_step_is_total_and_waiting_for_it_ends_it(
    rules: object, recreations: int, failed_ms: int, later_ms: int
) -> None:
    assert isinstance(rules, type(read_rules({})))
    step = next_step(rules, recreations=recreations, failed_ms=failed_ms, at_ms=failed_ms + later_ms)
    if isinstance(step, Wait):
        assert failed_ms + later_ms < step.until_ms <= failed_ms + rules.backoff_max_ms
        then = next_step(rules, recreations=recreations, failed_ms=failed_ms, at_ms=step.until_ms)
        assert then == Recreate(step.attempt)
    if recreations == 0:
        assert isinstance(step, Recreate), "the first recreation comes at once"
