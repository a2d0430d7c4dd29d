"""Seals: what was changed is found, and where; what was not changed never is; crashes and lost tails are no change."""

from typing import Any

import msgspec
import pytest

from adapters.cli.seals import break_words
from adapters.controller.journals import begin_epoch_if_needed
from adapters.journal.archive.checking import Check
from adapters.journal.chain import START, link
from adapters.journal.errors import Fenced, JournalDamaged, JournalUnavailable
from adapters.journal.memory import MemoryJournal
from adapters.journal.port import Appended, Message
from adapters.journal.seals.locating import (
    CHANGED,
    INSERTED,
    REMOVED,
    REORDERED,
    SEAL_CHANGED,
    SEALS_MISSING,
    UNKNOWN,
)
from adapters.journal.seals.model import (
    EDGE,
    GOES_ON,
    LOST_TAIL,
    decode,
    digest,
    encode,
    newest,
    pack_marks,
    unpack_marks,
)
from adapters.journal.seals.sealing import RECORDS_MAX
from adapters.journal.seals.walking import Range
from tests.tampering import begin_epoch, changed, check, grow, renumbered, replace, sealed, sealing

# Three seals: events 1-11, 12-21, 22-31; decisions 1-5, 6-10, 11-15.
SIZES = (10, 10, 10)


def first_break(found: Check) -> tuple[str, str, int]:
    one = found.seals.breaks[0]
    return one.kind, one.stream, one.at


async def test_what_was_not_changed_is_proven() -> None:
    memory = await sealed(SIZES)
    await grow(memory, 3)
    found = await check(memory)
    assert found.is_sound
    assert found.seals.proven == {"events": [Range(1, 31)], "decisions": [Range(1, 15)]}
    assert found.seals.unsealed == {"events": 3, "decisions": 1}
    assert found.seals.count == 3
    assert found.seals.newest is not None
    assert (found.seals.newest.events, found.seals.newest.decisions) == (31, 15)


async def test_the_hash_is_that_of_an_archive() -> None:
    memory = await sealed(SIZES)
    hashed = START
    for record in memory.events.records:
        hashed = link(hashed, record)
    last = decode(memory.seals.records[-1].data)
    assert last.events.hash == hashed == (await check(memory)).events.hash


async def test_a_changed_event_is_found_and_what_is_around_it_stays_proven() -> None:
    memory = await sealed(SIZES)
    records = list(memory.events.records)
    records[14] = changed(records[14])
    replace(memory.events, records)
    found = await check(memory)
    assert not found.is_sound
    (one,) = found.seals.breaks
    assert (one.kind, one.stream, one.first, one.last, one.at, one.seal) == (CHANGED, "events", 12, 21, 15, 2)
    assert one.until_ms - one.since_ms == 60_000
    assert found.seals.proven["events"] == [Range(1, 11), Range(22, 31)]
    assert found.seals.proven["decisions"] == [Range(1, 15)]


async def test_a_removed_event_is_found() -> None:
    memory = await sealed(SIZES)
    records = list(memory.events.records)
    replace(memory.events, records[:14] + records[15:])
    assert first_break(await check(memory)) == (REMOVED, "events", 15)
    replace(memory.events, renumbered(records[:14] + records[15:], first=1))
    assert first_break(await check(memory)) == (REMOVED, "events", 15)


async def test_an_inserted_and_a_moved_decision_are_found() -> None:
    memory = await sealed(SIZES)
    records = list(memory.decisions.records)
    replace(memory.decisions, renumbered([*records[:7], changed(records[0]), *records[7:]], first=1))
    assert first_break(await check(memory)) == (INSERTED, "decisions", 8)
    replace(memory.decisions, renumbered([*records[:6], records[8], records[7], records[6], *records[9:]], first=1))
    assert first_break(await check(memory)) == (REORDERED, "decisions", 7)


