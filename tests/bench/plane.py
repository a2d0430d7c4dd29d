"""A fresh control plane for each measurement, with kubelets in a process of their own and everything warm.

Fresh, so that no run pays for the history of another. Warm, so that none pays for the first start of a pod.
"""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from tests.controlplane.api import Api, Json, eventually, statefulsets
from tests.controlplane.cluster import ControlPlane
from tests.controlplane.fixtures import create_namespace
from tests.controlplane.installation import crd, install_crd
from tests.controlplane.processes import Child

_RACKS = 4
_NODES_PER_RACK = 4
"""Each node takes 500 pods: enough for 1000 groups of 8."""
_WARM_PODS = 16
_KUBELETS_SECONDS_MAX = 60.0


class Plane(NamedTuple):
    """A running control plane and an empty namespace in it."""

    control_plane: ControlPlane
    api: Api
    namespace: str
    directory: Path
    """For files of the run; gone with the plane."""


@asynccontextmanager
async def fresh_plane() -> AsyncIterator[Plane]:
    """Start it, install the CRD, run a few pods and remove them."""
    async with ControlPlane(audit=True) as control_plane, control_plane.api(user_agent="lws-events-bench") as api:
        await install_crd(api, crd())
        kubelets = Child(
            [
                *(sys.executable, "-m", "tests.controlplane", "--kubeconfig", str(control_plane.kubeconfig)),
                *("--racks", str(_RACKS), "--nodes-per-rack", str(_NODES_PER_RACK)),
            ],
            log=control_plane.directory / "kubelets.log",
        )
        kubelets.start()
        try:
            await _wait_for(kubelets)
            await _warm_up(api)
            yield Plane(control_plane, api, await create_namespace(api, prefix="bench"), control_plane.directory)
        finally:
            kubelets.kill()


async def _wait_for(kubelets: Child) -> None:
    async def ready() -> bool:
        if not kubelets.running():
            raise RuntimeError(f"the kubelets have ended; their log:\n{kubelets.log_tail()}")
        return "ready:" in kubelets.log_tail()

    await eventually(ready, what="the kubelets", timeout_seconds=_KUBELETS_SECONDS_MAX)


async def _warm_up(api: Api) -> None:
    namespace = await create_namespace(api, prefix="warm")
    labels = {"app": "warm"}
    manifest: Json = {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "warm"},
        "spec": {
            "serviceName": "warm",
            "replicas": _WARM_PODS,
            "podManagementPolicy": "Parallel",
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "main", "image": "example.test/main:1"}]},
            },
        },
    }
    await api.create(statefulsets(namespace), manifest)
    path = statefulsets(namespace, "warm")

    async def ready() -> bool:
        return bool((await api.get(path))["status"].get("readyReplicas", 0) == _WARM_PODS)

    await eventually(ready, what="the first pods")
    await api.delete(path, propagation="Foreground")

    async def gone() -> bool:
        return await api.find(path) is None

    await eventually(gone, what="the first pods to go")
