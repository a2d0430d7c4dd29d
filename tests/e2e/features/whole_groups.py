"""The end-to-end cases of the test catalogue (7): sets whose pods come from real StatefulSets, and what they must be.

The catalogue's checks of StatefulSets, Services and conditions are those of its other cases; here are the ones about
pods. Our kubelets run no containers: what a process would read from its environment is read from the pod's spec.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

from tests.controlplane.api import Json, core
from tests.controlplane.kubelets import Kubelets
from tests.e2e.catalogue.cases import SIZE, Case
from tests.e2e.catalogue.checks import A_PLUS, VL, VW, Check, Checks
from tests.e2e.catalogue.definition import current_key, leader_spec, worker_spec
from tests.e2e.features.sets import GROUP_INDEX, NAME, PREFIX, REVISION_KEY, WORKER_INDEX

Create = Callable[..., Awaitable[Case]]
"""Creates ``DEF``, changed as the keyword arguments of ``definition`` say."""

TPU_NAMES: Final = ("TPU_WORKER_HOSTNAMES", "TPU_WORKER_ID", "TPU_NAME")
TPUS: Final = {"google.com/tpu": "4"}
_PORTS: Final = [{"containerPort": 8080, "protocol": "TCP"}]
_BUSYBOX: Final = {"image": "busybox", "resources": {"limits": TPUS}}
LT: Final[Json] = {"containers": [{"name": "worker", **_BUSYBOX}], "subdomain": "default"}
WT: Final[Json] = {
    "containers": [
        {
            "name": "leader",
            "image": "docker.io/nginxinc/nginx-unprivileged:1.27",
            "ports": _PORTS,
            "resources": {"requests": TPUS, "limits": TPUS},
        }
    ],
    "subdomain": "default",
}
TT: Final[Json] = {
    "containers": [{"name": "worker-1", **_BUSYBOX}, {"name": "worker-2", **_BUSYBOX}],
    "subdomain": "default",
}


async def pods_of(case: Case, *, current: bool = True) -> list[Json]:
    """The pods of the set, of its present template or of any."""
    labels = f"{NAME}={case.name}"
    if current:
        labels += f",{REVISION_KEY}={current_key(await case.lws())}"
    return await case.api.items(core("pods", case.namespace), labels=labels)


async def VP(case: Case) -> str:
    """Exactly replicas times size pods have the present key, and each the first container of its template."""
    lws, pods = await case.lws(), await pods_of(case)
    wanted = lws["spec"]["replicas"] * lws["spec"]["leaderWorkerTemplate"]["size"]
    if len(pods) != wanted:
        return f"{len(pods)} pods of the present template, wanted {wanted}"
    for pod in pods:
        template = leader_spec(lws) if pod["metadata"]["labels"][WORKER_INDEX] == "0" else worker_spec(lws)
        found, name = pod["spec"]["containers"][0]["name"], template["containers"][0]["name"]
        if found != name:
            return f"pod {pod['metadata']['name']} has container {found}, wanted {name}"
    return ""


def FINISH(count: int) -> Checks:
    """A rollout has ended."""
    return (VL(count), VW, VP, A_PLUS)


async def LABELLED(case: Case) -> str:
    """All pods and StatefulSets carry what tells them apart (what the original's check of E1 and E8 meant)."""
    on_all = {NAME, GROUP_INDEX, WORKER_INDEX, REVISION_KEY}
    for pod in await pods_of(case):
        metadata = pod["metadata"]
        is_worker = metadata["labels"][WORKER_INDEX] != "0"
        missing = on_all - set(metadata["labels"])
        missing |= ({SIZE} | ({f"{PREFIX}leader-name"} if is_worker else set())) - set(metadata["annotations"])
        if missing:
            return f"pod {metadata['name']} lacks {sorted(missing)}"
    for one in [await case.leader_set(), *await case.worker_sets()]:
        name = one["metadata"]["name"]
        wanted = {NAME, REVISION_KEY} | ({GROUP_INDEX} if name != case.name else set())
        if missing := wanted - set(one["metadata"]["labels"]):
            return f"StatefulSet {name} lacks {sorted(missing)}"
    return ""


def tpu_environment(pod: Json) -> list[dict[str, str]]:
    """The variables of each container that asks for TPUs, in order; all others must have none of these."""
    found = []
    for container in [*pod["spec"].get("initContainers", ()), *pod["spec"]["containers"]]:
        env = {entry["name"]: entry.get("value", "") for entry in container.get("env", ())}
        if "google.com/tpu" in container.get("resources", {}).get("limits", {}):
            assert set(TPU_NAMES) <= set(env), f"{pod['metadata']['name']}: {sorted(env)}"
            found.append(env)
        else:
            assert not set(TPU_NAMES) & set(env)
    return found


def assert_ids(pod: Json, hosts: str) -> None:
    """``IDS``: every TPU container knows all hosts, its own number among all containers, and its port."""
    metadata = pod["metadata"]
    annotations = metadata["annotations"]
    index = int(metadata["labels"][WORKER_INDEX])
    if index > 0 and annotations.get(f"{PREFIX}leader-requests-tpus") != "true":
        index -= 1
    if f"{PREFIX}subgroup-size" in annotations:
        index %= int(annotations[f"{PREFIX}subgroup-size"])
    environment = tpu_environment(pod)
    assert environment
    for position, env in enumerate(environment):
        assert env["TPU_WORKER_HOSTNAMES"] == hosts
        assert env["TPU_WORKER_ID"] == str(index * len(environment) + position)
        assert env["TPU_PROCESS_PORT"] == str(8476 + position)


@asynccontextmanager
async def starts_held(case_namespace: str, kubelets: Kubelets) -> AsyncIterator[None]:
    """No pod of the namespace starts, so that a state which a rollout would leave by itself stays to be looked at."""
    await kubelets.hold_starts(lambda pod: pod.metadata.namespace == case_namespace)
    try:
        yield
    finally:
        await kubelets.release_starts()


def pods_annotated(key: str, value: str) -> Check:
    """All pods of the present template have this annotation."""

    async def check(case: Case) -> str:
        found: list[Any] = [pod["metadata"]["annotations"].get(PREFIX + key) for pod in await pods_of(case)]
        return "" if set(found) == {value} else f"annotation {key}: {found}, wanted {value} everywhere"

    return check
