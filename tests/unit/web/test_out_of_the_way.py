"""What a browser asks takes neither the loop nor the interpreter from the controller for long."""

import asyncio
import threading
import time
from collections.abc import Generator

import pytest

from adapters.web.answers import sets
from adapters.web.desk import Resting
from adapters.web.errors import Busy
from adapters.web.page import page_of_controller
from adapters.web.present import OfController
from lws_events.fleet import Fleet
from lws_events.subjects import SetName
from tests.journal_builder import JournalBuilder
from tests.unit.web.serving_page import asked, stored


def _fleet(*, groups: int) -> tuple[Fleet, JournalBuilder]:
    story = JournalBuilder()
    story.lws(replicas=groups, size=1)
    for index in range(0, groups, 7):
        story.pod(f"sample-{index}", uid=f"u{index}", size=1, ready=True)
    fleet = Fleet()
    for event in story.events:
        fleet.recall(event.sequence, event.subject, event.envelope, None)
    return fleet, story


async def test_other_work_goes_on_between_the_pieces_of_an_answer() -> None:
    present = OfController(Fleet, now_ms=lambda: 0)
    turns: list[str] = []

    def question(_: Fleet) -> Generator[None, None, str]:
        for _number in range(3):
            turns.append("answering")
            yield
        return "answer"

    async def other() -> None:
        for _number in range(3):
            turns.append("deciding")
            await asyncio.sleep(0)

    answer, _ = await asyncio.gather(present.read(question), other())
    assert answer == "answer"
    assert turns == ["answering", "deciding"] * 3


async def test_a_set_of_thousands_of_groups_is_answered_in_pieces_from_the_state_of_the_engine() -> None:
    fleet, story = _fleet(groups=3_000)
    page = page_of_controller(await stored(story), fleet=lambda: fleet, now_ms=lambda: story.now_ms)
    beats = [0]

    async def beat() -> None:
        while True:
            beats[0] += 1
            await asyncio.sleep(0)

    beating = asyncio.create_task(beat())
    async with asked(page) as asking:
        found = await asking.get("/sets/default/sample")
        assert len(found["groups"]["names"]) == 3_000
        assert found["position"]["sequence"] == fleet.sequence
    beating.cancel()
    assert beats[0] > 6, "at least once between two pieces"


async def test_an_engine_that_is_starting_is_waited_for() -> None:
    _, story = _fleet(groups=1)
    page = page_of_controller(await stored(story), fleet=lambda: None, now_ms=lambda: story.now_ms)
    with pytest.raises(Busy, match="starting"):
        await sets(page)
    await page.close()


async def test_a_set_that_the_engine_forgets_meanwhile_is_left_out() -> None:
    fleet, story = _fleet(groups=1)
    other = JournalBuilder(SetName("default", "zzz"))
    other.lws()
    for event in other.events[1:]:
        fleet.recall(event.sequence + 1_000, event.subject, event.envelope, None)
    page = page_of_controller(await stored(story), fleet=lambda: fleet, now_ms=lambda: story.now_ms)

    async def forget() -> None:
        fleet.aggregates.pop(SetName("default", "zzz"))

    found, _ = await asyncio.gather(sets(page), forget())
    assert [one["name"] for one in found["sets"]] == ["sample"]
    await page.close()


@pytest.mark.parametrize(("share", "least"), [(1.0, 1), (0.0, 0)])
def test_a_reading_rests_as_long_as_it_works(share: float, least: int, monkeypatch: pytest.MonkeyPatch) -> None:
    now, slept = [0.0], list[float]()
    monkeypatch.setattr("adapters.web.desk.time.monotonic", lambda: now[0])
    monkeypatch.setattr("adapters.web.desk.time.sleep", slept.append)
    rest = Resting(share)
    for _ in range(10):
        now[0] += 0.001
        rest()
    assert len(slept) == 2 * least
    assert sum(slept) >= 0.008 * least


async def test_heavy_questions_are_worked_on_one_at_a_time_and_not_in_the_loop() -> None:
    _, story = _fleet(groups=1)
    page = page_of_controller(await stored(story), fleet=lambda: None, now_ms=lambda: story.now_ms)
    at_once, most, threads = [0], [0], set[str]()

    def question(_: object) -> None:
        at_once[0] += 1
        most[0] = max(most[0], at_once[0])
        threads.add(threading.current_thread().name)
        deadline = time.monotonic() + 0.005
        while time.monotonic() < deadline:
            pass
        at_once[0] -= 1

    await asyncio.gather(*(page.desk.ask(question) for _ in range(8)))
    assert most[0] == 1
    assert len(threads) == 1
    assert threading.current_thread().name not in threads
    await page.close()


async def test_a_server_that_stops_does_not_wait_for_an_answer() -> None:
    _, story = _fleet(groups=1)
    page = page_of_controller(await stored(story), fleet=lambda: None, now_ms=lambda: story.now_ms)
    begun = threading.Event()

    def question(_: object) -> None:
        begun.set()
        while True:
            page.desk.rest()

    asking = asyncio.create_task(page.desk.ask(question))
    await asyncio.to_thread(begun.wait, 10)
    async with asyncio.timeout(1.5):
        await page.close()
    with pytest.raises(Busy, match="stops"):
        await asking
