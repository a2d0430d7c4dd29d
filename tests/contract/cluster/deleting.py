"""Deletion: preconditions, grace, finalizers, propagation through groups."""

import pytest

from tests.contract.cluster.port import Cluster, ClusterSuite, Lines
from tests.controlplane.api import ApiError, Json, core, statefulsets
from tests.simulation.manifests import pod

GROUP = "example.com/group"


class DeletionContract(ClusterSuite):
    """What a deletion does, at once and later."""

    async def test_preconditions_protect_the_successor(self, cluster: Cluster) -> None:
        path = core("configmaps", cluster.namespace)
        created = await cluster.api.create(path, self.config())
        with pytest.raises(ApiError) as caught:
            await cluster.api.delete(f"{path}/a", uid="0a3f5c9e-0000-4000-8000-000000000000")
        assert (caught.value.code, caught.value.status["reason"]) == (409, "Conflict")
        await cluster.api.delete(f"{path}/a", uid=created["metadata"]["uid"])
        assert await cluster.api.find(f"{path}/a") is None

    async def test_a_graceful_deletion_goes_through_terminating(self, cluster: Cluster) -> None:
        await cluster.api.create(core("pods", cluster.namespace), pod("a", terminationGracePeriodSeconds=7))
        running = (await self.ready_pods(cluster, "a"))["a"]
        path = core("pods", cluster.namespace, "a")
        deleted = await cluster.api.delete(path)
        assert deleted is not None
        assert deleted["metadata"]["deletionGracePeriodSeconds"] == 7
        assert deleted["metadata"]["uid"] == running["metadata"]["uid"]
        await self.gone(cluster, path)

    async def test_grace_zero_removes_at_once(self, cluster: Cluster) -> None:
        await cluster.api.create(core("pods", cluster.namespace), pod("a"))
        await self.ready_pods(cluster, "a")
        await cluster.api.delete(core("pods", cluster.namespace, "a"), grace_seconds=0)
        assert await cluster.api.find(core("pods", cluster.namespace, "a")) is None

    async def test_an_unscheduled_pod_is_removed_at_once(self, cluster: Cluster) -> None:
        await cluster.api.create(core("pods", cluster.namespace), pod("a", nodeSelector={"no": "where"}))
        await cluster.api.delete(core("pods", cluster.namespace, "a"))
        assert await cluster.api.find(core("pods", cluster.namespace, "a")) is None

    async def test_finalizers_hold(self, cluster: Cluster) -> None:
        path = core("configmaps", cluster.namespace)
        manifest = self.config()
        manifest["metadata"]["finalizers"] = ["example.com/hold"]
        await cluster.api.create(path, manifest)
        await cluster.api.delete(f"{path}/a")
        held = await cluster.api.get(f"{path}/a")
        assert held["metadata"]["deletionTimestamp"]
        await cluster.api.merge(f"{path}/a", {"metadata": {"finalizers": None}})
        assert await cluster.api.find(f"{path}/a") is None

    async def group(self, cluster: Cluster) -> Json:
        """A leader StatefulSet of one, and a worker StatefulSet of two owned by the leader pod; the leader pod."""
        await self.create_set(cluster, "g", replicas=1)
        await self.ready_pods(cluster, "g-0")
        leader = await cluster.api.get(core("pods", cluster.namespace, "g-0"))
        await self.create_set(cluster, "g-0", replicas=2, start=1, owner=leader)
        await self.ready_pods(cluster, "g-0", "g-0-1", "g-0-2")
        return leader

    async def test_foreground_deletion_of_a_leader_takes_its_workers_first(self, cluster: Cluster) -> None:
        leader = await self.group(cluster)
        listed = await cluster.api.get(core("pods", cluster.namespace))
        lines = Lines(
            cluster.api,
            core("pods", cluster.namespace),
            resource_version=listed["metadata"]["resourceVersion"],
        )
        try:
            path = core("pods", cluster.namespace, "g-0")
            await cluster.api.delete(path, uid=leader["metadata"]["uid"], propagation="Foreground")
            await lines.until(("DELETED", "g-0"), ("ADDED", "g-0"))
        finally:
            await lines.close()
        deleted = [name for type_, name in lines.facts() if type_ == "DELETED"]
        assert sorted(deleted[:2]) == ["g-0-1", "g-0-2"]
        assert deleted[2] == "g-0"
        await self.gone(cluster, statefulsets(cluster.namespace, "g-0"))
        successor = (await self.ready_pods(cluster, "g-0"))["g-0"]
        assert successor["metadata"]["uid"] != leader["metadata"]["uid"]

    async def test_background_deletion_of_a_leader_leaves_no_old_worker(self, cluster: Cluster) -> None:
        leader = await self.group(cluster)
        await cluster.api.delete(core("pods", cluster.namespace, "g-0"))
        await self.gone(cluster, statefulsets(cluster.namespace, "g-0"))
        successor = (await self.ready_pods(cluster, "g-0"))["g-0"]
        assert successor["metadata"]["uid"] != leader["metadata"]["uid"]

    async def test_a_deleted_tree_leaves_nothing(self, cluster: Cluster) -> None:
        await self.group(cluster)
        await cluster.api.delete(statefulsets(cluster.namespace, "g"), propagation="Foreground")
        await self.gone(cluster, statefulsets(cluster.namespace, "g"))
        await self.no_pods(cluster)
        await self.gone(cluster, statefulsets(cluster.namespace, "g-0"))

    async def test_orphaning_lets_the_pods_live(self, cluster: Cluster) -> None:
        await self.create_set(cluster, replicas=1)
        before = (await self.ready_pods(cluster, "s-0"))["s-0"]
        await cluster.api.delete(statefulsets(cluster.namespace, "s"), propagation="Orphan")
        await self.gone(cluster, statefulsets(cluster.namespace, "s"))
        after = (await self.ready_pods(cluster, "s-0"))["s-0"]
        assert after["metadata"]["uid"] == before["metadata"]["uid"]
        assert "ownerReferences" not in after["metadata"]

    async def test_the_answer_tells_what_became_of_the_object(self, cluster: Cluster) -> None:
        await self.create_set(cluster, replicas=1)
        await self.ready_pods(cluster, "s-0")
        before = await cluster.api.get(core("pods", cluster.namespace, "s-0"))
        going = await cluster.api.delete(core("pods", cluster.namespace, "s-0"), propagation="Foreground")
        assert going is not None
        assert going["kind"] == "Pod"
        assert going["metadata"]["finalizers"] == ["foregroundDeletion"]
        assert going["metadata"]["generation"] == before["metadata"]["generation"] + 1
        gone = await cluster.api.delete(statefulsets(cluster.namespace, "s"), propagation="Background")
        assert gone is not None
        assert (gone["kind"], gone["status"]) == ("Status", "Success")

    async def test_what_names_only_a_dead_owner_is_collected(self, cluster: Cluster) -> None:
        manifest = self.config()
        owner = {"apiVersion": "v1", "kind": "Pod", "name": "x", "uid": "0a3f5c9e-0000-4000-8000-000000000000"}
        manifest["metadata"]["ownerReferences"] = [owner]
        await cluster.api.create(core("configmaps", cluster.namespace), manifest)
        await self.gone(cluster, core("configmaps", cluster.namespace, "a"))

    async def test_a_collection_goes_by_selection(self, cluster: Cluster) -> None:
        path = core("configmaps", cluster.namespace)
        for name, labels in (("a", {"x": "1"}), ("b", {"x": "2"})):
            await cluster.api.create(path, {**self.config(), "metadata": {"name": name, "labels": labels}})
        await cluster.api.call("DELETE", path, params={"labelSelector": "x=1"})
        assert await cluster.api.find(f"{path}/a") is None
        assert await cluster.api.find(f"{path}/b") is not None

    async def test_an_eviction_is_a_graceful_deletion(self, cluster: Cluster) -> None:
        await cluster.api.create(core("pods", cluster.namespace), pod("a"))
        await self.ready_pods(cluster, "a")
        eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "a"}}
        await cluster.api.create(core("pods", cluster.namespace, "a") + "/eviction", eviction)
        await self.gone(cluster, core("pods", cluster.namespace, "a"))
