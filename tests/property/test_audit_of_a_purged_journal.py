"""However a journal is purged, and wherever that is cut off: audit tells the same as if it had not been."""

import asyncio
from contextlib import aclosing
from typing import Any, Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.journal.audit import putting_aside
from adapters.journal.audit.limits import AuditLimits, chapters, keep_within
from adapters.journal.audit.reading import known_before, past_of, steps_before
from adapters.journal.errors import JournalError
from adapters.journal.memory import MemoryJournal
from adapters.journal.port import Message
from lws_events import decisions, events, subjects
from lws_events.commands import DeleteLeaderPod, SetTimer
from lws_events.decisions import ConditionChanged, GroupChanged, GroupRecreationStarted, RevisionChosen
from lws_events.events import SetDeleted, SetObserved, SpecChangeRequested, TimerFired
from lws_events.machine.status import AVAILABLE
from lws_events.subjects import SetName
from projections.audit import fold
from projections.audit.fold import audit
from projections.audit.report import report
from projections.audit.rows import CAPACITY, CHANGE, POD, REQUEST, RESTART, Asked, AuditRow
from projections.journal import RecordedDecision, RecordedEvent, Step, pair
from tests.journal_builder import CLUSTER, SAMPLE, START_MS, JournalBuilder, raw
from tests.property.fuzzing import fuzzed

OTHER: Final = SetName("other", "sam.ple")
_PAGE_BYTES: Final = 2_000

Happenings = list[tuple[int, SetName, str, int, int]]


def happenings_of(sets: list[SetName]) -> st.SearchStrategy[tuple[int, SetName, str, int, int]]:
    """Milliseconds later, to which set, what, and two numbers."""
    return st.tuples(
        st.integers(-20, 4_000),
        st.sampled_from(sets),
        st.sampled_from(
            [
                "spec",
                "gone",
                "asked",
                "pod",
                "pod",
                "pod",
                "down",
                "deleted",
                "failure",
                "outcome",
                "status",
                "timer",
                "epoch",
            ]
        ),
        st.integers(0, 3),
        st.integers(1, 3),
    )


_happening = happenings_of([SAMPLE, OTHER])
_purge = st.tuples(st.integers(2, 60), st.sampled_from(["whole", "not", "lost", "refused", "aside"]), st.integers(0, 4))


class _Story:
    """A journal in which anything happens, in no sensible order. ``lives_end``: no pod comes back under its old uid."""

    def __init__(self, *, lives_end: bool) -> None:
        self.journal = JournalBuilder()
        self._lives_end = lives_end
        self._lives: dict[tuple[SetName, str], int] = {}
        self._open: list[tuple[SetName, Any]] = []

    def tell(self, what: str, number: int, version: int) -> None:  # noqa: PLR0912 (one branch for each happening)
        journal, pod = self.journal, f"{self.journal.set_name.name}-{number % 2}" + ("-1" if number > 1 else "")
        life = self._lives.setdefault((journal.set_name, pod), 0) if self._lives_end else version
        uid = f"{pod}/{life}"
        if what in ("deleted", "failure"):
            self._lives[(journal.set_name, pod)] = life + 1
        match what:
            case "spec":
                self._spec(number, version)
            case "gone":
                journal.fact(subjects.SET, journal.set_name.name, SetDeleted(uid="lws", resource_version="9"))
            case "asked":
                asked = SpecChangeRequested(user=f"user-{number}", uid="lws", generation=version)
                journal.fact(subjects.REQUEST, journal.set_name.name, asked)
            case "pod":
                journal.running(pod, uid=uid)
                group = f"{journal.set_name.name}-{number % 2}"
                journal.decided(facts=[GroupChanged(group=group, before="", after="Ready")])
            case "down":
                journal.pod(pod, uid=uid, restarts=number)
            case "deleted":
                journal.pod_deleted(pod, uid=uid)
            case "failure":
                self._failure(pod, uid)
            case "outcome" if self._open:
                journal.set_name, decision = self._open.pop(0)
                journal.succeeded(decision)
            case "status":
                journal.lws_status({"replicas": number})
                if number == 0:
                    journal.decided(facts=[ConditionChanged(condition=AVAILABLE, status="True")])
            case "epoch":
                journal.epoch_started(f"e{journal.sequence}")
            case _:
                journal.fact(subjects.TIMER, "t", TimerFired(timer="t"))
                journal.decided(commands=[SetTimer(timer="t", fire_at_ms=1)])

    def _spec(self, number: int, version: int) -> None:
        journal = self.journal
        spec = {"replicas": version, "leaderWorkerTemplate": {"size": 2, "image": number}}
        fact = SetObserved(
            uid="lws", resource_version=str(100 + journal.sequence), generation=number * 3 + version, spec=raw(spec)
        )
        journal.fact(subjects.SET, journal.set_name.name, fact)
        journal.decided(facts=[RevisionChosen(key=f"k{number}", revision=f"r{number}")])

    def _failure(self, pod: str, uid: str) -> None:
        journal = self.journal
        group = journal.set_name.name + "-0"
        journal.pod_deleted(pod, uid=uid)
        fact = GroupRecreationStarted(
            group=group, leader=group, leader_uid="l", failed_pod=pod, failed_uid=uid, failure="deleted"
        )
        decision = journal.decided(facts=[fact], commands=[DeleteLeaderPod(name=group, uid="l")])
        self._open.append((journal.set_name, decision))


