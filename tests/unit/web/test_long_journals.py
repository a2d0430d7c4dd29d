"""The latest history of a set in a long journal, or in one whose beginning is gone: begun in the middle, told right."""

from collections.abc import Callable
from typing import Any, Final

import pytest

from adapters.journal.errors import JournalUnavailable
from adapters.journal.memory import MemoryJournal
from adapters.journal.port import Journal, Message
from adapters.web.errors import Busy
from lws_events import decisions, events
from lws_events.decisions import GroupChanged, GroupRecreationStarted
from lws_events.subjects import SetName
from tests.journal_builder import CLUSTER, START_MS, JournalBuilder
from tests.unit.web.serving_page import append, asked, asked_of

NAME: Final = "/sets/default/sample"
OTHER: Final = SetName("default", "noisy")
WINDOW: Final = 40


def _restarted(rounds: int, *, noise: int) -> JournalBuilder:
    """A group that is restarted again and again, among events of another set."""
    story = JournalBuilder()
    story.lws(replicas=1, size=1)
    for number in range(rounds):
        leader = f"leader-{number}"
        story.later(milliseconds=1_000).pod("sample-0", uid=leader, size=1, phase="Running", ready=True, node="n1")
        story.decided(facts=[GroupChanged(group="sample-0", before="Absent", after="Ready")])
        story.later(milliseconds=1_000).pod_deleted("sample-0", uid=leader)
        begun = GroupRecreationStarted(
            group="sample-0", leader="sample-0", leader_uid=leader, failed_pod="sample-0", failed_uid=leader,
            failure="deleted",
        )  # fmt: skip
        story.decided(facts=[begun, GroupChanged(group="sample-0", before="Ready", after="Absent")])
        for extra in range(noise):
            story.about(OTHER).pod(f"noisy-{extra}", uid=f"{number}-{extra}", ready=bool(number % 2))
        story.about(SetName("default", "sample"))
    return story


@pytest.fixture(autouse=True)
def short_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.web.history.EVENTS_MAX", WINDOW)
    monkeypatch.setattr("adapters.web.places._FAR_BACK", 64)
    monkeypatch.setattr("adapters.web.places._ENOUGH", 20)


async def _stored(story: JournalBuilder) -> Journal:
    """With each decision stored when its event was."""
    memory = MemoryJournal(CLUSTER, now_ns=START_MS * 1_000_000)
    decided = {one.decision.cause: one for one in story.decisions}
    for event in story.events:
        memory.advance_to(event.envelope.at_ms * 1_000_000)
        await memory.events.append([Message(event.subject, events.encode(event.envelope))])
        if event.sequence in decided:
            one = decided[event.sequence]
            await memory.decisions.append([Message(one.subject, decisions.encode(one.decision))])
    return memory.journal


def _of_window(entries: list[Any], first: int) -> list[Any]:
    return [one for one in entries if one["sequence"] >= first]


@pytest.mark.parametrize("noise", [0, 3, 30])
async def test_the_latest_history_is_the_end_of_the_whole_one(noise: int, monkeypatch: pytest.MonkeyPatch) -> None:
    story = _restarted(60, noise=noise)
    journal = await _stored(story)
    now_ms: Callable[[], int] = lambda: story.now_ms + 60_000  # noqa: E731
    async with asked_of(journal, now_ms=now_ms) as asking:
        told = await asking.get(f"{NAME}/timeline", limit=5000)
        why = (await asking.get(f"{NAME}/why"))["chains"]
        restarts = (await asking.get("/sets"))["sets"][0]["restarts"]
    monkeypatch.setattr("adapters.web.history.EVENTS_MAX", 10**6)
    monkeypatch.setattr("adapters.web.places._FAR_BACK", 10**6)
    async with asked_of(journal, now_ms=now_ms) as asking:
        whole = await asking.get(f"{NAME}/timeline", limit=5000)
        all_why = (await asking.get(f"{NAME}/why"))["chains"]
        assert (await asking.get("/sets"))["sets"][0]["restarts"] == restarts == {"hour": 60, "day": 60}
    first = told["from"]["sequence"]
    assert first > 1
    assert whole["from"]["sequence"] == 1
    assert told["entries"] == _of_window(whole["entries"], first)
    assert len(told["entries"]) < len(whole["entries"])
    assert why[-3:] == all_why[-3:]
    assert told["position"] == whole["position"]


