"""Any single decision, explained: by its sequence, by a time, of one group."""

from lws_events.decisions import ConditionChanged, GroupRecreationStarted
from projections.why.decision import Point, decision_at
from projections.why.model import Chain
from tests.scenario import Scenario
from tests.unit.why.told import steps, words


def _explained(scenario: Scenario, **point: int) -> Chain:
    found = decision_at(steps(scenario), scenario.name, Point(**point))
    assert found is not None
    return found


def _failed() -> Scenario:
    scenario = Scenario()
    scenario.run()
    scenario.at_ms += 60_000
    scenario.pod("sample-0-1", restarts=1)
    return scenario


def test_the_decision_about_an_event_has_its_fact_rule_commands_and_outcomes() -> None:
    scenario = _failed()
    cause = scenario.sequence
    scenario.at_ms += 15
    scenario.carry_out()
    chain = _explained(scenario, sequence=cause)
    assert chain.complete
    assert chain.what.startswith(f"the decision about event {cause} at 2023-11-14T")
    assert chain.cause is not None
    assert (chain.cause.pod, chain.cause.category) == ("sample-0-1", "container-exit")
    kinds = [link.kind for link in chain.links]
    assert kinds[:3] == ["cause", "fact", "decision"]
    assert [link for link in chain.links if link.rule.startswith("a group ends with its leader, in foreground")]
    outcomes = [link for link in chain.links if link.kind == "outcome"]
    assert {link.elapsed_ms for link in outcomes} == {15}
    assert any("carried out command" in link.what for link in outcomes)


def test_between_decisions_it_is_the_one_before() -> None:
    scenario = _failed()
    about = scenario.sequence
    scenario.pod("sample-1-1", labels={})
    assert scenario.decisions[-1].cause == about
    assert f"event {about} " in _explained(scenario, sequence=scenario.sequence).what
    assert f"event {about} " in _explained(scenario, at_ms=scenario.at_ms + 1).what
    assert f"event {about} " not in _explained(scenario, at_ms=scenario.at_ms - 1).what


def test_before_the_first_decision_it_is_the_first() -> None:
    scenario = _failed()
    first = scenario.decisions[0].cause
    assert f"event {first} " in _explained(scenario, sequence=1).what
    assert decision_at(steps(scenario)[:1], scenario.name, Point(sequence=1)) is None


def test_of_one_group_it_is_the_last_one_about_that_group() -> None:
    scenario = _failed()
    failure = scenario.sequence
    scenario.carry_out()
    for index in (0, 1):
        found = decision_at(
            steps(scenario), scenario.name, Point(sequence=scenario.sequence), group=str(index), pod=None
        )
        assert found is not None
        assert (f"event {failure} " in found.what) == (index == 0)


def test_every_decision_has_words_and_a_rule() -> None:
    scenario = _failed()
    scenario.carry_out()
    kinds: set[type] = set()
    for decision in scenario.decisions:
        kinds |= {type(fact) for fact in decision.facts}
        chain = _explained(scenario, sequence=decision.cause)
        assert f"event {decision.cause} " in chain.what
        assert all(link.rule for link in chain.links if link.kind == "command")
        assert words(chain)
    assert {GroupRecreationStarted, ConditionChanged} <= kinds