async def test_a_removed_end_and_a_removed_beginning_are_found() -> None:
    memory = await sealed(SIZES)
    records = list(memory.events.records)
    replace(memory.events, records[:-4])
    found = await check(memory)
    assert first_break(found) == (REMOVED, "events", 28)
    assert found.seals.proven["events"] == [Range(1, 21)]
    replace(memory.events, records[14:])
    found = await check(memory)
    assert first_break(found) == (REMOVED, "events", 1)
    assert found.seals.proven["events"] == [Range(22, 31)]
    replace(memory.events, records[21:])
    found = await check(memory)
    assert first_break(found) == (REMOVED, "events", 1), "the running hash is known there, but nobody purged it"
    assert found.seals.proven["events"] == [Range(22, 31)]
    replace(memory.events, [])
    assert first_break(await check(memory)) == (REMOVED, "events", 1)


async def test_an_event_that_is_not_sealed_yet_can_be_changed_unseen() -> None:
    memory = await sealed(SIZES)
    await grow(memory, 2)
    records = list(memory.events.records)
    replace(memory.events, [*records[:-1], changed(records[-1])])
    assert (await check(memory)).is_sound


async def test_changed_and_missing_seals_are_found_and_the_journal_is_proven_by_the_others() -> None:
    memory = await sealed(SIZES)
    records = list(memory.seals.records)
    seal = decode(records[1].data)
    forged = msgspec.structs.replace(records[1], data=records[1].data.replace(seal.events.hash.encode(), b"f" * 64))
    replace(memory.seals, [records[0], forged, records[2]])
    found = await check(memory)
    assert first_break(found) == (SEAL_CHANGED, "seals", 2)
    assert break_words(found.seals.breaks[0]) == "seal 2 was changed: seal 3 names another hash"
    assert found.seals.proven["events"] == [Range(1, 31)]
    replace(memory.seals, [records[0], records[2]])
    found = await check(memory)
    assert first_break(found) == (SEALS_MISSING, "seals", 2)
    assert found.seals.proven["events"] == [Range(1, 31)]
    replace(memory.seals, [msgspec.structs.replace(records[0], data=b"{"), *records[1:]])
    found = await check(memory)
    assert first_break(found) == (SEAL_CHANGED, "seals", 1)
    assert found.seals.proven["events"] == [Range(1, 31)]
    replace(memory.seals, records[1:])
    assert first_break(await check(memory)) == (SEALS_MISSING, "seals", 1)


async def test_the_last_seal_is_found_by_what_it_seals() -> None:
    memory = await sealed(SIZES)
    *before, last = memory.seals.records
    forged = msgspec.structs.replace(decode(last.data), number=3)
    forged = msgspec.structs.replace(forged, events=msgspec.structs.replace(forged.events, hash="f" * 64))
    replace(memory.seals, [*before, msgspec.structs.replace(last, data=msgspec.json.encode(forged))])
    assert first_break(await check(memory)) == (SEAL_CHANGED, "events", 0)


async def test_who_rewrites_everything_is_found_by_a_noted_hash_alone() -> None:
    memory = await sealed(SIZES)
    noted = digest(memory.seals.records[1].data)
    found = await check(memory, noted=noted[:16].upper())
    assert found.is_sound
    assert found.seals.noted is not None
    assert (found.seals.noted.number, found.seals.noted.events, found.seals.noted.hash) == (2, 21, noted)
    forged = MemoryJournal("test", now_ns=memory.clock.now_ns)
    await begin_epoch(forged, "e1")
    await grow(forged, 30, note="x")
    mine = sealing(forged)
    await mine.take_up()
    await mine.seal_all()
    assert (await check(forged)).is_sound
    found = await check(forged, noted=noted)
    assert not found.is_sound
    assert "no seal of this journal has the hash" in found.seals.noted_problem
    assert not (await check(memory, noted=noted[:6])).is_sound