def told(happenings: Happenings, *, lives_end: bool = False) -> JournalBuilder:
    story = _Story(lives_end=lives_end)
    for milliseconds, set_name, what, number, version in happenings:
        story.journal.later(milliseconds=milliseconds).about(set_name)
        story.tell(what, number, version)
    story.journal.about(SAMPLE).lws_status({})  # the last event stays, whatever is purged
    return story.journal


async def stored(journal: JournalBuilder) -> MemoryJournal:
    memory = MemoryJournal(CLUSTER)
    await memory.events.append([Message(one.subject, events.encode(one.envelope)) for one in journal.events])
    if journal.decisions:
        bodies = [Message(one.subject, decisions.encode(one.decision)) for one in journal.decisions]
        await memory.decisions.append(bodies)
    return memory


async def purge(memory: MemoryJournal, place: int, *, how: str, after: int) -> None:
    """As ``Retention`` does, with trouble after some messages: the acknowledgement is lost, or nothing is taken."""
    cause = {record.sequence: decisions.decode(record.data).cause for record in memory.decisions.records}
    last = max((sequence for sequence, of in cause.items() if of <= place), default=0)
    aside = await putting_aside.begin(memory.journal, decisions_through=last, page_bytes=_PAGE_BYTES)
    reading = memory.events.read(to_sequence=place - 1, follow=False)
    async with aclosing(reading) as batches:
        async for batch in batches:
            for number, record in enumerate(batch):
                if how in ("lost", "refused") and number == after * 5:
                    memory.audit.acknowledgements_to_lose = int(how == "lost")
                    memory.audit.unavailable = how == "refused"
                await aside.add(record, events.decode(record.data))
    await aside.finish()
    if how != "aside":
        await memory.events.purge(before=place)
        await memory.decisions.purge(before=last)


async def purged(journal: JournalBuilder, purges: list[tuple[int, str, int]]) -> MemoryJournal:
    memory = await stored(journal)
    for place, how, after in purges:
        if how == "not":
            continue
        try:
            await purge(memory, min(place, journal.sequence), how=how, after=after)
        except JournalError:
            memory.audit.unavailable, memory.audit.acknowledgements_to_lose = False, 0
    return memory


