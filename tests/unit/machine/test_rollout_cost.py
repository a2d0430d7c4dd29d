"""What an event costs during a rolling update: the same in a set of ten groups as in one of thousands.

Counted in operations, not in time: the groups may be looked up, but not walked over, and the planner's arithmetic
takes as many steps as the number of groups has binary digits.
"""

import sys
from collections.abc import Callable, Iterator
from functools import partial
from types import FrameType
from typing import Any, NoReturn

import pytest

from lws_events.machine.rollout import refinements
from lws_events.machine.rollout.planner import Present, Situation
from lws_events.machine.state import Group
from tests.rollout_model import Rollout


class NotWalked(dict[str, Group]):
    """Groups that can be looked up only."""

    def _refuse(self, *_: Any) -> NoReturn:
        raise AssertionError("an event walks over all groups")

    __iter__ = keys = values = items = __reversed__ = _refuse


def rolling(groups: int) -> Rollout:
    """In the middle of a rolling update with surge: the first groups are replaced, and are not ready yet."""
    strategy = {"rollingUpdateConfiguration": {"maxUnavailable": 2, "maxSurge": 2}}
    model = Rollout(replicas=groups, rolloutStrategy=strategy)
    model.begin()
    model.template("B")
    return model


def test_no_event_of_a_rollout_walks_over_the_groups() -> None:
    model = rolling(30)
    model.state.groups = NotWalked(model.state.groups)
    before = model.partition
    for index in (31, 30, 29, 28, 27):
        model.make_ready(index)
    model.make_ready(5, ready=False)
    model.make_ready(5)
    assert model.partition < before, "it went on all the same"


def calls_during(act: Callable[[], object]) -> int:
    """How many functions of the machine are called, nested ones included."""
    calls = 0

    def count(frame: FrameType, event: str, _: Any) -> None:
        nonlocal calls
        calls += event == "call" and "lws_events" in frame.f_code.co_filename

    sys.setprofile(count)
    try:
        act()
    finally:
        sys.setprofile(None)
    return calls


def test_an_event_takes_as_many_calls_in_a_big_set() -> None:
    def of(groups: int) -> list[int]:
        model = rolling(groups)
        return [calls_during(partial(model.make_ready, index)) for index in (groups + 1, groups, groups - 1)]

    assert of(300) == pytest.approx(of(10), rel=0.1)


def situations(groups: int) -> Iterator[Situation]:
    every = (1 << groups) - 1
    for partition in (groups, groups // 2, 1):
        updated = every >> partition << partition
        present = Present(groups + 3, partition, groups)
        yield Situation(groups, 0, 2, 3, present, ready=every, updated=updated, outdated=every & ~updated)


def test_a_plan_takes_a_search_at_most() -> None:
    """Only the number of ready groups to keep (D18) is searched for: one call more for each binary digit."""
    small = [calls_during(partial(refinements.plan, now)) for now in situations(10)]
    large = [calls_during(partial(refinements.plan, now)) for now in situations(100_000)]
    assert all(calls <= 100 for calls in small + large)
    assert all(many - few <= 2 * (100_000).bit_length() for few, many in zip(small, large, strict=True))
