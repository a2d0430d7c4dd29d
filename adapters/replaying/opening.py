"""Open the past of a set: the Python API of ``lws-events replay``, and what the command itself uses.

    with open_past("default/sample", file="incident.jsonl.gz") as past:
        while past.run("restart"):
            print(past.sequence, past.current)

Where the first events of a journal are no longer there, it begins with a snapshot; without one what was before is
unknown: what is shown is then what is known from the first event on.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from adapters.journal.errors import JournalDamaged
from adapters.journal.snapshots.beginning import begin
from adapters.reading.reader import JournalReader, open_for_reading
from adapters.reading.source import JournalSource, default_data_dir
from lws_events.fleet import Fleet
from lws_events.subjects import SetName
from projections.debugger import Debugger
from projections.journal import Step


class Beginning(NamedTuple):
    """With what the past of a set begins."""

    fleet: Fleet
    """Knows this set alone."""
    unknown_before: int = 0
    """First event of a journal that begins in the middle, without a snapshot; 0 where nothing is missing."""


def beginning_of(reader: JournalReader, set_name: SetName) -> Beginning:
    """The state before the first event that the journal still has. Raises ``JournalUnavailable``."""
    first = reader.wait(reader.journal.events.info()).first_sequence
    if first <= 1:
        return Beginning(Fleet())
    try:
        restored = reader.wait(begin(reader.journal, from_newest=False))
    except JournalDamaged:
        restored = None
    if restored is None:
        return Beginning(Fleet(), unknown_before=first)
    fleet, ahead = restored.fleet, restored.ahead.get(set_name)
    fleet.aggregates = {name: state for name, state in fleet.aggregates.items() if name == set_name}
    if ahead is not None:
        fleet.sequence = ahead.sequence
    return Beginning(fleet)


def debugger_of(reader: JournalReader, set_name: SetName, beginning: Beginning) -> Debugger:
    """A debugger that reads on from an open journal, as long as that is open."""

    def steps(*, after: int, epoch: str) -> Iterator[Step]:
        return reader.steps_of(set_name, after=after, epoch=epoch)

    return Debugger(steps, set_name, beginning=beginning.fleet)


@contextmanager
def open_past(
    set_name: str,
    *,
    file: str | os.PathLike[str] | None = None,
    data_dir: str | os.PathLike[str] | None = None,
    nats_url: str | None = None,
    cluster: str | None = None,
) -> Iterator[Debugger]:
    """The past of ``namespace/name`` in an exported file, a data directory (default: that of this user) or on a bus.

    Give one place. Not for use within a running event loop. Raises ``ValueError`` for two places, ``NoSuchThing`` for a
    set that the journal does not have, and the errors of ``adapters.journal.errors``.
    """
    places = [place for place in (file, data_dir, nats_url) if place is not None]
    if len(places) > 1:
        raise ValueError("give one of file, data_dir and nats_url")
    source = JournalSource(
        file=None if file is None else Path(file),
        data_dir=Path(data_dir) if data_dir is not None else None if places else default_data_dir(),
        nats_url=nats_url,
        cluster=cluster,
    )
    with open_for_reading(source) as reader:
        name = reader.find_set(set_name, namespace=None)
        yield debugger_of(reader, name, beginning_of(reader, name))
