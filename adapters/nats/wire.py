"""JetStream's protocol where nats-py has no words for it: atomic batches, ``multi_last``, schedules, error codes.

Each function is one exchange with the server. Meaning (dedup, fences, order) is added by ``stream`` and ``reader``.
"""

import asyncio
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import msgspec
from nats.aio.msg import Msg

from adapters.journal.errors import (
    Fenced,
    JournalError,
    JournalFull,
    JournalMissing,
    JournalUnavailable,
    MessageRefused,
)
from adapters.journal.port import Message, Record
from adapters.nats.connection import REQUEST_SECONDS, Connection

MESSAGE_ID: Final = "Nats-Msg-Id"
_CONTENT_TYPE: Final = "content-type"
_EXPECTED_LAST: Final = "Nats-Expected-Last-Sequence"
_EXPECTED_LAST_ID: Final = "Nats-Expected-Last-Msg-Id"
_EXPECTED_SUBJECT: Final = "Nats-Expected-Last-Subject-Sequence"

STREAM_NOT_FOUND: Final = 10059
_NO_MESSAGE: Final = 10037
_WRONG_SEQUENCE: Final = frozenset({10071, 10070, 10164})
_DUPLICATE_IN_BATCH: Final = 10201
_NO_ROOM: Final = frozenset({10002, 10023, 10028, 10047, 10077})
"""Account or server resources exceeded, storage resources insufficient, maximum bytes exceeded."""
_BATCH_FAULTS: Final = frozenset({10174, 10175, 10176, 10177, 10198, 10200, 10202, 10203, 10204, 10205, 10206})
"""The batch was cut (lost messages, too many under way): the same may succeed when it is sent again."""
_DUPLICATE_IN_PROCESS: Final = 10158
"""The same id was sent before and a cluster without a majority has yet to decide on it: ask again later."""
_JETSTREAM_OFF: Final = frozenset({10039, 10076})
_NO_PEERS: Final = 10005
"""Too few servers for so many replicas, as far as the one that answers knows: of a cluster that is just starting."""


class DuplicateInBatch(JournalError):  # noqa: N818 - an answer, not a mistake
    """At least one message of the batch is already stored; the batch was refused whole. Never leaves this package."""


class Acknowledgement(NamedTuple):
    """Sequence of the (last) stored message."""

    sequence: int
    duplicate: bool


class _ApiError(msgspec.Struct):
    code: int
    err_code: int = 0
    description: str = ""


class _PublishAnswer(msgspec.Struct):
    seq: int = 0
    duplicate: bool = False
    error: _ApiError | None = None


class _ErrorAnswer(msgspec.Struct):
    error: _ApiError | None = None


_PUBLISH_ANSWER: Final = msgspec.json.Decoder(_PublishAnswer)
_ERROR_ANSWER: Final = msgspec.json.Decoder(_ErrorAnswer)


class ApiRefused(JournalError):  # noqa: N818 - as the tree of adapters.journal.errors
    """The JetStream API answered with an error that has no meaning of its own here."""

    def __init__(self, message: str, *, error_code: int) -> None:
        super().__init__(message)
        self.error_code = error_code


async def api(connection: Connection, subject: str, body: Any = None) -> dict[str, Any]:
    """One request of the JetStream API (``STREAM.INFO.name``, ...). Raises a ``JournalError``."""
    data = b"" if body is None else msgspec.json.encode(body)
    await connection.wait_connected()
    answer = await connection.request(f"$JS.API.{subject}", data)
    error = _ERROR_ANSWER.decode(answer.data).error
    decoded: dict[str, Any] = msgspec.json.decode(answer.data)
    # A server that is cut off from the others still tells of its own copy of a stream, which nobody leads.
    members = decoded.get("cluster") if subject.startswith("STREAM.INFO.") else None
    leaderless = members is not None and not members.get("leader")
    connection.served(served=not leaderless and (error is None or error.code != 503))
    if error is not None:
        raise _api_error(error, subject)
    if leaderless:
        raise JournalUnavailable(f"nobody leads the stream {subject.removeprefix('STREAM.INFO.')} right now")
    return decoded


