"""There is a golden journal of every schema of facts: a release reads what every one before it has written."""

import msgspec

from adapters.journal.file_format import read_file
from lws_events import events
from lws_events.fleet import Fleet
from tests.journals.recording import FOLDER


class _Schema(msgspec.Struct):
    schema: int = 1


def test_journals_of_every_schema_are_folded() -> None:
    found: set[int] = set()
    for path in sorted(FOLDER.glob("*.jsonl.gz")):
        fleet = Fleet()
        for _, _, record in read_file(path, only="events"):
            found.add(msgspec.json.decode(record.data, type=_Schema).schema)
            fleet.recall(record.sequence, record.subject, events.decode(record.data), None)
        assert fleet.sequence > 0
    assert found == set(range(1, events.SCHEMA + 1))