@pytest.mark.parametrize("events_at_once", [1, 2 * RECORDS_MAX + 10])
async def test_sealing_goes_on_from_the_last_seal_wherever_it_was_cut_off(events_at_once: int) -> None:
    memory = await sealed((events_at_once,))
    await grow(memory, 4)
    cut_off = sealing(memory)
    await cut_off.take_up()
    memory.seals.acknowledgements_to_lose = 1
    with pytest.raises(JournalUnavailable):
        await cut_off.seal()
    await cut_off.take_up()
    assert await cut_off.seal() is None
    memory.seals.unavailable = True
    await grow(memory, 4)
    with pytest.raises(JournalUnavailable):
        await cut_off.seal()
    memory.seals.unavailable = False
    following = sealing(memory)
    await following.take_up()
    assert await following.seal() is not None
    assert following.problem == ""
    found = await check(memory)
    assert found.is_sound
    assert found.seals.unsealed == {"events": 0, "decisions": 0}


async def test_of_two_leaders_one_is_refused_and_goes_on_from_the_other() -> None:
    memory = await sealed((5,))
    one, other = sealing(memory), sealing(memory)
    await one.take_up()
    await other.take_up()
    await grow(memory, 2)
    await one.seal()
    await grow(memory, 2)
    with pytest.raises(Fenced):
        await other.seal()
    await other.take_up()
    await other.seal()
    assert (await check(memory)).is_sound
    assert memory.seals.records[-1].sequence == 3


async def test_a_journal_that_grows_with_every_seal_is_sealed_through_what_was_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    memory = await sealed(SIZES)
    await grow(memory, RECORDS_MAX + 5)
    append = memory.seals.append
    seals_max = 5

    async def append_and_grow(*arguments: Any, **options: Any) -> Appended:
        assert memory.seals.records[-1].sequence < len(SIZES) + seals_max, "sealing never ends"
        await grow(memory, 3, note="meanwhile")
        return await append(*arguments, **options)

    monkeypatch.setattr(memory.seals, "append", append_and_grow)
    mine = sealing(memory)
    await mine.take_up()
    await mine.seal_edge(events=12, decisions=6)
    assert [decode(one.data).kind for one in memory.seals.records[len(SIZES) :]] == [GOES_ON, GOES_ON, EDGE]
    assert mine.last is not None
    assert mine.last.seal.events.through == 31 + RECORDS_MAX + 5 + 3
    assert (await check(memory)).is_sound


async def test_a_leader_notices_at_its_start_that_what_was_sealed_last_is_another() -> None:
    memory = await sealed(SIZES)
    records = list(memory.events.records)
    replace(memory.events, [*records[:-1], changed(records[-1])])
    mine = sealing(memory)
    await mine.take_up()
    assert mine.problem == "the events are not what seal 3 has sealed"
    await grow(memory, 2)
    await mine.seal_all()
    found = await check(memory)
    assert first_break(found) == (CHANGED, "events", 31)
    assert found.seals.proven["events"] == [Range(1, 21), Range(32, 33)]


async def test_a_lost_tail_is_told_as_such() -> None:
    memory = await sealed(SIZES)
    replace(memory.events, memory.events.records[:25])
    assert not (await check(memory)).is_sound, "nobody has begun an epoch yet: it may have been removed"
    await begin_epoch_if_needed(memory.journal)
    await grow(memory, 20, note="y")
    mine = sealing(memory)
    await mine.take_up()
    assert mine.problem == ""
    await mine.seal_all()
    found = await check(memory)
    assert found.is_sound
    (lost,) = found.seals.lost_tails
    assert (lost.stream, lost.after, lost.sealed_through, lost.seal) == ("events", 21, 31, 4)
    assert decode(memory.seals.records[-1].data).kind == LOST_TAIL
    assert found.seals.proven["events"] == [Range(1, 46)]
    noted = digest(memory.seals.records[2].data)
    assert "were lost" in (await check(memory, noted=noted)).seals.noted_problem


