"""The observer: everything the cluster does to the objects of LeaderWorkerSets becomes facts in the journal.

After a start it reads the last known states from the journal, lists the cluster, and records what was missed; then it
follows the watches, each in its own order. Every new listing (a version that was gone, or half an hour passed) is
compared in the same way, so nothing stays missed. While the journal is unavailable it does not read on.

It decides nothing about sets, and it keeps nothing: what it knows, it can read from the journal again.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing
from typing import Any, Final

import msgspec
import structlog

from adapters.journal.errors import MessageRefused
from adapters.journal.port import Message
from adapters.kubernetes import kinds, recovery, resources, wire
from adapters.kubernetes.client import ApiClient
from adapters.kubernetes.errors import ApiError, KubernetesError
from adapters.kubernetes.facts import FactWriter, to_message
from adapters.kubernetes.known import Change, Known
from adapters.kubernetes.pace import Clock
from adapters.kubernetes.placement import Placement
from adapters.kubernetes.recall import States, recall
from adapters.kubernetes.reduce import Key, key_of
from adapters.kubernetes.reduction import Reduction, read
from adapters.kubernetes.watch import (
    Changed,
    Listed,
    Listing,
    ListingBegan,
    ListingEnded,
    Removed,
    Watcher,
    WatchSettings,
    first_listing,
    listing_unless_failed,
)
from lws_events import events, subjects
from lws_events.gang import GangScheduling
from lws_events.subjects import SetName

_log = structlog.get_logger(__name__)

_GONE_BACK: Final = (
    "the API server's versions are older than those in the journal, so what it says counts as old news: restore etcd "
    "with --bump-revision, or begin a new journal (another --data-dir or --cluster)"
)


class Observer:
    """Follows one cluster, or one namespace of it."""

    def __init__(
        self,
        client: ApiClient,
        stream: States,
        writer: FactWriter,
        *,
        cluster: str,
        clock: Clock,
        namespace: str | None = None,
        watch_settings: WatchSettings | None = None,
        gang: GangScheduling | None = None,
    ) -> None:
        """``stream`` is where the last known states are read from, ``writer`` what leads into the same stream.

        ``gang``: gang scheduling as configured; without it nothing is seen of PodGroups.
        """
        self.synced = asyncio.Event()
        """Set once everything that was missed is stored: the machine has the present state before it."""
        self._client = client
        self._stream = stream
        self._writer = writer
        self._cluster = cluster
        self._clock = clock
        self._namespace = namespace
        self._watch_settings = watch_settings or WatchSettings()
        self._gang = gang
        self._gang_watcher: Watcher[Any] | None = None
        self._known: Known | None = None
        self._placement = Placement()
        self._reduction = Reduction(self._placement, gang)
        self._writer_closed: asyncio.Future[None] | None = None
        self._telling: asyncio.Future[None] | None = None
        self._missed: frozenset[Key] = frozenset()

    async def run(self) -> None:
        """Until cancelled. Raises ``JournalUnavailable`` when the writer was closed under it."""
        self.synced.clear()
        self._known = None
        self._writer_closed = asyncio.get_running_loop().create_future()
        async with AsyncExitStack() as stack:
            node_watcher = self._watcher(resources.NODES, wire.Node, "", namespaced=False)
            node_events = await stack.enter_async_context(aclosing(node_watcher.events()))
            watches: dict[str, Any] = {
                followed.kind: await stack.enter_async_context(
                    aclosing(self._watcher(followed.resource, followed.model, followed.selector).events())
                )
                for followed in kinds.ALWAYS_SERVED
            }
            await self._recover(node_events, watches, stack)
            tasks = [asyncio.ensure_future(self._follow_nodes(node_events))]
            tasks += [asyncio.ensure_future(self._follow(kind, watch)) for kind, watch in watches.items()]
            try:
                ended, _ = await asyncio.wait({*tasks, self._writer_closed}, return_when=asyncio.FIRST_COMPLETED)
                for task in ended:
                    task.result()
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def gang_problem(self) -> str:
        """Why PodGroups cannot be followed; empty while they can, or need not."""
        return self._gang_watcher.trouble if self._gang_watcher is not None else ""

    async def has_missed(self, set_name: SetName, name: str) -> bool:
        """Whether a StatefulSet changed before the start, after what the journal has; waits until that is known."""
        await self.synced.wait()
        return Key(subjects.STATEFULSET, set_name, name) in self._missed

    def observed(self, kind: str, data: bytes, *, set_name: SetName) -> list[Message]:
        """What an object adds to the journal that the API server answered a write with.

        The caller stores the messages, in order, before anything that rests on them. They count as published. An
        answer that is no object (a Status) adds nothing; one without the set's label is recorded under ``set_name``.
        """
        found = read(kind, data)
        if not found.metadata.uid:
            return []
        known = self._known
        changes: list[Change] = []
        for key, view in self._reduction.views(known, found, unlabelled=set_name):
            # Before the start is over it is not known what is news: the stream drops what it already has.
            changes += [Change(key, view)] if known is None else known.observe(key, view)
        changes += self._reduction.problems()
        return [to_message(self._cluster, change, at_ms=self._clock.now_ms()) for change in changes]

    def _watcher(self, resource: Any, model: Any, selector: str, *, namespaced: bool = True) -> Watcher[Any]:
        return Watcher(
            self._client,
            resource,
            model,
            clock=self._clock,
            namespace=self._namespace if namespaced else None,
            label_selector=selector or None,
            settings=self._watch_settings,
        )

    async def _recover(
        self, node_events: AsyncGenerator[Any, None], watches: dict[str, Any], stack: AsyncExitStack
    ) -> None:
        """Record what was missed; add the watch of PodGroups to ``watches``, if there is to be one."""
        # The journal is read before the cluster, so a listing is newer than what is known.
        known = await recall(self._stream, cluster=self._cluster, namespace=self._namespace, clock=self._clock)
        nodes, *listings = await asyncio.gather(
            first_listing(node_events), *(first_listing(watch) for watch in watches.values())
        )
        for node in nodes.objects:
            self._placement.node_changed(node, None)
        missed: dict[str, list[Change]] = {}
        listed = dict(zip(watches, listings, strict=True))
        if self._gang is not None:
            followed = kinds.BY_KIND[subjects.POD_GROUP]
            self._gang_watcher = self._watcher(followed.resource, followed.model, followed.selector)
            pod_groups, listing = await listing_unless_failed(self._gang_watcher)
            watches[followed.kind] = await stack.enter_async_context(aclosing(pod_groups))
            listed |= {} if listing is None else {followed.kind: listing}
        if ahead := [kind for kind, listing in listed.items() if known.is_ahead(kind, listing.resource_version)]:
            _log.error(_GONE_BACK, kinds=ahead)
        known_sets = {key: entry.uid for key, entry in known.live(subjects.SET)}
        for kind, listing in listed.items():
            missed |= await self._differences(known, kind, listing, initial=True)
        self._missed = frozenset(change.key for change in missed[subjects.STATEFULSET])
        self._known = known  # only now: an object created meanwhile by a command must not look vanished
        last: asyncio.Future[int] | None = None
        announced = [*recovery.announcements(known_sets, missed), *self._reduction.problems()]
        for change in [*announced, *recovery.across_kinds(missed)]:
            last = await self._publish(change)
        if last is not None:
            await asyncio.wait({last})
        _log.info("synced", missed=sum(map(len, missed.values())), **{k: len(v) for k, v in missed.items() if v})
        self.synced.set()

    async def _differences(
        self, known: Known, kind: str, listing: Listing, *, initial: bool
    ) -> dict[str, list[Change]]:
        """What a listing adds, by kind of view (a set has two)."""
        listed: dict[str, dict[Key, events.View]] = {kind: {}}
        for found in listing.objects:
            for key, view in self._reduction.views(known, found):
                listed.setdefault(key.kind, {})[key] = view
        version = listing.resource_version
        vanished = known.vanished(kind, listed[kind], version=version, initial=initial)
        if kind == subjects.SERVICE:
            vanished = [key for key in vanished if not await self._exists_unlabelled(known, key)]
        there = {(found.metadata.namespace, found.metadata.name) for found in listing.objects}
        vanished = [
            key
            for key in vanished
            if not (self._reduction.is_unreadable(key) and (key.set_name.namespace, key.name) in there)
        ]
        for key in vanished:
            self._placement.forget(key)
            self._reduction.forget(key)
        return {
            view_kind: recovery.compare(known, views, vanished if view_kind == kind else (), version=version)
            for view_kind, views in listed.items()
        }

    async def _exists_unlabelled(self, known: Known, key: Key) -> bool:
        """True for a Service that no listing by label will ever show: a user's own, in the place of a set's."""
        try:
            data = await self._client.get(resources.SERVICES, key.set_name.namespace, key.name)
        except ApiError as error:
            return error.code != 404
        except KubernetesError:
            return True  # nothing is inferred from not knowing; the next comparison asks again
        view = known.view(key)
        return view is not None and msgspec.json.decode(data, type=wire.Service).metadata.uid == view.uid

    async def _follow(self, kind: str, watch: AsyncGenerator[Any, None]) -> None:
        objects: list[Any] = []
        known = self._known
        assert known is not None
        async for event in watch:
            changes: list[Change] = []
            match event:
                case ListingBegan():
                    objects = []
                case Listed(found):
                    objects.append(found)
                case ListingEnded(version):
                    different = await self._differences(known, kind, Listing(objects, version), initial=False)
                    objects = []
                    changes = recovery.across_kinds(different)
                case Changed(found):
                    changes = [
                        change
                        for key, view in self._reduction.views(known, found)
                        for change in known.observe(key, view)
                    ]
                case Removed(found):
                    changes = self._removed(known, kind, found)
            for change in [*changes, *self._reduction.problems()]:
                await self._publish(change)

    async def _follow_nodes(self, watch: AsyncGenerator[Any, None]) -> None:
        listed: list[str] = []
        async for event in watch:
            changes: list[Change] = []
            match event:
                case ListingBegan():
                    listed = []
                case Listed(node):
                    listed.append(node.metadata.name)
                    changes = self._placement.node_changed(node, self._known)
                case ListingEnded():
                    self._placement.nodes_listed(listed)
                case Changed(node):
                    changes = self._placement.node_changed(node, self._known)
                case Removed(node):
                    self._placement.nodes.forget(node.metadata.name)
            for change in changes:
                await self._publish(change)

    def _removed(self, known: Known, kind: str, found: Any) -> list[Change]:
        key = key_of(kind, found.metadata)
        if key is None or not kinds.of_interest(found):
            return []
        changes = known.remove(key, kinds.deletion(kinds.BY_KIND[kind], found))
        self._reduction.forget(key)
        if changes:
            self._placement.forget(key)
        return changes

    async def _publish(self, change: Change) -> asyncio.Future[int]:
        message = to_message(self._cluster, change, at_ms=self._clock.now_ms())
        stored = await self._writer.submit(message)
        stored.add_done_callback(lambda done: self._stored(change, done))
        return stored

    def _stored(self, change: Change, stored: asyncio.Future[int]) -> None:
        if stored.cancelled() or (error := stored.exception()) is None:
            return
        if isinstance(error, MessageRefused):
            # One object that is too large must not take the others along; it stays as the journal last knew it.
            if self._reduction.refused(change, problem=str(error)):
                self._telling = asyncio.ensure_future(self._tell())
        elif self._writer_closed is not None and not self._writer_closed.done():
            self._writer_closed.set_exception(error)

    async def _tell(self) -> None:
        for change in self._reduction.problems():
            await self._publish(change)
