"""Whatever one thing is changed in whatever sealed journal: it is found, and where. What was not changed never is."""

import asyncio
from itertools import accumulate, pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.journal.memory import MemoryJournal, MemoryStream
from adapters.journal.port import Record
from adapters.journal.seals.locating import CHANGED, INSERTED, REMOVED, REORDERED
from adapters.journal.seals.sealing import Sealing
from tests.tampering import begin_epoch, changed, check, grow, renumbered, replace, sealed, sealing

SIZES = st.lists(st.integers(1, 12), min_size=1, max_size=6)


def tampered(how: str, records: list[Record], at: int) -> list[Record]:
    """One thing that is done to the record at an index; the stream goes on counting, as a server does."""
    first = records[0].sequence
    match how:
        case "changed":
            return [*records[:at], changed(records[at]), *records[at + 1 :]]
        case "removed":
            return renumbered([*records[:at], *records[at + 1 :]], first=first)
        case "hole":
            return [*records[:at], *records[at + 1 :]]
        case "inserted":
            return renumbered([*records[:at], changed(records[at]), *records[at:]], first=first)
        case _:
            other = (at + 1) % len(records)
            swapped = list(records)
            swapped[at], swapped[other] = swapped[other], swapped[at]
            return renumbered(swapped, first=first)


KINDS = {"changed": CHANGED, "removed": REMOVED, "hole": REMOVED, "inserted": INSERTED, "swapped": REORDERED}


@settings(max_examples=80, deadline=None)
@given(sizes=SIZES, how=st.sampled_from(sorted(KINDS)), stream=st.sampled_from(["events", "decisions"]), data=st.data())
def test_any_single_change_is_found_and_located(sizes: list[int], how: str, stream: str, data: st.DataObject) -> None:
    async def run() -> None:
        memory = await sealed(sizes)
        assert (await check(memory)).is_sound
        streams: dict[str, MemoryStream] = {"events": memory.events, "decisions": memory.decisions}
        records = list(streams[stream].records)
        if len(records) < 2:
            return
        at = data.draw(st.integers(0, len(records) - (2 if how == "swapped" else 1)))
        replace(streams[stream], tampered(how, records, at))
        found = await check(memory)
        assert not found.is_sound
        first = found.seals.breaks[0]
        sequence = records[at].sequence
        assert first.stream == stream
        assert first.first <= sequence <= first.last
        assert all(one.last < first.first or one.first > first.last for one in found.seals.proven[stream])
        if first.at and _is_within_one_seal(sizes, stream, sequence):
            assert first.at == sequence
        assert first.kind in {KINDS[how], CHANGED, REMOVED, INSERTED}

    asyncio.run(run())


def _is_within_one_seal(sizes: list[int], stream: str, sequence: int) -> bool:
    """Whether the record after it is in the same seal, so that both ends of a change are seen."""
    ends = [1 + total for total in accumulate(sizes)]
    return stream == "events" and all(sequence not in (one, one + 1) for one, _ in pairwise([*ends, 0]))


@settings(max_examples=60, deadline=None)
@given(
    steps=st.lists(
        st.sampled_from(["grow", "seal", "restart", "lost answer", "edge", "cut", "lost tail", "other leader"]),
        max_size=25,
    )
)
def test_crashes_purges_lost_tails_and_take_overs_are_never_taken_for_a_change(steps: list[str]) -> None:
    async def run() -> None:
        memory = MemoryJournal("test", now_ns=1)
        await begin_epoch(memory, "e0")
        mine: Sealing = sealing(memory)
        await mine.take_up()
        for number, step in enumerate(steps, start=1):
            mine = await _step(step, number, memory, mine)
            found = await check(memory)
            assert found.is_sound, (steps[:number], found.seals.breaks)
        await mine.seal_all()
        found = await check(memory)
        assert found.is_sound
        assert found.seals.unsealed["events"] == 0

    asyncio.run(run())


async def _step(step: str, number: int, memory: MemoryJournal, mine: Sealing) -> Sealing:
    match step:
        case "grow":
            await grow(memory, 3 + number % 4, note=str(number))
        case "seal":
            await mine.seal()
        case "restart" | "other leader":
            mine = sealing(memory)
            await mine.take_up()
        case "lost answer":
            memory.seals.acknowledgements_to_lose = 1
            try:
                await mine.seal()
            except Exception:
                await mine.take_up()
            memory.seals.acknowledgements_to_lose = 0
        case "edge" | "cut":
            first = max(memory.events.records[-1].sequence - 2, 1)
            decided = [record.sequence for record in memory.decisions.records]
            await mine.seal_edge(events=first, decisions=decided[-1] if decided else 0)
            if step == "cut":
                await begin_epoch(memory, f"e{number}")
                await memory.events.purge(before=first)
                await memory.decisions.purge(before=decided[-1] if decided else 0)
        case "lost tail":
            kept = memory.events.records[: max(1, len(memory.events.records) - number % 5)]
            if len(kept) < len(memory.events.records):
                replace(memory.events, kept)
                await begin_epoch(memory, f"e{number}")
                mine = sealing(memory)
                await mine.take_up()
                await mine.seal()
    return mine
