"""The streams of one cluster's journal on a JetStream server: names, configuration, creation.

Six of them. EVENTS and DECISIONS refuse when full (``discard: new``): history is never dropped silently. JetStream
does not let such a stream hold scheduled messages (error 10052), so timers live in a third, small stream:

    TIMERS   lws.schedules.<cluster>.>   one definition per timer, replaced and purged by subject
             lws.timers.<cluster>.>      what fired; the server itself copies it into EVENTS (a stream source)
    EVENTS   lws.events.<cluster>.>      facts, and the fired timers under ``lws.events``

The copy is exact and in order, is taken up again after a crash, and waits while EVENTS is full. Readers of EVENTS never
see a definition. What is left in TIMERS after firing expires. SNAPSHOTS keeps the last message of each subject, AUDIT
what audit needs of what was purged, SEALS what shows whether the journal was changed.
"""

import asyncio
from typing import Any, Final

from adapters.journal.errors import JournalFull, JournalMissing, JournalUnavailable, UnsuitableServer
from adapters.nats import wire
from adapters.nats.connection import Connection
from adapters.nats.stream_names import SCHEDULES, TIMERS, StreamNames, cluster_of

SIZE_BYTES_MAX: Final = 10 * 1024**3
"""Default limit of EVENTS and of DECISIONS each: some twenty million facts."""

DEDUP_WINDOW_SECONDS: Final = 120
FIRED_TIMER_TTL: Final = "720h"
"""Fired timers are needed until EVENTS has copied them: a moment, or as long as EVENTS is full."""

JETSTREAM_SECONDS: Final = 10.0
"""A cluster that has just started elects its leader within a few seconds."""

_JETSTREAM_POLL_SECONDS: Final = 0.1
_SERVER_MIN: Final = (2, 12, 0)
_SECOND_NS: Final = 1_000_000_000


async def ensure_streams(
    connection: Connection,
    cluster: str,
    *,
    size_bytes_max: int = SIZE_BYTES_MAX,
    replicas: int = 1,
    first_event: int = 1,
    first_decision: int = 1,
) -> bool:
    """Create the streams or bring their configuration up to date. True if the EVENTS stream was created now.

    ``first_event`` and ``first_decision``: where the sequences of streams begin that are created now.

    Raises ``UnsuitableServer`` (too old, JetStream off), ``JournalFull`` (cannot reserve that much),
    ``JournalUnavailable``.
    """
    await require_server(connection)
    names = StreamNames.of(cluster)
    await ensure_stream(connection, _timers_config(names, replicas))
    await ensure_stream(connection, _snapshots_config(names, replicas))
    await ensure_stream(connection, _audit_config(names, replicas))
    await ensure_stream(connection, _seals_config(names, replicas))
    decisions = _journal_config(names.decisions, names.decisions_root, size_bytes_max, replicas)
    await ensure_stream(connection, decisions, first_sequence=first_decision)
    events = _journal_config(names.events, names.events_root, size_bytes_max, replicas)
    transform = {"src": f"{TIMERS}.{names.token}.>", "dest": f"{names.events_root}.>"}
    events["sources"] = [{"name": names.timers, "subject_transforms": [transform]}]
    return await ensure_stream(connection, events, first_sequence=first_event)


async def require_server(connection: Connection) -> None:
    """Raise ``UnsuitableServer`` for a server that cannot hold a journal."""
    version = connection.server_version
    if version < _SERVER_MIN:
        found, needed = (".".join(map(str, numbers)) for numbers in (version, _SERVER_MIN))
        raise UnsuitableServer(
            f"NATS server {found} is too old: atomic batches and timers need {needed} or later; upgrade it, "
            "or leave out --nats-url to use the embedded server"
        )
    try:
        async with asyncio.timeout(JETSTREAM_SECONDS):
            await _jetstream_answers(connection)
    except TimeoutError as error:
        if connection.is_clustered:
            raise JournalUnavailable(
                "JetStream does not answer: wait for a majority of the servers of the NATS cluster, or enable "
                "JetStream for this account"
            ) from error
        raise UnsuitableServer(
            "the NATS server does not answer JetStream requests: enable JetStream for this account"
        ) from error


async def _jetstream_answers(connection: Connection) -> None:
    while True:
        try:
            await wire.api(connection, "INFO")
        except JournalUnavailable:
            await asyncio.sleep(_JETSTREAM_POLL_SECONDS)
        else:
            return


async def clusters(connection: Connection) -> list[str]:
    """The clusters that have a journal on this server, sorted."""
    found: list[str] = []
    while True:
        page = await wire.api(connection, "STREAM.NAMES", {"offset": len(found)})
        names: list[str] = page.get("streams") or []
        found += names
        if not names or len(found) >= page["total"]:
            break
    return sorted(cluster for cluster in map(cluster_of, found) if cluster is not None)


