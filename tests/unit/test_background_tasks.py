"""Tasks beside the main work: the end of any of them is noticed, and all of them end together."""

import asyncio

from adapters.controller.background import Background


async def _for_ever() -> None:
    await asyncio.Event().wait()


async def _failing(when: asyncio.Event) -> None:
    await when.wait()
    raise ValueError("broken")


async def test_the_first_that_ends_is_reported_however_it_ends() -> None:
    background = Background()
    now = asyncio.Event()
    background.start(_for_ever(), name="lasting")
    failing = background.start(_failing(now), name="failing")
    now.set()
    ended = await asyncio.wait_for(background.ended(), 10)
    assert ended is failing
    assert isinstance(ended.exception(), ValueError)
    await background.stop()


async def test_one_that_is_started_while_the_end_is_waited_for_counts() -> None:
    background = Background()
    background.start(_for_ever(), name="first")
    waiting = asyncio.create_task(background.ended())
    await asyncio.sleep(0)
    now = asyncio.Event()
    now.set()
    later = background.start(_failing(now), name="later")
    assert await asyncio.wait_for(waiting, 10) is later
    await background.stop()


async def test_what_was_stopped_is_no_longer_waited_for() -> None:
    background = Background()
    one = background.start(_for_ever(), name="one")
    other = background.start(_for_ever(), name="other")
    await background.stop(one)
    assert one.cancelled()
    waiting = asyncio.create_task(background.ended())
    await asyncio.sleep(0)
    assert not waiting.done()
    assert not other.done()
    waiting.cancel()
    await background.stop()
    assert other.cancelled()


async def test_stopping_takes_in_what_a_task_raises_meanwhile() -> None:
    background = Background()
    now = asyncio.Event()
    now.set()
    failing = background.start(_failing(now), name="failing")
    await background.stop()
    assert failing.done()