async def read(memory: MemoryJournal, asked: Asked, set_name: SetName | None = None) -> list[AuditRow]:
    journal = memory.journal
    past = await past_of(journal)
    if past.from_ms is not None and not past.is_whole:
        asked = msgspec.structs.replace(asked, since_ms=max(asked.since_ms or 0, past.from_ms))
    steps: list[Step] = []
    async with aclosing(steps_before(journal, past, set_name=set_name, namespace=asked.namespace)) as pages:
        async for page in pages:
            steps += page
    assert [step.event.sequence for step in steps] == sorted({step.event.sequence for step in steps})
    present = [RecordedEvent(one.sequence, one.subject, events.decode(one.data)) for one in memory.events.records]
    recorded = [
        RecordedDecision(one.sequence, one.subject, decisions.decode(one.data)) for one in memory.decisions.records
    ]
    steps += pair(present, recorded, epoch=past.epoch or None)
    if set_name is not None:
        steps = [step for step in steps if step.event.address and step.event.address.set_name == set_name]
    return list(audit(steps, asked=asked, known=await known_before(journal, past, set_name)))


@given(happenings=st.lists(_happening, max_size=60), purges=st.lists(_purge, max_size=5))
@fuzzed(300)
def test_rows_and_reports_are_those_of_the_whole_journal(
    happenings: Happenings, purges: list[tuple[int, str, int]]
) -> None:
    journal = told(happenings)
    expected = list(audit(journal.steps))
    memory = asyncio.run(purged(journal, purges))
    found = asyncio.run(read(memory, Asked()))
    assert found == expected
    assert report(found) == report(expected)
    of_one = asyncio.run(read(memory, Asked(), OTHER))
    assert of_one == [row for row in expected if row.set == OTHER.name]
    assert asyncio.run(read(memory, Asked(namespace="other"))) == of_one


@given(happenings=st.lists(_happening, max_size=60), purges=st.lists(_purge, max_size=2))
@fuzzed(100)
def test_rows_are_not_held_back_for_ever(happenings: Happenings, purges: list[tuple[int, str, int]]) -> None:
    """Of a set alone they are what they are among others, however few events of other sets come in between."""
    journal = told(happenings)
    with pytest.MonkeyPatch.context() as patches:
        patches.setattr(fold, "HELD_EVENTS", 3)
        expected = list(audit(journal.steps))
        memory = asyncio.run(purged(journal, purges))
        assert asyncio.run(read(memory, Asked())) == expected
        of_one = [row for row in expected if row.set == OTHER.name]
        assert asyncio.run(read(memory, Asked(), OTHER)) == of_one


@given(
    happenings=st.lists(_happening, min_size=20, max_size=60),
    purges=st.lists(st.integers(2, 60), min_size=2, max_size=4),
    kept_ms=st.integers(0, 120_000),
)
@fuzzed(200)
def test_when_the_oldest_facts_are_let_go_the_rest_is_told_as_before(
    happenings: Happenings, purges: list[int], kept_ms: int
) -> None:
    """But for the durations of what began before, and its users."""
    journal = told([(abs(one[0]), *one[1:]) for one in happenings], lives_end=True)
    memory = asyncio.run(purged(journal, [(place, "whole", 0) for place in sorted(purges)]))
    limits, now_ms = AuditLimits(age_ms=kept_ms), journal.now_ms
    before = asyncio.run(chapters(memory.audit))
    gone = asyncio.run(keep_within(memory.journal, limits, now_ms=now_ms))
    past = asyncio.run(past_of(memory.journal))
    assert past.is_whole == (not gone)
    assert gone < max(len(before), 1)
    since_ms = past.from_ms if past.from_ms is not None else START_MS
    whole = list(audit(journal.steps, asked=Asked(since_ms=since_ms)))
    found = asyncio.run(read(memory, Asked()))
    assert _facts(found, since_ms) == _facts(whole, since_ms)


def _facts(found: list[AuditRow], since_ms: int) -> list[tuple[Any, ...]]:
    """Of each set in their order."""
    return [
        (
            row.at_ms,
            row.sequence,
            row.set,
            row.kind,
            row.what,
            row.path,
            row.before,
            row.after,
            row.because,
            row.lost_ms,
        )
        for row in sorted(found, key=lambda row: row.set)
        if row.at_ms > since_ms and row.kind in (CHANGE, REQUEST, POD, RESTART, CAPACITY)
    ]