async def publish(
    connection: Connection,
    message: Message,
    *,
    expected_last_sequence: int | None = None,
    expected_last_id: str | None = None,
    extra: dict[str, str] | None = None,
) -> Acknowledgement:
    """Store one message with its fences. Without a fence a duplicate is acknowledged as such.

    With one, JetStream looks at the fence first: ``Fenced`` may also mean that this very message is stored already.
    """
    headers = dict(extra or {}) | _told(message)
    if expected_last_sequence is not None:
        headers[_EXPECTED_LAST] = str(expected_last_sequence)
    if expected_last_id is not None:
        headers[_EXPECTED_LAST_ID] = expected_last_id
    if message.expected_subject_sequence is not None:
        headers[_EXPECTED_SUBJECT] = str(message.expected_subject_sequence)
    answer = await connection.request(message.subject, message.data, headers=headers or None)
    connection.served(served=True)
    return _acknowledgement(answer, message, expected=expected_last_sequence)


async def publish_batch(
    connection: Connection, messages: Sequence[Message], *, expected_last_sequence: int | None
) -> Acknowledgement:
    """Store up to 1,000 messages, all or none, with their fences. Raises ``DuplicateInBatch``.

    A batch of one has a use: JetStream looks at ids before fences in a batch, so that a retry of what was stored can be
    told from having been overtaken, which a single message (``publish``) cannot. It costs five times as much.
    """
    batch_id = secrets.token_hex(8)
    for number, message in enumerate(messages, start=1):
        headers = {"Nats-Batch-Id": batch_id, "Nats-Batch-Sequence": str(number)} | _told(message)
        if number == 1 and expected_last_sequence is not None:
            headers[_EXPECTED_LAST] = str(expected_last_sequence)
        if message.expected_subject_sequence is not None:
            headers[_EXPECTED_SUBJECT] = str(message.expected_subject_sequence)
        if number == len(messages):
            headers["Nats-Batch-Commit"] = "1"
            answer = await connection.request(message.subject, message.data, headers=headers)
            connection.served(served=True)
            return _acknowledgement(answer, message, expected=expected_last_sequence)
        await connection.publish(message.subject, message.data, headers=headers)
    raise AssertionError("a batch has at least one message")


def _told(message: Message) -> dict[str, str]:
    """Headers that are stored with a message."""
    told = {MESSAGE_ID: message.message_id, _CONTENT_TYPE: message.content_type}
    return {name: value for name, value in told.items() if value is not None}


async def last_of_subjects(
    connection: Connection, stream: str, subjects: Sequence[str], *, up_to: int, first: int
) -> tuple[list[Record], int] | None:
    """Last records at or before ``up_to`` of the subjects (filters allowed), from sequence ``first`` on.

    Returns them with the number still pending; None when the server finds more than 1,024 subjects.
    """
    records: list[Record] = []
    done: asyncio.Future[dict[str, str]] = asyncio.get_running_loop().create_future()

    async def collect(answer: Msg) -> None:
        headers: dict[str, str] = answer.headers or {}
        if "Status" not in headers:
            records.append(_direct_record(answer, headers))
        elif not done.done():
            done.set_result(headers)

    inbox = connection.new_inbox()
    subscription = await connection.subscribe(inbox, collect)
    try:
        body = {"multi_last": list(subjects), "up_to_seq": up_to, "seq": first}
        await connection.publish(f"$JS.API.DIRECT.GET.{stream}", msgspec.json.encode(body), reply=inbox)
        async with asyncio.timeout(REQUEST_SECONDS):
            status = await done
    except TimeoutError as error:
        raise JournalUnavailable(f"stream {stream} did not answer in {REQUEST_SECONDS} s") from error
    finally:
        await subscription.unsubscribe()
    match status["Status"]:
        case "204":
            return records, int(status["Nats-Num-Pending"])
        case "404":
            return [], 0
        case "413":
            return None
        case code:
            raise JournalUnavailable(f"stream {stream} answered {code} {status.get('Description', '')}")


