"""Watches: the history from a revision on, as JSON lines, with bookmarks, until a time limit or a fault.

A revision that is no longer kept is answered with an ``ERROR`` line holding the 410 ``Status``, as by a real server.
"""

import asyncio
import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import msgspec
from aiohttp import web

from adapters.simulation import objects
from adapters.simulation.errors import BadRequestError, ExpiredError
from adapters.simulation.http.faults import HttpFaults
from adapters.simulation.http.reading import Selection
from adapters.simulation.store import Change, Record, Store

INITIAL_EVENTS_END = {"k8s.io/initial-events-end": "true"}
DEFAULT_SECONDS_MAX = 1800.0
"""How long a watch lives when the client does not say; a real server takes 30 to 60 minutes."""


@dataclass(frozen=True)
class WatchOptions:
    """The parameters of one watch. ``revision`` 0 means: begin with what exists."""

    revision: int
    bookmarks: bool
    initial_end: bool
    seconds: float


def options_of(query: Mapping[str, str]) -> WatchOptions:
    """Read the parameters of a watch.

    Raises:
        BadRequestError: a number cannot be read.
    """
    initial = query.get("sendInitialEvents") == "true"
    try:
        return WatchOptions(
            revision=0 if initial else int(query.get("resourceVersion") or 0),
            bookmarks=query.get("allowWatchBookmarks") in {"true", "1"},
            initial_end=initial,
            seconds=float(query.get("timeoutSeconds") or DEFAULT_SECONDS_MAX),
        )
    except ValueError as error:
        raise BadRequestError(f"watch parameters: {error}") from error


class Watches:
    """Serves all watches of a store."""

    def __init__(self, store: Store, faults: HttpFaults, *, bookmark_seconds: float) -> None:
        self._store = store
        self._faults = faults
        self._bookmark_seconds = bookmark_seconds
        self._wake_ups: set[asyncio.Event] = set()
        store.subscribe(self._on_change)

    def _on_change(self, _: Change) -> None:
        for event in self._wake_ups:
            event.set()

    async def serve(self, request: web.Request, selection: Selection, options: WatchOptions) -> web.StreamResponse:
        """Stream until the time limit, a fault, or the client's departure."""
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        wake_up = asyncio.Event()
        stopped = False

        def drop() -> None:
            nonlocal stopped
            stopped = True
            wake_up.set()

        self._wake_ups.add(wake_up)
        self._faults.watch_opened(drop)
        loop = asyncio.get_running_loop()
        end, bookmark_at = loop.time() + options.seconds, loop.time() + self._bookmark_seconds
        try:
            revision = await self._begin(response, selection, options)
            while not stopped and (now := loop.time()) < end:
                wake_up.clear()
                revision = await self._send_changes(response, selection, revision)
                if options.bookmarks and now >= bookmark_at:
                    await response.write(_bookmark(selection, revision))
                    bookmark_at = now + self._bookmark_seconds
                await _wait(wake_up, min(end, bookmark_at if options.bookmarks else end) - now)
            if options.bookmarks and not stopped:
                revision = await self._send_changes(response, selection, revision)
                await response.write(_bookmark(selection, revision))
        except ConnectionResetError:
            stopped = True  # the client went
        except ExpiredError as error:
            await response.write(_line(b"ERROR", msgspec.json.encode(error.status())))
        finally:
            self._wake_ups.discard(wake_up)
            self._faults.watch_closed(drop)
        if stopped:
            # A broken connection, not an orderly end: the client must cope with half a stream.
            if request.transport is not None:
                request.transport.close()
            return response
        with contextlib.suppress(ConnectionResetError):  # the client went first
            await response.write_eof()
        return response

    async def _begin(self, response: web.StreamResponse, selection: Selection, options: WatchOptions) -> int:
        if options.revision:
            return options.revision
        revision = self._store.revision
        found = self._store.records(
            selection.target.kind, namespace=selection.target.namespace, selector=selection.labels
        )
        lines = [_line(b"ADDED", record.encoded()) for record in found if selection.matches(record.obj)]
        if options.initial_end:
            lines.append(_bookmark(selection, revision, annotations=INITIAL_EVENTS_END))
        await response.write(b"".join(lines))
        return revision

    async def _send_changes(self, response: web.StreamResponse, selection: Selection, revision: int) -> int:
        """Send what has happened since a revision; returns the revision reached."""
        reached = max(self._store.revision, revision)
        changes = self._store.changes_since(selection.target.kind, revision)
        lines = b"".join(line for change in changes for line in _lines(change, selection))
        if lines:
            await response.write(lines)
        return reached


def _lines(change: Change, selection: Selection) -> Iterator[bytes]:
    """The line for a change as this selection sees it: objects appear and disappear with their labels, too."""
    before = change.previous is not None and selection.matches(change.previous.obj)
    after = change.type != "DELETED" and selection.matches(change.record.obj)
    if after:
        yield _line(b"MODIFIED" if before else b"ADDED", change.record.encoded())
    elif before and change.previous is not None:
        gone = change.record
        if change.type != "DELETED":
            gone = Record(objects.with_metadata(change.previous.obj, resourceVersion=str(change.revision)))
        yield _line(b"DELETED", gone.encoded())


def _line(type_: bytes, encoded: bytes) -> bytes:
    return b'{"type":"' + type_ + b'","object":' + encoded + b"}\n"


def _bookmark(selection: Selection, revision: int, *, annotations: Mapping[str, str] | None = None) -> bytes:
    kind = selection.target.kind
    metadata: dict[str, object] = {"resourceVersion": str(revision), "creationTimestamp": None}
    if annotations:
        metadata["annotations"] = annotations
    body = {"kind": kind.kind, "apiVersion": kind.api_version, "metadata": metadata}
    return _line(b"BOOKMARK", msgspec.json.encode(body))


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(max(0.0, seconds)):
            await event.wait()
    except TimeoutError:
        return
