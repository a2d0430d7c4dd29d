"""What audit needs is put aside before a purge, once, whatever happens in between; and what cannot be stays."""

from collections.abc import Callable

import pytest

from adapters.controller.engine import Engine
from adapters.controller.keeping import Keeping
from adapters.journal.audit import putting_aside
from adapters.journal.audit.limits import AuditLimits, chapters, forget, keep_within
from adapters.journal.audit.pages import Reach, chapter_message, found, pack
from adapters.journal.audit.reading import known_before, past_of
from adapters.journal.errors import Fenced, JournalDamaged
from adapters.journal.memory import MemoryJournal, MemoryStream
from adapters.journal.port import Message, Record
from adapters.journal.retention.limits import Limits
from adapters.journal.retention.purge import Retention
from adapters.observability.metrics import Metrics
from lws_events import decisions, events, subjects
from projections.audit.fold import audit
from projections.audit.rows import Asked
from projections.journal import RecordedDecision, RecordedEvent, pair
from tests.property.test_audit_of_a_purged_journal import read
from tests.scenario import Scenario
from tests.unit.test_engine import append, running, until_folded
from tests.unit.test_snapshots import sweeper


@pytest.fixture
def scenario() -> Scenario:
    told = Scenario()
    told.run()
    told.pod_deleted("sample-1-2")
    return told


class Everything:
    """All records that a journal ever had."""

    def __init__(self, memory: MemoryJournal) -> None:
        self._memory = memory
        self._events: dict[int, Record] = {}
        self._decisions: dict[int, Record] = {}

    def note(self) -> None:
        self._events |= {one.sequence: one for one in self._memory.events.records}
        self._decisions |= {one.sequence: one for one in self._memory.decisions.records}

    def rows(self) -> list[object]:
        told = [RecordedEvent(one.sequence, one.subject, events.decode(one.data)) for one in self._events.values()]
        decided = [
            RecordedDecision(one.sequence, one.subject, decisions.decode(one.data)) for one in self._decisions.values()
        ]
        return list(audit(pair(told, decided)))


def retention(memory: MemoryJournal, *, audit: AuditLimits | None) -> Retention:
    return Retention(memory.journal, Limits(events=4), now_ms=lambda: 0, audit=audit)


class _Crash(BaseException):
    """As a kill: nothing after it runs."""


