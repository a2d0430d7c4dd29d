"""What the machine makes of commands that whoever is in charge has not carried out (``lws-events shadow``)."""

from lws_events import commands, events
from lws_events.decisions import GroupRecreationStarted
from lws_events.machine.lifecycle import READY, RECREATING
from tests.scenario import Scenario


def _not_done(scenario: Scenario, kind: type[commands.Command]) -> None:
    scenario.fail(scenario.issued(kind)[-1], code=0, reason=events.NOT_DONE)


def test_a_group_that_is_not_recreated_goes_on_and_may_fail_again() -> None:
    scenario = Scenario()
    scenario.run()
    scenario.pod("sample-1-1", restarts=1)
    assert scenario.group(1).lifecycle == RECREATING
    _not_done(scenario, commands.DeleteLeaderPod)
    assert scenario.group(1).lifecycle == READY
    assert scenario.group(1).recreating == ""
    assert len(scenario.facts(GroupRecreationStarted)) == 1
    assert not [timer for timer in scenario.state.timers if timer.startswith("retry/pod/")]

    scenario.pod("sample-1-2", restarts=1)
    assert len(scenario.facts(GroupRecreationStarted)) == 2
    assert len(scenario.commanded(commands.DeleteLeaderPod)) == 2


def test_what_is_not_created_is_asked_for_again_later_without_a_warning() -> None:
    scenario = Scenario()
    scenario.apply_set()
    _not_done(scenario, commands.CreateService)
    assert scenario.commanded(commands.RecordEvent) == []
    assert "retry/service/sample" in scenario.state.timers