async def test_a_lost_tail_that_no_epoch_follows_is_a_break() -> None:
    memory = await sealed(SIZES)
    replace(memory.events, memory.events.records[:25])
    await begin_epoch_if_needed(memory.journal)
    mine = sealing(memory)
    await mine.take_up()
    await mine.seal_all()
    records = list(memory.events.records)
    replace(memory.events, [*records[:25], changed(records[24])])
    found = await check(memory)
    assert {one.kind for one in found.seals.breaks} >= {UNKNOWN}


async def test_the_edge_of_a_purge_is_covered() -> None:
    memory = await sealed(SIZES)
    mine = sealing(memory)
    await mine.take_up()
    await mine.seal_edge(events=16, decisions=8)
    await memory.events.purge(before=16)
    await memory.decisions.purge(before=8)
    await grow(memory, 5)
    await mine.seal_all()
    found = await check(memory)
    assert found.is_sound
    assert found.seals.proven == {"events": [Range(16, 36)], "decisions": [Range(8, 17)]}
    assert found.events.hash == decode(memory.seals.records[-1].data).events.hash
    assert decode(memory.seals.records[3].data).kind == EDGE
    await mine.seal_edge(events=19, decisions=9)
    await memory.events.purge(before=19)
    await memory.decisions.purge(before=9)
    following = sealing(memory)
    await following.take_up()
    await grow(memory, 5)
    await following.seal_all()
    assert (await check(memory)).seals.proven["events"] == [Range(19, 41)]
    records = list(memory.events.records)
    replace(memory.events, [changed(records[0]), *records[1:]])
    assert first_break(await check(memory)) == (CHANGED, "events", 19)


async def test_a_journal_that_was_purged_before_it_was_ever_sealed_is_proven_from_there_on() -> None:
    memory = await sealed(())
    await grow(memory, 20)
    await memory.events.purge(before=10)
    mine = sealing(memory)
    await mine.take_up()
    await mine.seal_all()
    found = await check(memory)
    assert found.is_sound
    assert found.seals.proven["events"] == [Range(10, 21)]


async def test_a_journal_without_seals_is_no_break() -> None:
    memory = await sealed(())
    await grow(memory, 4)
    found = await check(memory)
    assert found.is_sound
    assert (found.seals.count, found.seals.newest) == (0, None)
    assert found.seals.unsealed == {"events": 5, "decisions": 2}


async def test_a_seal_that_cannot_be_read_is_said_to_be_one() -> None:
    memory = await sealed(SIZES)
    await memory.seals.append([Message(f"{memory.seals.root}.seal", b"[]")])
    with pytest.raises(JournalDamaged, match="a seal cannot be read"):
        await newest(memory.seals)


def test_a_seal_keeps_its_shape() -> None:
    """Recorded shapes only grow (docs/decisions/0006): this body was recorded, and is never changed."""
    body = (
        b'{"number":2,"previous":"21","at_ms":1795546005497,"machine":"2","epoch":"27cfe6fd","kind":"edge",'
        b'"events":{"after":5,"before":"d0","through":133,"hash":"ac","marks":"2U6dgPcYwco="},'
        b'"decisions":{"after":1,"before":"ae","through":24,"hash":"7d"}}'
    )
    seal = decode(body)
    assert (seal.number, seal.kind, seal.events.through, seal.decisions.marks) == (2, EDGE, 133, "")
    assert encode(seal) == body
    assert decode(body.replace(b'"epoch"', b'"later":[1],"epoch"')) == seal, "fields that are not known are ignored"
    assert decode(body.replace(b'"kind":"edge",', b"")).kind == GOES_ON


def test_marks_that_cannot_be_read_are_none() -> None:
    assert unpack_marks(pack_marks([1, 2**32 - 1])) == [1, 2**32 - 1]
    assert unpack_marks("AAAA") == unpack_marks("ä") == []
