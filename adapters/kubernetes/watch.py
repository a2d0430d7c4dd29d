"""Follow one collection for ever: list it in pages, watch it from there, list it again when the version is gone.

Three generators, one duty each: ``Watcher.events`` goes on for ever and backs off; ``_version`` lists once and watches
for as long as that version (moved on by events and bookmarks) is valid; ``_connection`` is one connection, lines to
events. Deletions that happen between two listings are not seen here: the consumer compares what it knew with what was
listed between ``ListingBegan`` and ``ListingEnded``. Nothing is buffered: a consumer that does not read stops the
connection, and a version that has become too old meanwhile leads to a new listing.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Final, Generic, NamedTuple, TypeAlias, TypeVar

import msgspec
import structlog

from adapters.kubernetes import wire
from adapters.kubernetes.client import ApiClient
from adapters.kubernetes.errors import ApiError, ApiUnavailable, KubernetesError, refusal
from adapters.kubernetes.pace import BackOff, Clock
from adapters.kubernetes.resources import Resource
from adapters.kubernetes.unreadable import UNREADABLE, decode_shallow, reader

_log = structlog.get_logger(__name__)

T = TypeVar("T", bound=wire.Object)


class ListingBegan(NamedTuple):
    """What follows, up to ``ListingEnded``, is all that exists. Comes again if a listing was cut off."""


class Listed(NamedTuple, Generic[T]):
    """An object of the listing."""

    object: T


class ListingEnded(NamedTuple):
    """The listing is complete."""

    resource_version: str


class Changed(NamedTuple, Generic[T]):
    """An object was created or changed."""

    object: T


class Removed(NamedTuple, Generic[T]):
    """An object was deleted, or no longer matches the selector. This is its last state."""

    object: T


WatchEvent: TypeAlias = ListingBegan | Listed[T] | ListingEnded | Changed[T] | Removed[T]


class Listing(NamedTuple):
    """All objects of one collection, as of a version."""

    objects: list[Any]
    resource_version: str


class WatchSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Time limits and sizes of a watch."""

    page_size: int = 500
    """As client-go: a page of large objects stays below some MiB, and 10,000 pods are 20 requests."""
    connection_seconds: float = 300.0
    """A connection is renewed after one to two times this long, so that load spreads over API servers again."""
    idle_seconds: float = 120.0
    """The API server sends a bookmark about every minute; twice that without a byte means a dead connection."""
    relist_seconds: float = 1800.0
    """Anti-entropy: list and compare again after this long (up to a tenth more, so that kinds do not coincide)."""
    failures_max: int = 5
    """Connections that fail in a row, without any event, before the version itself is held to be the trouble."""
    back_off: BackOff = BackOff()


class _Line(msgspec.Struct):
    type: str
    object: msgspec.Raw


class _Bookmark(NamedTuple):
    resource_version: str


_LINE: Final = msgspec.json.Decoder(_Line)
_PAGE: Final = msgspec.json.Decoder(wire.Page)
_OBJECT: Final = msgspec.json.Decoder(wire.Object)
_CONNECTION_SECONDS_MIN: Final = 1.0
"""The API server takes time limits in whole seconds: one that ends sooner, and says nothing, is in trouble."""


