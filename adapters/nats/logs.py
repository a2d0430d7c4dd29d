"""Ends of failed containers' logs in a stream of their own, ``LWS_LOGS_<cluster>``: one message for each reference.

    lws.logs.<cluster>.<reference, its parts encoded as tokens>

Unlike the journal it drops the oldest when it is full. It is created when the first text is put, so that nobody has it
who does not ask for logs.
"""

from typing import Any, Final

from adapters.journal.errors import JournalMissing
from adapters.journal.port import Message
from adapters.nats import wire
from adapters.nats.connection import Connection
from adapters.nats.stream_names import StreamNames
from adapters.nats.streams import ensure_stream
from lws_events.subjects import encode_token

LOGS: Final = "lws.logs"
SIZE_BYTES_MAX: Final = 256 * 1024**2
"""Some sixteen thousand logs of full length; the oldest make room."""


class NatsLogs:
    """The log store of one cluster. ``replicas``: of the stream, where it has to be created."""

    def __init__(self, connection: Connection, names: StreamNames, *, replicas: int = 1) -> None:
        self._connection = connection
        self._names = names
        self._replicas = replicas
        self._is_there = False

    async def put(self, reference: str, text: bytes) -> None:
        """As of ``adapters.journal.logs.LogStore``."""
        if not self._is_there:
            await ensure_stream(self._connection, self._config())
            self._is_there = True
        await wire.publish(self._connection, Message(self._subject(reference), text))

    async def get(self, reference: str) -> bytes | None:
        """As of ``adapters.journal.logs.LogStore``."""
        try:
            present = await wire.api(self._connection, f"STREAM.INFO.{self._names.logs}")
        except JournalMissing:
            return None
        page = await wire.last_of_subjects(
            self._connection,
            self._names.logs,
            [self._subject(reference)],
            up_to=present["state"]["last_seq"],
            first=1,
        )
        records = page[0] if page is not None else []
        return records[0].data if records else None

    def _subject(self, reference: str) -> str:
        parts = ".".join(encode_token(part) for part in reference.split("/"))
        return f"{LOGS}.{self._names.token}.{parts}"

    def _config(self) -> dict[str, Any]:
        return {
            "name": self._names.logs,
            "subjects": [f"{LOGS}.{self._names.token}.>"],
            "storage": "file",
            "retention": "limits",
            "discard": "old",
            "max_bytes": SIZE_BYTES_MAX,
            "num_replicas": self._replicas,
            "max_msgs_per_subject": 1,
            "allow_direct": True,
        }
