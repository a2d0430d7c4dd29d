"""Kubelets for any number of nodes in one asyncio task group: pods start, become ready, end, and fail on demand.

One watch over all bound pods feeds them. What makes this believable: a status is written only for the incarnation it
was made for (the patch carries the uid), and a terminating pod is removed with a uid precondition. A late delete by
name alone would kill the successor of the pod and look like a failure that never happened.

Deliberately absent: containers, probes, volumes, resource accounting.

``python -m tests.controlplane --kubeconfig FILE`` runs them as a process of their own.
"""

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final, Self

import aiohttp
import msgspec

from tests.controlplane import nodes, pod_status
from tests.controlplane.api import (
    MERGE_PATCH,
    NODES,
    STRATEGIC_PATCH,
    Api,
    ApiError,
    Connection,
    User,
    core,
    eventually,
)
from tests.controlplane.nodes import NodeSpec
from tests.controlplane.pod_status import Pod
from tests.controlplane.pod_watch import follow_bound_pods

Json = dict[str, Any]
PodKey = tuple[str, str]

LEASE_RENEWAL_SECONDS: Final = 4.0
WRITES_MAX: Final = 32


class Kubelets:
    """An async context manager: on entering, the nodes exist and are ready; on leaving, they are gone.

    ``start_seconds`` and ``termination_seconds`` say how long a pod takes to start and to end; both may be changed
    at any time, and a function of the pod gives each its own.
    """

    def __init__(
        self,
        connection: Connection,
        specs: Iterable[NodeSpec],
        *,
        start_seconds: float | Callable[[Pod], float] = 0.0,
        termination_seconds: float | Callable[[Pod], float] = 0.0,
        port: int = 0,
        user: User | None = None,
    ) -> None:
        """Nothing is registered before the context is entered.

        ``port``: where they are asked for logs; 0: nowhere. ``user``: who they are to the API server.
        """
        self._api = Api(connection, user_agent="lws-events-test-kubelets", connections_max=WRITES_MAX + 2, user=user)
        self._specs = {spec.name: spec for spec in specs}
        self.start_seconds = start_seconds
        self.termination_seconds = termination_seconds
        self._port = port
        self._pods: dict[PodKey, Pod] = {}
        self._started: set[str] = set()
        self._ending: set[str] = set()
        self._lost: set[str] = set()
        self._held: Callable[[Pod], bool] = lambda _: False
        self._writes = asyncio.Semaphore(WRITES_MAX)
        self._tasks: set[asyncio.Task[None]] = set()
        self._failures: list[BaseException] = []
        self._addresses = itertools.count(1)

    async def __aenter__(self) -> Self:
        """Register the nodes, wait until they can be scheduled on, and serve."""
        await self._api.__aenter__()
        await asyncio.gather(*(self._register(spec) for spec in self._specs.values()))
        self._spawn(follow_bound_pods(self._api, listed=self._relist, changed=self._observe, deleted=self._forget))
        self._spawn(self._renew_leases())
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop serving and delete the nodes; a failure of the kubelets themselves comes to light here."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with suppress(aiohttp.ClientError, TimeoutError):
            for name in self._specs:
                await self._api.delete(f"{NODES}/{name}")
                await self._api.delete(nodes.lease_path(name))
        await self._api.__aexit__()
        if self._failures:
            raise self._failures[0]

    # Faults

    async def restart_container(
        self, namespace: str, name: str, *, container: str = "", exit_code: int = 1, reason: str = "Error"
    ) -> None:
        """A container (the first, if none is named) ends with this code and is started again in place."""
        pod = self.pod(namespace, name)
        status = pod_status.restarted(pod, container=container, exit_code=exit_code, reason=reason, now=_now())
        await self._write_status(pod, status)

    async def kill_out_of_memory(self, namespace: str, name: str, *, container: str = "") -> None:
        """A container is killed for its memory and started again in place."""
        await self.restart_container(namespace, name, container=container, exit_code=137, reason="OOMKilled")

    async def evict(self, namespace: str, name: str, *, message: str = "The node was low on resource: memory.") -> None:
        """The pod becomes Failed with reason Evicted; its StatefulSet replaces it."""
        pod = self.pod(namespace, name)
        await self._write_status(pod, pod_status.evicted(pod, message=message, now=_now()))

    async def set_ready(self, namespace: str, name: str, *, ready: bool) -> None:
        """The pod's readiness probe begins to fail or to succeed."""
        pod = self.pod(namespace, name)
        address = pod.status.pod_ip or self._next_address()
        await self._write_status(pod, pod_status.running(pod, now=_now(), address=address, ready=ready))

    async def hold_starts(self, which: Callable[[Pod], bool]) -> None:
        """From now on pods for which ``which`` is true stay Pending (ImagePullBackOff) instead of starting."""
        self._held = which

    async def release_starts(self) -> None:
        """Let the pods start that were held, and those to come."""
        self._held = lambda _: False
        for pod in list(self._pods.values()):
            self._observe(pod)

    async def lose_node(self, node: str) -> None:
        """The node falls silent: no lease, no status, terminating pods stay."""
        self._lost.add(node)

    async def restore_node(self, node: str) -> None:
        """The node is back and carries on with the pods that are bound to it."""
        self._lost.discard(node)
        await self._report_node_ready(node)
        for pod in list(self._pods.values()):
            self._observe(pod)

    def pod(self, namespace: str, name: str) -> Pod:
        """The pod as last seen. Raises ``KeyError`` where none of that name is bound to a node."""
        return self._pods[namespace, name]

    def pods(self) -> list[Pod]:
        """All pods bound to a node, by namespace and name."""
        return [self._pods[key] for key in sorted(self._pods)]

    # Serving

    def _relist(self, pods: list[Pod]) -> None:
        self._pods = {}
        for pod in pods:
            self._observe(pod)

    def _observe(self, pod: Pod) -> None:
        self._pods[pod.key] = pod
        node, uid = pod.spec.node_name, pod.metadata.uid
        if node not in self._specs or node in self._lost:
            return
        if pod.metadata.deletion_timestamp is not None:
            if uid not in self._ending:
                self._ending.add(uid)
                self._spawn(self._end(pod))
        elif pod.status.phase in {"", "Pending"} and uid not in self._started:
            if self._held(pod):
                if not pod.status.container_statuses:
                    self._spawn(self._write_status(pod, pod_status.pulling(pod, now=_now())))
                return
            self._started.add(uid)
            self._spawn(self._start(pod))

    def _forget(self, pod: Pod) -> None:
        known = self._pods.get(pod.key)
        if known is not None and known.metadata.uid == pod.metadata.uid:
            del self._pods[pod.key]
        self._started.discard(pod.metadata.uid)
        self._ending.discard(pod.metadata.uid)

    async def _start(self, pod: Pod) -> None:
        await _pause(self.start_seconds, pod)
        if pod.spec.node_name in self._lost:
            self._started.discard(pod.metadata.uid)
            return
        await self._write_status(pod, pod_status.running(pod, now=_now(), address=self._next_address()))

    async def _end(self, pod: Pod) -> None:
        await _pause(self.termination_seconds, pod)
        if pod.spec.node_name in self._lost:
            self._ending.discard(pod.metadata.uid)
            return
        path = core("pods", *pod.key)
        await self._insist(lambda: self._api.delete(path, uid=pod.metadata.uid, grace_seconds=0))

    async def _write_status(self, pod: Pod, status: Json) -> None:
        patch = {"metadata": {"uid": pod.metadata.uid}, "status": status}
        path = core("pods", *pod.key) + "/status"
        answer = await self._insist(lambda: self._api.call("PATCH", path, patch, content_type=STRATEGIC_PATCH))
        if answer is not None and pod.key in self._pods:
            # The next fault builds on this status even if the watch is late.
            self._pods[pod.key] = msgspec.convert(answer, Pod)

    async def _insist(self, write: Callable[[], Awaitable[Json | None]]) -> Json | None:
        """Write until the API server has an opinion; a pod that is gone or another by now needs no writing."""
        for attempt in itertools.count(1):
            try:
                async with self._writes:
                    return await write()
            except ApiError as error:
                if error.code in {404, 409} or _names_another_pod(error):
                    return None
                if error.code not in {429, 500, 503}:
                    raise
            except (aiohttp.ClientError, TimeoutError):
                pass
            await asyncio.sleep(random.uniform(0.05, 0.2) * min(attempt, 10))
        raise AssertionError("unreachable")

    # Nodes

    async def _register(self, spec: NodeSpec) -> None:
        await self._api.create(nodes.lease_path(), nodes.lease(spec.name, now=_now_micro()))
        await self._api.create(NODES, nodes.manifest(spec, now=_now(), kubelet_port=self._port))
        # The admission plugin gives every new node the not-ready taint; the node lifecycle controller takes it away.
        await eventually(lambda: self._schedulable(spec.name), what=f"node {spec.name} to lose its taints")

    async def _schedulable(self, node: str) -> bool:
        return "taints" not in (await self._api.get(f"{NODES}/{node}"))["spec"]

    async def _renew_leases(self) -> None:
        while True:
            await asyncio.gather(*(self._renew_lease(n) for n in list(self._specs) if n not in self._lost))
            await asyncio.sleep(LEASE_RENEWAL_SECONDS)

    async def _renew_lease(self, node: str) -> None:
        change = {"spec": {"renewTime": _now_micro()}}
        with suppress(aiohttp.ClientError, ApiError, TimeoutError):  # The next renewal makes up for a failed one.
            await self._api.call("PATCH", nodes.lease_path(node), change, content_type=MERGE_PATCH)

    async def _report_node_ready(self, node: str) -> None:
        change = {"status": {"conditions": nodes.ready_conditions(now=_now())}}
        await self._insist(
            lambda: self._api.call("PATCH", f"{NODES}/{node}/status", change, content_type=STRATEGIC_PATCH)
        )

    def _next_address(self) -> str:
        number = next(self._addresses)
        return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failures.append(error)


def _names_another_pod(error: ApiError) -> bool:
    """The pod of that name has another uid by now."""
    return error.code == 422 and "metadata.uid" in error.status.get("message", "")


async def _pause(setting: float | Callable[[Pod], float], pod: Pod) -> None:
    seconds = setting(pod) if callable(setting) else setting
    if seconds > 0:
        await asyncio.sleep(seconds)


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _now_micro() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
