"""A scenario of the machine as a journal: its events, each with the decision that it led to."""

from lws_events.events import PodObserved
from projections.journal import RecordedDecision, RecordedEvent, Step
from projections.why.model import Chain
from projections.why.stories import stories
from projections.why.verdict import Verdict, verdicts
from projections.why.waits import Waiting, waits
from tests.scenario import Scenario

GOING = "2026-01-01T00:00:00Z"


def steps(scenario: Scenario) -> list[Step]:
    """What was recorded."""
    decided = {each.cause: each for each in scenario.decisions}
    return [
        Step(
            RecordedEvent(sequence, subject, envelope),
            RecordedDecision(sequence, subject, decided[sequence]) if sequence in decided else None,
        )
        for sequence, subject, envelope in scenario.recorded
    ]


def chains(scenario: Scenario, *kinds: str, pod: str | None = None) -> list[Chain]:
    """The chains of some kinds (none: all)."""
    return list(stories(steps(scenario), scenario.name, kinds=kinds, pod=pod))


def verdict(scenario: Scenario, pod: str) -> Verdict:
    """What followed from the last end of a pod."""
    return verdicts(steps(scenario), scenario.name, pod)[-1]


def waiting(scenario: Scenario, index: int = 0) -> Waiting:
    """What a group waits for."""
    [found] = waits(steps(scenario), scenario.name, group=str(index))
    return found


def words(chain: Chain) -> list[str]:
    """What its links say."""
    return [link.what for link in chain.links]


def last_view(scenario: Scenario, pod: str) -> PodObserved:
    """A pod as last observed."""
    views = [one.envelope.fact for one, _ in steps(scenario) if one.address is not None and one.address.name == pod]
    return [view for view in views if isinstance(view, PodObserved)][-1]
