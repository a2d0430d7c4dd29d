"""Groups that wait, or are kept, in the words of ``why``, ``timeline`` and ``status``: played by the machine itself."""

from collections.abc import Iterator

from adapters.cli.chains import chain_lines
from projections.journal import RecordedDecision, RecordedEvent, Step
from projections.status import status_of_steps
from projections.timeline import timeline
from projections.why.model import RECREATION, Chain
from projections.why.stories import stories
from tests.unit.machine.crash_looping import TIMER, CrashLooping


def _steps(scenario: CrashLooping) -> Iterator[Step]:
    decided = {each.cause: each for each in scenario.decisions}
    for sequence, subject, envelope in scenario.recorded:
        decision = decided.get(sequence)
        recorded = RecordedDecision(sequence, subject, decision) if decision is not None else None
        yield Step(RecordedEvent(sequence, subject, envelope), recorded)


def _waiting() -> CrashLooping:
    scenario = CrashLooping({"restart-backoff": "10s", "restart-limit": "2"})
    scenario.crash()
    scenario.come_back()
    scenario.crash()
    return scenario


def _chains(scenario: CrashLooping) -> list[Chain]:
    return list(stories(_steps(scenario), scenario.name, kinds=(RECREATION,)))


def _notes(scenario: CrashLooping) -> dict[str, str]:
    row = status_of_steps(_steps(scenario)).row(scenario.name)
    assert row is not None
    return {group.name: group.note for group in row.groups}


def test_a_chain_that_waits_begins_with_its_failure_and_goes_on_with_the_timer() -> None:
    scenario = _waiting()
    [_, waiting] = _chains(scenario)
    assert (waiting.complete, waiting.failed_pod) == (False, "sample-0-1")
    assert waiting.held == (
        "recreation 2 of group 0 in a row waits until 2023-11-14T22:13:30.000Z (container restarted)"
    )
    [heading, *_] = [line.plain for line in chain_lines(waiting)]
    waits = "Recreation 2 of group 0 in a row waits until 2023-11-14T22:13:30.000Z (container restarted)"
    assert heading == f"{waits} (0.000 s, not over yet)"
    scenario.fire(TIMER)
    scenario.come_back()
    [_, done] = _chains(scenario)
    assert (done.complete, done.held) == (True, "")
    words = [link.what for link in done.links]
    assert words[0].startswith("pod sample-0-1 is Running and ready")
    assert words[1] == "a container restarted"
    assert words[2].endswith("waits until 2023-11-14T22:13:30.000Z (container restarted)")
    assert words[3] == "the timer restart/sample-0 fired"
    assert words[4].endswith("group 0 is recreated as a whole (container restarted), recreation 2 in a row")
    assert [link.elapsed_ms for link in done.links[:5]] == [0, 0, 0, 10_000, 10_000]


def test_the_chain_of_a_kept_group_goes_on_when_it_is_resumed() -> None:
    scenario = _waiting()
    scenario.fire(TIMER)
    scenario.come_back()
    scenario.crash()
    scenario.leader()
    scenario.carry_out()
    kept = _chains(scenario)[-1]
    assert kept.held == "group 0 is kept for debugging after 2 recreations (container restarted)"
    scenario.leader(marked=False)
    scenario.come_back()
    resumed = _chains(scenario)[-1]
    assert (resumed.complete, resumed.held) == (True, "")


def test_a_leader_that_goes_otherwise_completes_the_chain() -> None:
    scenario = _waiting()
    scenario.come_back()
    assert [chain.complete for chain in _chains(scenario)] == [True, True]


def test_timeline_and_status_say_why_nothing_happens() -> None:
    scenario = _waiting()
    entries = [entry.what for entry in timeline(_steps(scenario), scenario.name, group="0")]
    waits = (
        "group sample-0 has failed because of pod sample-0-1 (container restarted): recreation 2 in a row waits until "
        "2023-11-14T22:13:30.000Z"
    )
    assert waits in entries
    assert _notes(scenario) == {"0": waits, "1": ""}
    scenario.fire(TIMER)
    assert _notes(scenario) == {"0": "", "1": ""}
    scenario.come_back()
    scenario.crash()
    assert _notes(scenario)["0"].startswith("group sample-0 is kept for debugging: it has failed after 2 recreations")
    scenario.carry_out()
    entries = [entry.what for entry in timeline(_steps(scenario), scenario.name, group="0")]
    assert any("mark leader pod sample-0" in entry for entry in entries)
