"""The executor: Events that go with commands, and timers, which are the journal's."""

from adapters.kubernetes.announcements import cut
from lws_events import commands, events, subjects
from lws_events.decisions import Issued
from tests.unit.executor_world import EVENTS, EXISTS, REVISIONS, SET, STATEFULSETS, obj, record, revision, worker, world
from tests.unit.scripted_api import answer, refuse


async def test_the_event_of_a_success_is_posted_before_the_outcome() -> None:
    async with world() as w:
        w.api.script("POST", REVISIONS, answer(obj("set-a-1", uid="revision-uid", data={}, revision=1)))
        w.api.script("POST", EVENTS, refuse(503, "ServiceUnavailable"), EXISTS)
        announce = record(related_kind="ControllerRevision", related_name="set-a-1")
        w.executor.submit(SET, Issued(id="e-1-0", command=revision({}), announce=announce))
        await w.until(lambda: w.executor.unfinished == 0)
        assert w.facts() == ["RevisionObserved", "CommandSucceeded"]
        first, second = (asked.json for asked in w.api.requests("POST", EVENTS))
    assert first["metadata"] == second["metadata"]
    assert first["metadata"]["name"].startswith("set.")
    assert first["related"] == {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "namespace": "ns",
        "name": "set-a-1",
        "uid": "revision-uid",
    }
    assert first["regarding"]["kind"] == "LeaderWorkerSet"
    assert first["regarding"]["uid"] == "set-uid"
    assert first["reportingController"] == "leaderworkerset"
    assert first["reportingInstance"] == "leaderworkerset-host"
    assert first["eventTime"] == "1970-01-01T00:16:40.000000Z"


async def test_an_event_that_is_refused_does_not_hold_up_the_outcome() -> None:
    async with world() as w:
        w.api.script("POST", STATEFULSETS, answer(obj("set-0")))
        w.api.script("POST", EVENTS, refuse(403, "Forbidden"))
        w.executor.submit(SET, Issued(id="e-1-0", command=worker(), announce=record()))
        await w.until(lambda: w.executor.unfinished == 0)
        assert w.facts()[-1] == "CommandSucceeded"


async def test_an_event_by_itself_has_an_outcome() -> None:
    async with world() as w:
        w.api.script("POST", EVENTS, answer({}), refuse(403, "Forbidden"))
        assert isinstance(await w.outcome(record("x" * 2000)), events.CommandSucceeded)
        assert len(w.api.asked[0].json["note"]) == 1024
        assert (await w.outcome(record(), command_id="e-2-0")).code == 403


def test_notes_are_cut_between_characters() -> None:
    assert cut("añb", bytes_max=2) == "a"
    assert cut("añb", bytes_max=3) == "añ"


async def test_a_timer_is_the_journals_and_has_no_outcome() -> None:
    async with world() as w:
        w.journal.events.unavailable = True
        timer = commands.SetTimer(timer="retry", fire_at_ms=5)
        w.executor.submit(SET, Issued(id="e-1-0", command=timer))
        await w.until(lambda: w.clock.slept)
        w.journal.events.unavailable = False
        await w.until(lambda: w.executor.unfinished == 0)
        assert w.facts() == []
        w.journal.advance_to(5_000_000)
        (fired,) = w.journal.events.records
        assert fired.subject == subjects.event_subject("c", SET, subjects.TIMER, "retry")
        assert events.decode(fired.data) == events.Envelope(at_ms=5, fact=events.TimerFired(timer="retry"))
