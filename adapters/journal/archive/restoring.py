"""An archive as an exported file: every command reads it, and ``journal import`` makes a journal of it again."""

from collections.abc import AsyncIterator
from pathlib import Path

from adapters.journal.archive.errors import ArchiveDamaged
from adapters.journal.archive.segments import ArchivedStream, archived_snapshots, read_archive
from adapters.journal.archive.store import BlobStore
from adapters.journal.file_format import JournalFileWriter
from adapters.journal.port import Record
from adapters.journal.transfer import Transferred
from lws_events.events import EpochStarted, decode
from lws_events.subjects import decode_token, epoch_subject


async def archived_cluster(store: BlobStore, cluster: str | None, *, place: str) -> str:
    """The cluster that is meant: the only one, if none is named. Raises ``ArchiveDamaged``, which lists them."""
    known = sorted({decode_token(name.partition("/")[0]) for name in await store.names("") if "/" in name})
    if cluster is None and len(known) == 1:
        return known[0]
    if cluster is not None and cluster in known:
        return cluster
    if not known:
        raise ArchiveDamaged(f"nothing is archived in {place}")
    wanted = "say which cluster (--cluster)" if cluster is None else f"no journal of cluster {cluster!r}"
    raise ArchiveDamaged(f"{place}: {wanted}; clusters there: {', '.join(known)}")


async def restore_file(store: BlobStore, cluster: str, path: Path) -> Transferred:
    """Write the archive of a cluster to a file, checking every record on the way. The file appears when it is complete.

    Raises ``ArchiveDamaged``, ``ArchiveUnavailable``, and ``OSError`` about the file.
    """
    epoch = ""
    counts = {"events": 0, "decisions": 0}
    async for record in read_archive(store, cluster, "events"):
        if record.subject == epoch_subject(cluster) and isinstance(fact := decode(record.data).fact, EpochStarted):
            epoch = fact.epoch
    with JournalFileWriter(path, cluster=cluster, epoch=epoch) as writer:
        for record in await archived_snapshots(store, cluster):
            writer.add("snapshots", record)
        async for record in read_archive(store, cluster, "seals"):
            writer.add("seals", record)
        async for kind, record in _by_time(store, cluster):
            writer.add(kind, record)
            counts[kind] += 1
    return Transferred(events=counts["events"], decisions=counts["decisions"])


async def _by_time(store: BlobStore, cluster: str) -> AsyncIterator[tuple[ArchivedStream, Record]]:
    """Both streams, as an exported file has them: mixed by time, for people who read the file."""
    events, decisions = read_archive(store, cluster, "events"), read_archive(store, cluster, "decisions")
    event, decision = await anext(events, None), await anext(decisions, None)
    while event is not None or decision is not None:
        if decision is None or (event is not None and event.at_ns <= decision.at_ns):
            assert event is not None, "one of them is there"
            yield "events", event
            event = await anext(events, None)
        else:
            yield "decisions", decision
            decision = await anext(decisions, None)