async def require_streams(connection: Connection, cluster: str) -> None:
    """Raise ``JournalMissing`` where the streams of a cluster are not there, or are somebody else's."""
    names = StreamNames.of(cluster)
    for name, root in ((names.events, names.events_root), (names.decisions, names.decisions_root)):
        subjects = (await wire.api(connection, f"STREAM.INFO.{name}"))["config"].get("subjects")
        if subjects != [f"{root}.>"]:
            raise JournalMissing(f"stream {name} is not a journal's: its subjects are {subjects}, not {root}.>")


async def ensure_stream(connection: Connection, wanted: dict[str, Any], *, first_sequence: int = 1) -> bool:
    """Create a stream or bring its configuration up to date; True if it was created. Raises as ``ensure_streams``.

    A stream of that name with other subjects is somebody else's, and stays as it is: ``UnsuitableServer``.
    """
    name = wanted["name"]
    try:
        present = (await wire.api(connection, f"STREAM.INFO.{name}"))["config"]
    except JournalMissing:
        begins = {"first_seq": first_sequence} if first_sequence > 1 else {}
        await wire.api(connection, f"STREAM.CREATE.{name}", {**wanted, **begins})
        return True
    if present.get("subjects") != wanted["subjects"]:
        raise UnsuitableServer(
            f"stream {name} exists and is not the journal's: its subjects are {present.get('subjects')}, not "
            f"{wanted['subjects']}; choose another --cluster, or remove it if it is of no use"
        )
    if any(present.get(key, False) != value for key, value in wanted.items()):
        try:
            await wire.api(connection, f"STREAM.UPDATE.{name}", {**present, **wanted})
        except wire.ApiRefused as error:
            raise UnsuitableServer(
                f"stream {name} exists and cannot be made what the journal needs: {error}"
            ) from error
        except JournalFull as error:
            raise JournalFull(f"stream {name} cannot be given {wanted['max_bytes']} bytes: {error}") from error
    return False


def _journal_config(name: str, root: str, size_bytes_max: int, replicas: int) -> dict[str, Any]:
    return {
        "name": name,
        "subjects": [f"{root}.>"],
        "storage": "file",
        "retention": "limits",
        "discard": "new",
        "max_bytes": size_bytes_max,
        "num_replicas": replicas,
        "duplicate_window": DEDUP_WINDOW_SECONDS * _SECOND_NS,
        "allow_direct": True,
        "allow_atomic": True,
    }


def _snapshots_config(names: StreamNames, replicas: int) -> dict[str, Any]:
    """As large as the state of all sets, compressed, times two: a limit would only be another way to fail."""
    return {
        "name": names.snapshots,
        "subjects": [f"{names.snapshots_root}.>"],
        "storage": "file",
        "retention": "limits",
        "discard": "old",
        "num_replicas": replicas,
        "max_msgs_per_subject": 1,
        "allow_direct": True,
        "allow_atomic": True,
    }


def _audit_config(names: StreamNames, replicas: int) -> dict[str, Any]:
    """Its limits are kept by whoever writes it: what goes there goes as a whole (``adapters.journal.audit``)."""
    return {
        "name": names.audit,
        "subjects": [f"{names.audit_root}.>"],
        "storage": "file",
        "retention": "limits",
        "discard": "new",
        "num_replicas": replicas,
        "allow_direct": True,
        "allow_atomic": True,
    }


def _seals_config(names: StreamNames, replicas: int) -> dict[str, Any]:
    """Half a per cent of what they seal, and never cut: they prove what an archive has, too."""
    return {
        "name": names.seals,
        "subjects": [f"{names.seals_root}.>"],
        "storage": "file",
        "retention": "limits",
        "discard": "new",
        "num_replicas": replicas,
        "duplicate_window": DEDUP_WINDOW_SECONDS * _SECOND_NS,
        "allow_direct": True,
        "allow_atomic": True,
    }


def _timers_config(names: StreamNames, replicas: int) -> dict[str, Any]:
    return {
        "name": names.timers,
        "subjects": [f"{SCHEDULES}.{names.token}.>", f"{TIMERS}.{names.token}.>"],
        "storage": "file",
        "retention": "limits",
        "discard": "old",
        "num_replicas": replicas,
        "max_msgs_per_subject": 1,
        "allow_direct": True,
        "allow_msg_schedules": True,
        "allow_msg_ttl": True,
        "allow_rollup_hdrs": True,
    }
