"""The example of the core's front page does what it says."""

import textwrap
from typing import Any

import lws_events
from lws_events import events
from tests.scenario import Scenario


def test_the_example_of_the_package_runs() -> None:
    scenario = Scenario()
    scenario.apply_set()
    assert lws_events.__doc__ is not None
    example = lws_events.__doc__.split("::\n")[1].split("\n``admission``")[0].replace("llama", "sample")
    journal = [(sequence, subject, events.encode(envelope)) for sequence, subject, envelope in scenario.recorded]
    found: dict[str, Any] = {"journal": journal}
    exec(textwrap.dedent(example), found)
    assert found["state"].spec == scenario.state.spec
    set_name, decision = found["stepped"]
    assert (set_name, decision) == (scenario.name, scenario.decisions[-1])
