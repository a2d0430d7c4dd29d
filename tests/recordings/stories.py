"""What happens in each journal of ``docs/journals``. Names are those of the files."""

from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple

from tests.controlplane.api import NODES, Json, core, leaderworkersets
from tests.controlplane.nodes import NodeSpec
from tests.e2e.features.sets import REVISION_KEY, is_ready
from tests.recordings.account import AUTOSCALER, MAINTENANCE, ON_CALL, RELEASES
from tests.recordings.stage import GPUS, NAMESPACE, RACK, Stage, racks

_TOPOLOGY: Final = "leaderworkerset.sigs.k8s.io/exclusive-topology"
_ALERT_SECONDS: Final = 203.0
"""From the Event ``RolloutBlocked``, which comes after 40 s, to an alert about a group not ready for four minutes."""

KILLED_LOG: Final = "".join(
    (
        *(f"INFO step {number} throughput 212.4 tok/s running 64 waiting 18\n" for number in range(4101, 4290)),
        "WARN kv cache 98 % full, preempting 12 sequences to host memory\n",
        "INFO swap: pinning 64.0 GiB of host memory on rank 1\n",
        "INFO swap: pinned 41.5 GiB, cgroup memory.current 503.8 GiB of 512.0 GiB\n",
        "INFO swap: pinned 49.0 GiB, cgroup memory.current 511.7 GiB of 512.0 GiB\n",
    )
)
"""The end of the log of a rank that asks for more memory than its container has."""

EVICTED_LOG: Final = "".join(
    (
        *(f"INFO step {number} throughput 211.9 tok/s running 63 waiting 0\n" for number in range(5200, 5230)),
        "INFO SIGTERM: finishing 63 sequences\n",
    )
)
"""Of a rank that was in good health until it was asked to go."""

CRASH_LOG: Final = """\
INFO loading weights from /models/embed
Traceback (most recent call last):
  File "/app/serve.py", line 88, in <module>
    ranks = connect(address, password=hunter2)
ConnectionRefusedError: [Errno 111] rank 0 at embed-1.embed.default:29500 refused the connection
"""


def a_set(
    name: str, *, replicas: int, image: str, arguments: tuple[str, ...] = (), annotations: Any = None, **spec: Any
) -> Json:
    """Groups of a leader and a worker, each with all accelerators of a node."""
    container = {
        "name": "serve",
        "image": f"registry.example.test/{image}",
        "args": list(arguments),
        "resources": {"limits": {GPUS: "8", "memory": "512Gi"}},
    }
    return {
        "apiVersion": "leaderworkerset.x-k8s.io/v1",
        "kind": "LeaderWorkerSet",
        "metadata": {"name": name, "namespace": NAMESPACE, "annotations": annotations or {}},
        "spec": {
            "replicas": replicas,
            "leaderWorkerTemplate": {"size": 2, "workerTemplate": {"spec": {"containers": [container]}}},
            **spec,
        },
    }


def _budget(**numbers: int) -> Json:
    return {"type": "RollingUpdate", "rollingUpdateConfiguration": numbers}


def llama(*, release: str, swap: int) -> Json:
    """The set of the incident: each group has a rack of its own."""
    arguments = ("--model=/models/llama", f"--swap-space={swap}")
    budget = _budget(maxUnavailable=1)
    topology = {_TOPOLOGY: RACK}
    return a_set(
        "llama",
        replicas=6,
        image=f"llama-server:{release}",
        arguments=arguments,
        annotations=topology,
        rolloutStrategy=budget,
    )


async def incident(stage: Stage) -> None:
    """A release that wants more memory is rolled out while racks are drained, until a group finds no rack."""
    stage.pods_take(start=(14, 26), stop=4)
    await stage.apply(llama(release="2.4", swap=16), user=RELEASES)
    await stage.available("llama")
    await stage.let_pass(40)

    before = await stage.sets.uids("llama", group=5)
    await stage.apply(llama(release="2.5", swap=64), user=RELEASES)
    await stage.other("llama", 5, was=before)
    await stage.let_pass(9)
    was = await stage.sets.uids("llama", group=5)
    stage.logs.write(NAMESPACE, "llama-5-1", KILLED_LOG, container="serve", previous=True)
    await stage.kubelets.kill_out_of_memory(NAMESPACE, "llama-5-1")
    await stage.other("llama", 5, was=was)
    await _rolled(stage, "llama", 4)

    for group in (1, 0):  # one rack is free: the first drain is answered by it, the second is not
        was = await stage.sets.uids("llama", group=group)
        stage.logs.write(NAMESPACE, f"llama-{group}-1", EVICTED_LOG, container="serve")
        drained = [pod["spec"]["nodeName"] for _, pod in sorted((await stage.sets.pods("llama", group=group)).items())]
        for node in reversed(drained):
            await stage.drain(node, user=MAINTENANCE)
        if group == 1:
            await stage.other("llama", group, was=was)
            await _rolled(stage, "llama", 3)
    await stage.told("llama", "RolloutBlocked")
    await stage.let_pass(_ALERT_SECONDS)
    noted = {"metadata": {"annotations": {"example.test/incident": "2041"}}}
    await stage.client(ON_CALL).merge(leaderworkersets(NAMESPACE, "llama"), noted)
    await stage.export("incident", with_logs=True)
    await stage.export_nodes("incident-nodes")

    await stage.let_pass(30)
    await stage.apply(llama(release="2.4", swap=16), user=ON_CALL)
    await stage.let_pass(15)
    for node in drained:
        await stage.uncordon(node, user=ON_CALL)
    await stage.available("llama")
    await stage.export("incident-resolved", with_logs=True)


