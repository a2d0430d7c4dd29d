"""What was told of as missing and is done in a pause of the machine is found, once."""

from adapters.shadow.late import Late, Reported
from adapters.shadow.wanted import Wanted
from lws_events import commands
from tests.scenario import Scenario


def _late(scenario: Scenario, kind: type[commands.Command]) -> tuple[Late, Reported]:
    issued = scenario.issued(kind)[-1]
    wanted = Wanted(content="", since=0.0, first_id=issued.id, reported_at=1.0, reported_id=issued.id)
    reported = Reported((scenario.state.name, commands.target(issued.command)), issued, wanted)
    late = Late()
    late.expect(reported)
    return late, reported


def _done(late: Late, scenario: Scenario, *, now: float, is_open: bool = False) -> list[Reported]:
    found = late.done({scenario.state.name: scenario.state}, is_open=lambda _: is_open, now=now)
    return [reported for reported, _ in found]


def test_it_is_found_once_when_it_is_there() -> None:
    scenario = Scenario()
    scenario.apply_set()
    late, reported = _late(scenario, commands.CreateService)
    assert _done(late, scenario, now=1.0) == []
    scenario.show_result(reported.issued)
    assert _done(late, scenario, now=1.5) == []  # not again so soon
    assert _done(late, scenario, now=2.0, is_open=True) == []  # that command tells of it
    assert _done(late, scenario, now=3.0) == [reported]
    assert not late


def test_a_recreation_is_late_only_where_the_leader_goes_in_foreground() -> None:
    for is_foreground in (True, False):
        scenario = Scenario()
        scenario.run()
        scenario.pod("sample-0-1", restarts=1)
        late, reported = _late(scenario, commands.DeleteLeaderPod)
        scenario.pod("sample-0", deleting_since="2026-01-01T00:00:00Z", deleted_in_foreground=is_foreground)
        assert _done(late, scenario, now=2.0) == ([reported] if is_foreground else [])
        assert not late


def test_what_its_set_has_taken_along_is_not_late() -> None:
    scenario = Scenario()
    scenario.apply_set()
    late, _ = _late(scenario, commands.CreateService)
    assert late.done({}, is_open=lambda _: False, now=2.0) == []
    assert not late


def test_what_another_command_has_told_of_is_not_told_again() -> None:
    scenario = Scenario()
    scenario.apply_set()
    late, reported = _late(scenario, commands.CreateService)
    reported.wanted.reported_at = None
    scenario.show_result(reported.issued)
    assert _done(late, scenario, now=2.0) == []
