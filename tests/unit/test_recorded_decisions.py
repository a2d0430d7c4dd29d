"""Recorded decisions read in step with their events, across epochs, in which sequences are handed out again."""

import pytest

from adapters.controller.recorded import RecordedDecisions
from adapters.journal.memory import MemoryJournal
from adapters.journal.port import Message
from lws_events import decisions
from lws_events.decisions import Decision


async def reading(*recorded: tuple[str, int], epochs: tuple[str, ...] = ()) -> RecordedDecisions:
    stream = MemoryJournal("test").decisions
    for number, (epoch, cause) in enumerate(recorded):
        decision = Decision(epoch=epoch, cause=cause, machine="1")
        await stream.append([Message("lws.decisions.test.0.n.s", decisions.encode(decision), f"id-{number}")])
    return RecordedDecisions(stream, epochs=epochs)


async def causes(found: RecordedDecisions, first: int, last: int) -> list[int]:
    """Causes of the decisions handed out for these events."""
    taken = [await found.take(sequence) for sequence in range(first, last + 1)]
    return [decision.cause for decision in taken if decision is not None]


async def test_each_event_gets_its_decision_and_the_others_none() -> None:
    found = await reading(("e1", 2), ("e1", 4), ("e1", 5), epochs=("e1",))
    found.epoch_started("e1")
    assert await causes(found, 1, 3) == [2]
    assert not await found.is_exhausted()
    assert await causes(found, 4, 6) == [4, 5]
    assert await found.is_exhausted()


async def test_no_decision_at_all_is_exhausted_at_once() -> None:
    found = await reading(epochs=("e1",))
    found.epoch_started("e1")
    assert await found.take(1) is None
    assert await found.is_exhausted()


async def test_decisions_about_a_lost_tail_are_passed_over() -> None:
    found = await reading(("e1", 2), ("e1", 3), ("e1", 4), ("e2", 4), ("e2", 5), epochs=("e1", "e2"))
    found.epoch_started("e1")
    assert await causes(found, 1, 2) == [2]
    found.epoch_started("e2")  # at 3: events 3 and 4 of the first epoch are gone
    assert await found.take(3) is None
    assert [(await found.take(cause)).epoch for cause in (4, 5)] == ["e2", "e2"]  # type: ignore[union-attr]
    assert await found.is_exhausted()


async def test_decisions_of_a_later_epoch_wait_for_it() -> None:
    found = await reading(("e2", 4), epochs=("e1", "e2"))
    found.epoch_started("e1")
    assert await causes(found, 1, 4) == []
    assert not await found.is_exhausted(), "so that events of the first epoch are not decided about anew"
    found.epoch_started("e2")
    assert await causes(found, 4, 4) == [4]


@pytest.mark.parametrize("epochs", [("e2",), ("e2", "e3")])
async def test_decisions_of_an_epoch_that_was_lost_whole_do_not_stand_in_the_way(epochs: tuple[str, ...]) -> None:
    """The EVENTS stream was lost and begun anew; the decisions about the old one are still there."""
    found = await reading(("e1", 2), ("e1", 300), ("e2", 2), ("e2", 3), epochs=epochs)
    found.epoch_started("e2")
    assert await causes(found, 1, 3) == [2, 3]
    assert await found.is_exhausted()


async def test_an_epoch_whose_beginning_was_cut_off_is_matched_by_its_causes() -> None:
    found = await reading(("e1", 2), ("e1", 50), ("e1", 52), ("e2", 61), epochs=("e2",))
    assert await causes(found, 50, 59) == [50, 52]
    found.epoch_started("e2")
    assert await causes(found, 60, 61) == [61]