async def rolling_update(stage: Stage) -> None:
    """A release of four groups with a surge of one, as it should go."""
    stage.pods_take(start=(3, 6), stop=1.5)
    budget = _budget(maxUnavailable=1, maxSurge=1)
    await stage.apply(a_set("chat", replicas=4, image="chat-server:7", rolloutStrategy=budget), user=RELEASES)
    await stage.available("chat")
    await stage.let_pass(10)
    await stage.apply(a_set("chat", replicas=4, image="chat-server:8", rolloutStrategy=budget), user=RELEASES)
    await stage.available("chat")
    await stage.export("rolling-update")


async def scale(stage: Stage) -> None:
    """An autoscaler wants more groups, then fewer."""
    stage.pods_take(start=(3, 6), stop=1.5)
    await stage.apply(a_set("chat", replicas=2, image="chat-server:7"), user=RELEASES)
    await stage.available("chat")
    path = f"/apis/leaderworkerset.x-k8s.io/v1/namespaces/{NAMESPACE}/leaderworkersets/chat/scale"
    for replicas in (4, 1):
        await stage.let_pass(10)
        await stage.client(AUTOSCALER).merge(path, {"spec": {"replicas": replicas}})
        await stage.available("chat")
    await stage.export("scale")


async def node_loss(stage: Stage) -> None:
    """A node falls silent, its pods stay Terminating until somebody removes the Node."""
    stage.pods_take(start=(3, 6), stop=1.5)
    await stage.apply(a_set("search", replicas=3, image="search-server:11"), user=RELEASES)
    await stage.available("search")
    await stage.let_pass(10)
    was = await stage.sets.uids("search", group=1)
    node = (await stage.sets.pods("search", group=1))["search-1-1"]["spec"]["nodeName"]
    await stage.kubelets.lose_node(node)
    await stage.told("search", "GroupTerminationOverdue")
    await stage.client(ON_CALL).delete(f"{NODES}/{node}")
    await stage.other("search", 1, was=was)
    await stage.available("search")
    await stage.export("node-loss")


async def crash_loop(stage: Stage) -> None:
    """A worker crashes again and again; its group waits longer each time, and is kept at last. Somebody lets it go."""
    stage.pods_take(start=(2, 4), stop=1)
    limits = {
        "lws-events.io/restart-backoff": "10s",
        "lws-events.io/restart-limit": "3",
    }
    await stage.apply(a_set("embed", replicas=2, image="embed-server:3", annotations=limits), user=RELEASES)
    await stage.available("embed")
    stage.logs.write(NAMESPACE, "embed-1-1", CRASH_LOG, container="serve", previous=True)
    for _ in range(3):
        await stage.let_pass(5)
        was = await stage.sets.uids("embed", group=1)
        await stage.kubelets.restart_container(NAMESPACE, "embed-1-1", exit_code=1)
        await stage.other("embed", 1, was=was)
        await stage.available("embed")
    await stage.let_pass(5)
    was = await stage.sets.uids("embed", group=1)
    await stage.kubelets.restart_container(NAMESPACE, "embed-1-1", exit_code=1)
    await stage.told("embed", "GroupKept")
    await stage.let_pass(20)
    mark = {"metadata": {"labels": {"lws-events.io/kept-for-debugging": None}}}
    await stage.client(ON_CALL).merge(core("pods", NAMESPACE, "embed-1"), mark)
    await stage.other("embed", 1, was=was)
    await stage.available("embed")
    await stage.export("crash-loop", with_logs=True)


async def _rolled(stage: Stage, name: str, group: int) -> None:
    """Wait until a group has the set's newest revision, and is ready."""
    newest = (await stage.sets.revisions(name))[-1]["metadata"]["labels"][REVISION_KEY]

    async def updated() -> bool:
        pods = (await stage.sets.pods(name, group=group)).values()
        keys = {pod["metadata"]["labels"].get(REVISION_KEY) for pod in pods}
        return len(pods) == 2 and keys == {newest} and all(is_ready(pod) for pod in pods)

    await stage.when(updated, what=f"group {group} to be updated")


class Told(NamedTuple):
    """A story, and the nodes that it needs."""

    play: Callable[[Stage], Awaitable[None]]
    nodes: list[NodeSpec]
    journals: tuple[str, ...]


STORIES: Final[dict[str, Told]] = {
    "incident": Told(incident, racks("abcdefg"), ("incident", "incident-resolved")),
    "rolling-update": Told(rolling_update, racks("abcde"), ("rolling-update",)),
    "scale": Told(scale, racks("abcd"), ("scale",)),
    "node-loss": Told(node_loss, racks("abcd"), ("node-loss",)),
    "crash-loop": Told(crash_loop, racks("abc"), ("crash-loop",)),
}
