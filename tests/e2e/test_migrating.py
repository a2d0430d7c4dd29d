"""``docs/migrating.md``, followed word by word over a played reference, and back, and once more from Helm.

Deployments and their pods are real objects on played kubelets; the programs that these pods would run are played (the
reference) or started beside them (ours). What an adoption writes in detail is ``test_adoption``'s affair.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest
import pytest_asyncio
import yaml

from tests.controlplane import nodes
from tests.controlplane.api import Api, eventually
from tests.controlplane.audit import AuditLog
from tests.controlplane.cluster import ControlPlane
from tests.controlplane.installation import remove_webhooks
from tests.controlplane.kubelets import Kubelets
from tests.e2e.adopted_sets import Story
from tests.e2e.controller import Controller
from tests.e2e.features.sets import Sets, a_set
from tests.e2e.followed_guide import ROOT, FollowedGuide
from tests.e2e.reference_installation import NAMESPACE, installation

pytestmark = [pytest.mark.controlplane, pytest.mark.asyncio(loop_scope="function")]

Json = dict[str, Any]

PAGE: Final = ROOT / "docs" / "migrating.md"
LEASES: Final = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases"
LEASE: Final = "b8b2488c.x-k8s.io"
NAMES: Final = ("llama", "mistral")
IN_ITS_FOLDER: Final = ("CustomResourceDefinition", "Namespace")
"""What is no part of a Helm release."""


class Migration:
    """The guide, the cluster, and who acts in it."""

    def __init__(self, story: Story, guide: FollowedGuide) -> None:
        self.story = story
        self.guide = guide

    async def install(self, title: str) -> None:
        """Follow a section that applies manifests.

        The hooks of the test are registered by URL, since there is no cluster network, and a Service cannot be applied
        over a URL: nothing is registered when manifests are applied, and what they register leads nowhere.
        """
        await remove_webhooks(self.story.sets.api)
        await self.guide.follow(title)
        await remove_webhooks(self.story.sets.api)

    async def reference_leads(self) -> None:
        """It holds the Lease; a short one, so that its end need not be waited for."""
        spec = {"holderIdentity": "reference", "leaseDurationSeconds": 2, "leaseTransitions": 0}
        lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": LEASE}, "spec": spec}
        await self.story.sets.api.apply(f"{LEASES}/{LEASE}", lease, manager="lws")

    async def ours_run(self) -> None:
        """What the pods of our Deployments do."""
        await self.story.controller.start()
        await self.story.controller.register_webhooks()

    async def reference_runs(self) -> None:
        """Ours is stopped, as its pod was by the new manifests, and the reference makes its pass."""
        before = await self.story.versions(*NAMES)
        await self.story.hand_back(*NAMES)
        self.story.controller.forget()  # its volume has been deleted
        assert await self.story.versions(*NAMES) == before, "handed back, nothing is left to write"
        await self.reference_leads()


@pytest_asyncio.fixture
async def migration(tmp_path: Path) -> AsyncIterator[Migration]:
    """The reference, installed by its manifests, with two sets at rest."""
    async with (
        ControlPlane(audit=True) as plane,
        plane.api() as api,
        Kubelets(plane.connection, nodes.racks(2, nodes_per_rack=2)),
    ):
        hooks, ours = (
            Controller(api, kubeconfig=plane.kubeconfig, directory=tmp_path / name, arguments=more)
            for name, more in (
                ("hooks", ("--only-webhooks",)),
                ("ours", ("--leader-elect", "--namespace", NAMESPACE)),
            )
        )
        objects = installation()
        guide = FollowedGuide(
            PAGE,
            folder=tmp_path / "clone",
            kubeconfig=plane.kubeconfig,
            data_dir=ours.data_dir,
            release=yaml.safe_dump_all(one for one in objects if one["kind"] not in IN_ITS_FOLDER),
        )
        guide.write("manifests.yaml", yaml.safe_dump_all(objects))
        story = Story(Sets(api, "default"), hooks=hooks, controller=ours, audit=AuditLog(plane.audit_log))
        migration = Migration(story, guide)
        try:
            await _make_volumes(api, count=2)
            await guide.type("kubectl apply --server-side --force-conflicts -f manifests.yaml")
            await migration.reference_leads()
            await remove_webhooks(api)
            await hooks.start()
            await hooks.register_webhooks()
            await asyncio.gather(
                story.settle(a_set("llama", replicas=3, size=3)), story.settle(a_set("mistral", replicas=2, size=2))
            )
            yield migration
        finally:
            for controller in (hooks, ours):
                await controller.kill()


async def _make_volumes(api: Api, *, count: int) -> None:
    """What a default StorageClass would make for the journal's claim."""
    for number in range(count):
        spec = {
            "capacity": {"storage": "10Gi"},
            "accessModes": ["ReadWriteOnce"],
            "hostPath": {"path": f"/volumes/{number}"},
        }
        volume = {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": f"journal-{number}"}}
        await api.create("/api/v1/persistentvolumes", volume | {"spec": spec})


async def test_the_guide_leads_there_and_back(migration: Migration) -> None:
    guide, sets = migration.guide, migration.story.sets
    pods = await sets.uids("llama") | await sets.uids("mistral")

    await migration.install("Before")
    await migration.install("An installation by kustomize or kubectl")
    await migration.ours_run()
    await guide.follow("After")
    await migration.install("Going back")
    await migration.reference_runs()
    assert await _installed(sets.api) == {"lws-controller-manager": "registry.k8s.io/lws/lws:v0.10.0"}

    # And once more, from a release of Helm.
    await migration.install("Before")
    await migration.install("An installation by Helm")
    await migration.ours_run()
    await guide.follow("After")
    assert set((await _installed(sets.api)).values()) == {"lws-events:0.1.0"}

    async def scaled_down() -> bool:
        return await sets.uids("llama") | await sets.uids("mistral") == pods

    await eventually(scaled_down, what="the pods of before, and no others")
    assert set(guide.followed) == guide.with_commands, "every command of the page has been typed"


async def _installed(api: Api) -> dict[str, str]:
    """The images of the Deployments."""
    found = await api.items(f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments")
    return {one["metadata"]["name"]: one["spec"]["template"]["spec"]["containers"][0]["image"] for one in found}