async def test_an_earlier_moment_has_the_history_that_ends_there() -> None:
    story = _restarted(60, noise=2)
    async with asked_of(await _stored(story), now_ms=lambda: story.now_ms + 60_000) as asking:
        latest = await asking.get(f"{NAME}/timeline")
        early = next(one.decision.cause for one in story.decisions if one.decision.cause > 20)
        assert early < latest["from"]["sequence"]
        told = await asking.get(f"{NAME}/timeline", until=early)
        assert told["position"]["sequence"] == early
        assert told["entries"][-1]["sequence"] == early
        assert not told["position"]["live"]
        then = await asking.get(NAME, at=early)
        assert then["position"]["sequence"] == early
        group = await asking.get(f"{NAME}/groups/0", at=early)
        assert group["since"]["sequence"] == early
        assert (await asking.get(f"{NAME}/why", at=early))["chains"]


async def test_a_purged_journal_says_from_where_on_it_is_known() -> None:
    story = _restarted(20, noise=0)
    journal = await _stored(story)
    await journal.events.purge(before=30)
    async with asked_of(journal, now_ms=lambda: story.now_ms + 60_000) as asking:
        end = story.events[-1].sequence
        assert (await asking.get(NAME, at=end))["position"]["unknown_before"] == 30
        told = await asking.get(f"{NAME}/timeline")
        assert told["from"]["sequence"] >= 30
        assert [one for one in told["entries"] if one["kind"] == "restart"]


async def test_a_journal_that_has_lost_its_tail_is_read_anew() -> None:
    story = _restarted(6, noise=0)
    shorter = JournalBuilder()
    shorter.lws(replicas=1, size=1)
    journal = await _stored(story)
    async with asked_of(journal, now_ms=lambda: story.now_ms + 60_000) as asking:
        assert (await asking.get(f"{NAME}/timeline"))["position"]["sequence"] == story.events[-1].sequence
        fresh = MemoryJournal(CLUSTER, now_ns=START_MS * 1_000_000)
        await append(fresh.journal, shorter, after=0)
        for name in ("_records", "_sequences", "_last_sequence"):
            setattr(journal.events, name, getattr(fresh.events, name))
            setattr(journal.decisions, name, getattr(fresh.decisions, name))
        assert (await asking.get(f"{NAME}/timeline"))["position"]["sequence"] == 2
        assert (await asking.get(NAME))["position"]["sequence"] == 2


@pytest.mark.parametrize(
    ("failure", "words"),
    [(JournalUnavailable("nobody is there"), "cannot be read: nobody is there"), (TimeoutError(), "has not answered")],
)
async def test_a_journal_that_cannot_be_read_is_a_reason_to_come_back_later(
    failure: Exception, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    story = _restarted(2, noise=0)
    journal = await _stored(story)
    async with asked_of(journal, now_ms=lambda: story.now_ms) as asking:
        last_sequence = journal.events.last_sequence

        async def fails() -> int:
            raise failure

        monkeypatch.setattr(journal.events, "last_sequence", fails)
        refused = await asking.get(NAME, status=503)
        assert words in refused["error"]
        monkeypatch.setattr(journal.events, "last_sequence", last_sequence)
        assert (await asking.get(NAME))["set"]["name"] == "sample"


async def test_only_so_many_questions_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    from adapters.web.page import page_of_journal

    monkeypatch.setattr("adapters.web.desk._WAITING_MAX", 0)
    page = page_of_journal(
        await _stored(_restarted(1, noise=0)), source="memory", in_loop=True, considerate=True, now_ms=None
    )
    with pytest.raises(Busy, match="many questions"):
        await page.names.all()
    async with asked(page) as asking:
        assert "many questions" in (await asking.get("/sets", status=503))["error"]
