"""What is known of the time before the beginning of a journal whose first events were purged."""

import msgspec

from adapters.journal.errors import JournalDamaged
from adapters.journal.snapshots.last_known import put_aside
from adapters.reading.reader import JournalReader
from lws_events import events, subjects
from lws_events.subjects import SetName
from projections.journal import RecordedEvent, Step


def known_before(reader: JournalReader, name: SetName | None) -> list[Step]:
    """The last observations of objects that the journal no longer has, as steps without decisions: they come first.

    Raises ``JournalDamaged``, ``JournalUnavailable``.
    """
    wanted = f"{reader.journal.events.root}.>" if name is None else subjects.set_filter(reader.cluster, name)
    found: list[Step] = []
    for record in reader.wait(put_aside(reader.journal, wanted)):
        try:
            envelope = events.decode(record.data)
        except msgspec.DecodeError as error:
            raise JournalDamaged(f"what was put aside of {record.subject} cannot be read: {error}") from error
        found.append(Step(RecordedEvent(record.sequence, record.subject, envelope), None))
    return found
