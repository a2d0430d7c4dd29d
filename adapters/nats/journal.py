"""Opening a journal on a NATS server: to write it (the controller), or only to read it (tools)."""

from typing import NamedTuple

from adapters.journal.errors import JournalMissing
from adapters.journal.port import Journal
from adapters.nats.connection import Connection
from adapters.nats.logs import NatsLogs
from adapters.nats.stream import NatsEventStream, NatsStream
from adapters.nats.stream_names import StreamNames
from adapters.nats.streams import SIZE_BYTES_MAX, clusters, ensure_streams, require_server, require_streams


class OpenedJournal(NamedTuple):
    """A journal, and whether its EVENTS stream was created by opening it (then a new epoch begins)."""

    journal: Journal
    created: bool


async def open_journal(
    connection: Connection,
    cluster: str,
    *,
    size_bytes_max: int = SIZE_BYTES_MAX,
    replicas: int = 1,
    first_event: int = 1,
    first_decision: int = 1,
) -> OpenedJournal:
    """The journal of a cluster, created if need be, with these limits; ``first_…``: with which sequences it begins.

    Raises ``UnsuitableServer``, ``JournalFull`` (that much cannot be reserved), ``JournalUnavailable``.
    """
    created = await ensure_streams(
        connection,
        cluster,
        size_bytes_max=size_bytes_max,
        replicas=replicas,
        first_event=first_event,
        first_decision=first_decision,
    )
    return OpenedJournal(_journal(connection, cluster, read_only=False, replicas=replicas), created)


async def open_journal_for_reading(connection: Connection, cluster: str | None = None) -> Journal:
    """The journal of a cluster as it is; appends are refused. Without a name: the only one there is.

    Raises ``JournalMissing``, which names the clusters that do have a journal there or says that a stream is somebody
    else's, or as ``open_journal``.
    """
    await require_server(connection)
    present = await clusters(connection)
    known = ", ".join(present) or "none"
    if cluster is None:
        if len(present) != 1:
            raise JournalMissing(f"say which cluster; clusters with a journal on this server: {known}")
        cluster = present[0]
    if cluster not in present:
        raise JournalMissing(f"no journal of cluster {cluster!r} on this server; clusters with a journal: {known}")
    await require_streams(connection, cluster)
    return _journal(connection, cluster, read_only=True)


def _journal(connection: Connection, cluster: str, *, read_only: bool, replicas: int = 1) -> Journal:
    names = StreamNames.of(cluster)
    return Journal(
        cluster,
        NatsEventStream(connection, names, read_only=read_only),
        NatsStream(connection, names.decisions, names.decisions_root, read_only=read_only),
        NatsLogs(connection, names, replicas=replicas),
        NatsStream(connection, names.snapshots, names.snapshots_root, read_only=read_only),
        NatsStream(connection, names.audit, names.audit_root, read_only=read_only),
        NatsStream(connection, names.seals, names.seals_root, read_only=read_only),
    )
