"""Lifecycle events of recorded journals, also of earlier machines: one for each fact, with its cause and its id."""

from pathlib import Path

import pytest

from adapters.journal.file import open_file
from adapters.lifecycle_events.positions import FIRST, Positions
from lws_events import decisions
from projections.lifecycle import parse_id
from tests.contract.lifecycle_stages import ids, read

JOURNALS = sorted(Path(__file__).parent.glob("**/*.jsonl.gz"))


@pytest.mark.parametrize("path", JOURNALS, ids=lambda path: path.name.removesuffix(".jsonl.gz"))
async def test_every_fact_of_a_recorded_journal_is_an_event(path: Path) -> None:
    journal = open_file(path)
    facts = [
        fact
        async for batch in journal.decisions.read(follow=False)
        for record in batch
        for fact in decisions.decode(record.data).facts
    ]
    events = await read(journal)
    assert facts
    assert [event.data.fact for event in events] == facts
    assert len({event.id for event in events}) == len(facts)
    assert all(event.data.cause.fact and event.data.cause.what for event in events)
    assert [event.sequence for event in events] == sorted(event.sequence for event in events)
    middle = len(events) // 2
    seen = parse_id(events[middle].id)
    assert seen is not None
    for grows in (True, False):
        start = await Positions(journal, grows=grows).after(seen)
        assert ids(await read(journal, start)) == ids(events[middle + 1 :])
    assert await read(journal, FIRST) == events
