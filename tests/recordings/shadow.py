"""The story of a shadow: beside a controller that does what the reference does, with the rights of ``deploy/shadow``.

Two deletions are missed, and labels that are changed do not reach the worker StatefulSets. A story of its own kind:
the journal is the shadow's, and whoever is in charge has none that matters.
"""

import asyncio
import subprocess
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from tests.controlplane.api import core, leaderworkersets
from tests.controlplane.cluster import ControlPlane
from tests.controlplane.fixtures import create_namespace
from tests.controlplane.installation import crd, install_crd
from tests.controlplane.kubelets import Kubelets
from tests.e2e.controller import PROGRAM
from tests.e2e.features.sets import Sets
from tests.e2e.shadows import a_shadow
from tests.integration.shadow.shadows import mutated
from tests.recordings.stage import NAMESPACE, racks
from tests.recordings.stories import a_set

SHADOW: Final = "shadow"
_DIFFERENCES: Final = 5


async def record_shadow(folder: Path) -> None:
    """Play it, and export the shadow's journal into ``folder``."""
    async with AsyncExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        plane = await stack.enter_async_context(ControlPlane(accounts=True))
        api = await stack.enter_async_context(plane.api())
        await install_crd(api, crd())
        await stack.enter_async_context(Kubelets(plane.connection, racks("abcd")))
        controller = mutated(scratch, "as-the-reference", kubeconfig=plane.kubeconfig)
        stack.callback(controller.kill)
        controller.start()
        home = await create_namespace(api, prefix=SHADOW)
        shadow = await stack.enter_async_context(a_shadow(plane, api, home, scratch))
        sets = Sets(api, NAMESPACE)
        await sets.create(_complete())
        await sets.available("chat")
        for worker in ("chat-0-1", "chat-2-1"):
            await api.delete(core("pods", NAMESPACE, worker), grace_seconds=0)
        await shadow.found(2)
        await api.merge(leaderworkersets(NAMESPACE, "chat"), {"metadata": {"labels": {"team": "blue"}}})
        await shadow.found(_DIFFERENCES)
        await shadow.stop()
        target = str(folder / f"{SHADOW}.jsonl.gz")
        command = [PROGRAM, "journal", "export", target, "--data-dir", str(shadow.data_dir)]
        await asyncio.to_thread(subprocess.run, command, check=True, timeout=120)


def _complete() -> dict[str, object]:
    """A set that needs no defaults from admission, which nobody serves here."""
    rolling = {"maxUnavailable": 1, "maxSurge": 0, "partition": 0}
    manifest = a_set(
        "chat",
        replicas=3,
        image="chat-server:7",
        networkConfig={"subdomainPolicy": "Shared"},
        rolloutStrategy={"type": "RollingUpdate", "rollingUpdateConfiguration": rolling},
    )
    manifest["spec"]["leaderWorkerTemplate"]["restartPolicy"] = "RecreateGroupOnPodRestart"
    return manifest