async def record_at(connection: Connection, stream: str, sequence: int) -> Record | None:
    """The record of a sequence; None where whoever answers does not have it, which may be a server that lags behind."""
    answer = await connection.request(f"$JS.API.DIRECT.GET.{stream}", b'{"seq":%d}' % sequence)
    headers: dict[str, str] = answer.headers or {}
    return None if "Status" in headers else _direct_record(answer, headers)


async def next_sequence(connection: Connection, stream: str, subject_filter: str, *, from_sequence: int) -> int | None:
    """Sequence of the first record from there on that passes the filter; None: there is none.

    It is the stream's leader that answers, so that nothing which was acknowledged is overlooked.
    """
    body = {"seq": from_sequence, "next_by_subj": subject_filter}
    try:
        found = await api(connection, f"STREAM.MSG.GET.{stream}", body)
    except ApiRefused as error:
        if error.error_code == _NO_MESSAGE:
            return None
        raise
    return int(found["message"]["seq"])


def parse_time(text: str) -> int:
    """Nanoseconds since the Unix epoch of an RFC 3339 time in UTC with up to nine fractional digits."""
    whole, _, fraction = text.removesuffix("Z").partition(".")
    seconds = int(datetime.fromisoformat(whole + "+00:00").timestamp())
    return seconds * 1_000_000_000 + int((fraction or "0").ljust(9, "0")[:9])


def format_time(at_ns: int) -> str:
    """RFC 3339 in UTC with nanoseconds."""
    seconds, rest = divmod(at_ns, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, tz=UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


def _direct_record(answer: Msg, headers: dict[str, str]) -> Record:
    return Record(
        int(headers["Nats-Sequence"]),
        headers["Nats-Subject"],
        answer.data,
        parse_time(headers["Nats-Time-Stamp"]),
        headers.get(MESSAGE_ID),
    )


def _acknowledgement(answer: Msg, message: Message, *, expected: int | None = None) -> Acknowledgement:
    decoded = _PUBLISH_ANSWER.decode(answer.data)
    if decoded.error is not None:
        raise _publish_error(decoded.error, message, expected)
    return Acknowledgement(decoded.seq, decoded.duplicate)


def _publish_error(error: _ApiError, message: Message, expected: int | None) -> JournalError:
    text = f"{message.subject}: {error.description} ({error.err_code})"
    if error.err_code == _DUPLICATE_IN_BATCH:
        return DuplicateInBatch(text)
    if error.err_code in _WRONG_SEQUENCE:
        believed = expected if expected is not None else message.expected_subject_sequence
        _, _, actual = error.description.rpartition(": ")
        return Fenced(text, expected=believed or 0, actual=int(actual) if actual.isdigit() else None)
    if error.err_code in _NO_ROOM:
        return JournalFull(f"{text}; raise the limit of the stream or free disk space")
    if error.err_code in _BATCH_FAULTS or error.err_code == _DUPLICATE_IN_PROCESS or error.code >= 500:
        return JournalUnavailable(text)
    return MessageRefused(text)


def _api_error(error: _ApiError, subject: str) -> JournalError:
    text = f"JetStream refused {subject}: {error.description} ({error.err_code})"
    if error.err_code == STREAM_NOT_FOUND:
        return JournalMissing(text)
    if error.err_code in _NO_ROOM:
        return JournalFull(f"{text}; ask for a smaller journal or give the server more storage")
    if error.err_code in _JETSTREAM_OFF:
        return JournalUnavailable(f"{text}; is JetStream enabled for this account?")
    if error.err_code == _NO_PEERS:
        return JournalUnavailable(f"{text}; are as many servers running as there are to be replicas?")
    if error.code == 503:
        return JournalUnavailable(text)
    return ApiRefused(text, error_code=error.err_code)