class Watcher(Generic[T]):
    """Follows one collection. ``model`` is the typed form of its objects."""

    def __init__(
        self,
        client: ApiClient,
        resource: Resource,
        model: type[T],
        *,
        clock: Clock,
        namespace: str | None = None,
        label_selector: str | None = None,
        settings: WatchSettings | None = None,
    ) -> None:
        self._client = client
        self._resource = resource
        self._namespace = namespace
        self._selection = {"labelSelector": label_selector} if label_selector else {}
        self._settings = settings or WatchSettings()
        self._clock = clock
        self._read = reader(model)
        self._page_size = self._settings.page_size
        self.trouble = ""
        """Why nothing can be followed at present; empty while all is well."""
        self.failed = asyncio.Event()
        """Set at the first trouble."""

    async def events(self) -> AsyncGenerator[WatchEvent[T], None]:
        """For ever: a listing, its changes, and again. Never raises a ``KubernetesError``; close it when leaving."""
        failures = 0
        while True:
            began_at = self._clock.monotonic()
            try:
                async with aclosing(self._version()) as events:
                    async for event in events:
                        if isinstance(event, Changed | Removed):
                            failures = 0
                        yield event
                failures = 0
            except KubernetesError as error:
                if self._clock.monotonic() - began_at > self._settings.back_off.cap_seconds:
                    failures = 0  # quiet for longer than any back-off is not failing in a row
                failures += 1
                await self._wait(failures, error)

    async def _version(self) -> AsyncGenerator[WatchEvent[T], None]:
        """One listing, and its changes until it is time to compare again or the version is gone."""
        yield ListingBegan()
        version = ""
        async with aclosing(self._pages()) as pages:
            async for page_version, items in pages:
                version = page_version
                for item in items:
                    yield Listed(item)
        self.trouble = ""
        yield ListingEnded(version)
        relist_at = self._clock.monotonic() + self._settings.relist_seconds * (1 + self._clock.random() / 10)
        failures = 0
        while (left := relist_at - self._clock.monotonic()) > 0:
            try:
                async with aclosing(self._connection(version, seconds=left)) as events:
                    async for event in events:
                        failures, self.trouble = 0, ""
                        if isinstance(event, _Bookmark):
                            version = event.resource_version
                        else:
                            version = event.object.metadata.resource_version or version
                            yield event
            except KubernetesError as error:
                failures += 1
                if (isinstance(error, ApiError) and error.gone) or failures >= self._settings.failures_max:
                    raise
                await self._wait(failures, error)

    async def _pages(self) -> AsyncGenerator[tuple[str, list[Any]], None]:
        """The pages of one listing, all of one version."""
        query = dict(self._selection)
        if self._page_size:
            query["limit"] = str(self._page_size)
        while True:
            try:
                body = await self._client.list(self._resource, self._namespace, query)
            except ApiError as error:
                if error.gone and "continue" in query:
                    # The listing took longer than the API server remembers a version: next time in one piece.
                    self._page_size = 0
                raise
            page: wire.Page = self._decoded(_PAGE, body)
            yield page.metadata.resource_version, [self._read(item) for item in page.items or ()]
            if not page.metadata.continue_:
                self._page_size = self._settings.page_size
                return
            query["continue"] = page.metadata.continue_

    async def _connection(
        self, version: str, *, seconds: float
    ) -> AsyncGenerator[Changed[Any] | Removed[Any] | _Bookmark, None]:
        """One watch from a version on, for at most so many seconds."""
        wanted = self._settings.connection_seconds * (1 + self._clock.random())
        query = {
            **self._selection,
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": str(max(1, int(min(wanted, seconds)))),
        }
        path = self._resource.path(self._namespace)
        opened_at, silent = self._clock.monotonic(), True
        async with aclosing(self._client.stream(path, query, idle_seconds=self._settings.idle_seconds)) as lines:
            async for line in lines:
                if not line:
                    continue
                silent = False
                event = self._decoded(_LINE, line)
                match event.type:
                    case "ADDED" | "MODIFIED":
                        yield Changed(self._read(event.object))
                    case "DELETED":
                        yield Removed(self._read(event.object))
                    case "BOOKMARK":
                        yield _Bookmark(self._decoded(_OBJECT, event.object).metadata.resource_version)
                    case "ERROR":
                        raise refusal(500, bytes(event.object), request=f"watch of {path}")
                    case other:
                        raise ApiUnavailable(f"watch of {path}: an event of the unknown type {other!r}")
        if silent and self._clock.monotonic() - opened_at < _CONNECTION_SECONDS_MIN:
            raise ApiUnavailable(f"watch of {path}: it ended at once, without an event")

    def _decoded(self, decoder: Any, data: Any) -> Any:
        try:
            return decode_shallow(decoder, data)
        except UNREADABLE as error:
            raise ApiUnavailable(f"{self._resource.plural}: an answer that cannot be read: {error}") from error

    async def _wait(self, failures: int, error: KubernetesError) -> None:
        """Back off after a failure; an expired version is no trouble of the server, the first time at once."""
        at_least = error.retry_after_seconds if isinstance(error, ApiError) else None
        expired = isinstance(error, ApiError) and error.gone
        delay = self._settings.back_off.delay_seconds(failures, clock=self._clock, at_least=at_least)
        delay = 0.0 if expired and failures <= 1 else delay
        if not expired:
            self.trouble = str(error)
            self.failed.set()
        _log.log(
            20 if expired or failures == 1 else 30,  # one lost connection is nothing unusual
            "watch interrupted",
            resource=self._resource.plural,
            error=str(error),
            failures=failures,
            retry_seconds=round(delay, 3),
        )
        await self._clock.sleep(delay)


async def first_listing(watch: AsyncGenerator[Any, None]) -> Listing:
    """The first complete listing of ``Watcher.events``, which goes on after it."""
    objects: list[Any] = []
    async for event in watch:
        match event:
            case ListingBegan():
                objects = []
            case Listed(found):
                objects.append(found)
            case ListingEnded(version):
                return Listing(objects, version)
    raise AssertionError("a watch does not end")


async def listing_unless_failed(watcher: Watcher[Any]) -> tuple[AsyncGenerator[Any, None], Listing | None]:
    """A watch and its first listing, which it goes on after; or, if the first attempt fails, a new watch and None.

    For a kind that the API server need not serve: whoever waits for its listing might wait for ever.
    """
    watch = watcher.events()
    listing = asyncio.ensure_future(first_listing(watch))
    failed = asyncio.ensure_future(watcher.failed.wait())
    try:
        await asyncio.wait({listing, failed}, return_when=asyncio.FIRST_COMPLETED)
        if listing.done():
            return watch, listing.result()
    finally:
        failed.cancel()
        if not listing.done():
            listing.cancel()
            await asyncio.gather(listing, return_exceptions=True)
    await watch.aclose()
    return watcher.events(), None