def _crash_at(memory: MemoryJournal, operation: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let the process end before (odd) or behind (even) its so-manieth change of what is put aside, or purge."""
    done: list[str] = []

    def crashing(stream: MemoryStream, method: str) -> None:
        original = getattr(stream, method)

        async def change(*arguments: object, **options: object) -> object:
            done.append(f"{stream.name}.{method}")
            if len(done) == (operation + 1) // 2 and operation % 2:
                raise _Crash
            result = await original(*arguments, **options)
            if len(done) == operation // 2 and not operation % 2:
                raise _Crash
            return result

        monkeypatch.setattr(stream, method, change)

    crashing(memory.audit, "append")
    crashing(memory.events, "purge")
    crashing(memory.decisions, "purge")
    return done


async def _live(
    memory: MemoryJournal,
    scenario: Scenario,
    everything: Everything,
    *,
    start: int,
    audit_from: int = 0,
) -> int:
    """Keep within limits until the story is over, or the process is killed; returns how much was told.

    ``audit_from``: nothing is put aside before so much was told.
    """
    async with running(memory.journal) as (engine, _):
        taking = sweeper(engine, memory.journal)
        for end in range(start + 3, scenario.sequence + 3, 3):
            await append(memory.journal, scenario, start=end - 3, end=min(end, scenario.sequence))
            await until_folded(engine, await memory.events.last_sequence())
            await engine.settled()
            everything.note()
            keeping = retention(memory, audit=AuditLimits() if end > audit_from else None)
            try:
                await taking.sweep()
                await keeping.after_sweep(taking.take_place)
            except _Crash:
                return end
            finally:
                everything.note()
    return scenario.sequence


@pytest.mark.parametrize("operation", range(1, 21))
async def test_killed_at_any_moment_everything_is_there_once(
    scenario: Scenario, operation: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = MemoryJournal("test")
    everything = Everything(memory)
    with monkeypatch.context() as patches:
        done = _crash_at(memory, operation, patches)
        told = await _live(memory, scenario, everything, start=0)
        assert len(done) >= operation // 2, "nothing was cut off"
    await _live(memory, scenario, everything, start=told)
    assert (await memory.events.info()).first_sequence > 10
    assert await read(memory, Asked()) == everything.rows()


async def test_a_journal_that_was_purged_before_begins_with_what_recovery_knows(scenario: Scenario) -> None:
    memory = MemoryJournal("test")
    await _live(memory, scenario, Everything(memory), start=0, audit_from=14)
    past = await past_of(memory.journal)
    assert 1 < past.from_event < past.first_event
    assert past.has_basis
    known = {event.subject.split(".", 6)[6] for event in await known_before(memory.journal, past)}
    assert "set.sample" in known
    assert not any(row.kind == "change" for row in await read(memory, Asked()))
    assert memory.audit.records
    await forget(memory.journal)
    assert not memory.audit.records
    assert (await past_of(memory.journal)).from_event == past.first_event


async def _told(memory: MemoryJournal, scenario: Scenario, engine: Engine, *, start: int, end: int) -> None:
    await append(memory.journal, scenario, start=start, end=end)
    await until_folded(engine, await memory.events.last_sequence())


async def test_what_cannot_be_put_aside_is_not_purged(scenario: Scenario) -> None:
    memory, metrics = MemoryJournal("test"), Metrics()
    keeping = Keeping(limits=Limits(events=4))
    after = keeping.after_sweeps_of(memory.journal, now_ms=lambda: 0, metrics=metrics.journal_life())
    assert after is not None
    failed: Callable[[], float | None] = lambda: metrics.registry.get_sample_value(  # noqa: E731
        "lws_events_journal_purges_failed_total"
    )
    async with running(memory.journal) as (engine, _):
        taking = sweeper(engine, memory.journal)
        await _told(memory, scenario, engine, start=0, end=8)
        await after(taking)
        await _told(memory, scenario, engine, start=8, end=16)
        memory.audit.size_bytes_max = 10
        await after(taking)
        assert (await memory.events.info()).first_sequence == 1
        assert failed() == 1
        memory.audit.size_bytes_max = -1
        await after(taking)
        assert (await memory.events.info()).first_sequence > 1
        assert failed() == 1


async def _aside(memory: MemoryJournal, *, through: int) -> putting_aside.PuttingAside:
    facts = await putting_aside.begin(memory.journal, decisions_through=await memory.decisions.last_sequence())
    for record in memory.events.records:
        if record.sequence <= through:
            await facts.add(record, events.decode(record.data))
    return facts


async def test_of_two_who_put_aside_at_once_one_is_refused(scenario: Scenario) -> None:
    memory = MemoryJournal("test")
    await append(memory.journal, scenario)
    one, other = await _aside(memory, through=9), await _aside(memory, through=9)
    await one.finish()
    with pytest.raises(Fenced):
        await other.finish()
    again = await _aside(memory, through=9)
    end = await memory.audit.last_sequence()
    await again.finish()
    assert await memory.audit.last_sequence() == end


async def test_facts_of_another_journal_are_not_mixed_in(scenario: Scenario) -> None:
    memory, other = MemoryJournal("test"), MemoryJournal("test")
    await append(other.journal, scenario)
    await (await _aside(other, through=9)).finish()
    await memory.audit.append([Message(one.subject, one.data) for one in other.audit.records])
    scenario.recorded = [
        (number, subject, envelope) for number, (_, subject, envelope) in enumerate(_shifted(scenario))
    ]
    await append(memory.journal, scenario)
    with pytest.raises(JournalDamaged, match="LWS_AUDIT_test holds facts of audit of another journal"):
        await _aside(memory, through=9)


def _shifted(scenario: Scenario) -> list[tuple[int, str, events.Envelope]]:
    told = events.Envelope(at_ms=1, fact=events.TimerFired(timer="t"))
    return [(0, subjects.event_subject("test", scenario.name, subjects.TIMER, "t"), told), *scenario.recorded]


async def test_what_went_in_between_without_being_put_aside_is_said(scenario: Scenario) -> None:
    memory = MemoryJournal("test")
    await append(memory.journal, scenario)
    await (await _aside(memory, through=5)).finish()
    await memory.events.purge(before=9)
    past = await past_of(memory.journal)
    assert (past.from_event, past.is_missing_between) == (9, True)
    await (await _aside(memory, through=12)).finish()
    assert [(one.reach.first, one.reach.last) for one in await chapters(memory.audit)] == [(1, 5), (9, 12)]
    await memory.events.purge(before=13)
    past = await past_of(memory.journal)
    assert (past.from_event, past.first_event, past.is_whole) == (9, 13, False)


async def test_the_newest_chapter_stays_however_little_is_kept() -> None:
    memory = MemoryJournal("test")
    for number in range(1, 4):
        reach = Reach(
            first=number, last=number, digest="", epoch="e", from_ms=number, to_ms=number, entries=1, size_bytes=100
        )
        await memory.audit.append([chapter_message(memory.audit, reach)])
    assert await keep_within(memory.journal, AuditLimits(), now_ms=10**9) == 0
    size = (await memory.audit.info()).size_bytes
    assert await keep_within(memory.journal, AuditLimits(size_bytes=size * 2 // 3), now_ms=3) == 1
    assert await keep_within(memory.journal, AuditLimits(age_ms=1), now_ms=10**9) == 1
    assert await keep_within(memory.journal, AuditLimits(age_ms=1, size_bytes=1), now_ms=10**9) == 0
    assert [one.reach.first for one in await chapters(memory.audit)] == [3]


def test_what_is_damaged_is_an_error() -> None:
    with pytest.raises(JournalDamaged, match=r"message 7 \(lws.audit.c.1.a.b\)"):
        found(Record(7, "lws.audit.c.1.a.b", b"\x00", 0))
    assert pack([]) == []
