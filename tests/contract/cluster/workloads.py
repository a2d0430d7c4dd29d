"""StatefulSets: revisions, partition, budgets, replacement of pods."""

from tests.contract.cluster.port import Cluster, ClusterSuite, Lines, ready
from tests.controlplane.api import Json, core, eventually, grouped, statefulsets
from tests.simulation.manifests import pod

GROUP = "example.com/group"


class StatefulSetContract(ClusterSuite):
    """What the StatefulSet controller does."""

    async def test_a_parallel_set_from_ordinal_one(self, cluster: Cluster) -> None:
        await self.create_set(cluster, replicas=3, start=1)
        pods = await self.ready_pods(cluster, "s-1", "s-2", "s-3")
        settled = await self.settled_set(
            cluster, replicas=3, readyReplicas=3, availableReplicas=3, updatedReplicas=3, currentReplicas=3
        )
        assert settled["status"]["currentRevision"] == settled["status"]["updateRevision"]
        first = pods["s-1"]
        assert first["metadata"]["labels"] == {
            "app": "s",
            "apps.kubernetes.io/pod-index": "1",
            "controller-revision-hash": settled["status"]["updateRevision"],
            "statefulset.kubernetes.io/pod-name": "s-1",
        }
        assert first["metadata"]["generateName"] == "s-"
        assert (first["spec"]["hostname"], first["spec"]["subdomain"]) == ("s-1", "s")
        owner = first["metadata"]["ownerReferences"][0]
        assert (owner["kind"], owner["uid"], owner["controller"], owner["blockOwnerDeletion"]) == (
            "StatefulSet",
            settled["metadata"]["uid"],
            True,
            True,
        )
        revisions = await cluster.api.items(grouped("apps/v1", "controllerrevisions", cluster.namespace))
        assert [item["metadata"]["name"] for item in revisions] == [settled["status"]["updateRevision"]]
        assert revisions[0]["metadata"]["labels"]["app"] == "s", "the template's labels"

    async def test_an_ordered_set_starts_the_next_pod_after_the_last_one(self, cluster: Cluster) -> None:
        await self.create_set(cluster, replicas=2, policy="OrderedReady", pod_spec={"nodeSelector": {"no": "where"}})
        await eventually(lambda: self.pods(cluster), what="the first pod")
        await self.settled_set(cluster, replicas=1)
        assert list(await self.pods(cluster)) == ["s-0"]

    async def test_the_partition_decides_which_revision_a_pod_gets(self, cluster: Cluster) -> None:
        await self.create_set(cluster, replicas=3, image="old")
        await self.ready_pods(cluster, "s-0", "s-1", "s-2")
        await self.settled_set(cluster, readyReplicas=3)
        await self.new_image(cluster, "new", partition=2, maxUnavailable=1)
        settled = await self.settled_set(cluster, readyReplicas=3, updatedReplicas=1, currentReplicas=2)
        assert settled["status"]["currentRevision"] != settled["status"]["updateRevision"]
        await cluster.api.delete(core("pods", cluster.namespace, "s-0"), grace_seconds=0)
        pods = await self.ready_pods(cluster, "s-0", "s-1", "s-2")
        assert {name: item["spec"]["containers"][0]["image"] for name, item in pods.items()} == {
            "s-0": "old",
            "s-1": "old",
            "s-2": "new",
        }

    async def test_max_unavailable_bounds_a_rollout(self, cluster: Cluster) -> None:
        await self.create_set(cluster, replicas=4, image="old")
        await self.ready_pods(cluster, "s-0", "s-1", "s-2", "s-3")
        await self.settled_set(cluster, readyReplicas=4)
        listed = await cluster.api.get(core("pods", cluster.namespace))
        lines = Lines(
            cluster.api,
            core("pods", cluster.namespace),
            resource_version=listed["metadata"]["resourceVersion"],
        )
        try:
            await self.new_image(cluster, "new", partition=0, maxUnavailable=2)
            await self.settled_set(cluster, readyReplicas=4, updatedReplicas=4)
        finally:
            await lines.close()
        up = {"s-0", "s-1", "s-2", "s-3"}
        worst = 0
        for event in lines.events:
            name = event["object"]["metadata"]["name"]
            up = up | {name} if event["type"] != "DELETED" and ready(event["object"]) else up - {name}
            worst = max(worst, 4 - len(up))
        assert worst == 2

    async def test_a_pod_that_is_not_ready_uses_up_the_budget(self, cluster: Cluster) -> None:
        await self.create_set(cluster, replicas=2, image="old")
        await self.ready_pods(cluster, "s-0", "s-1")
        await cluster.set_ready("s-0", ready=False)
        await self.settled_set(cluster, readyReplicas=1)
        await self.new_image(cluster, "new")
        settled = await self.settled_set(cluster, readyReplicas=1, updatedReplicas=0)
        assert settled["status"]["currentRevision"] != settled["status"]["updateRevision"]

    async def test_scaling_down_takes_the_highest(self, cluster: Cluster) -> None:
        await self.create_set(cluster, replicas=3)
        await self.ready_pods(cluster, "s-0", "s-1", "s-2")
        await cluster.api.merge(statefulsets(cluster.namespace, "s"), {"spec": {"replicas": 1}})
        await self.ready_pods(cluster, "s-0")
        await self.settled_set(cluster, replicas=1, readyReplicas=1)

    async def test_a_failed_pod_is_replaced(self, cluster: Cluster) -> None:
        await self.create_set(cluster, replicas=1)
        before = (await self.ready_pods(cluster, "s-0"))["s-0"]
        await cluster.evict("s-0")

        async def replaced() -> bool:
            item = (await self.pods(cluster)).get("s-0")
            return item is not None and item["metadata"]["uid"] != before["metadata"]["uid"] and ready(item)

        await eventually(replaced, what="a new s-0")

    async def test_a_restarted_container_counts(self, cluster: Cluster) -> None:
        await cluster.api.create(core("pods", cluster.namespace), pod("a"))
        await self.ready_pods(cluster, "a")
        await cluster.restart_container("a", exit_code=3)

        async def restarted() -> Json | None:
            container: Json = (await self.pods(cluster))["a"]["status"]["containerStatuses"][0]
            return container if container["restartCount"] else None

        container = await eventually(restarted, what="restartCount 1")
        assert container["restartCount"] == 1
        assert container["lastState"]["terminated"]["exitCode"] == 3
        await self.ready_pods(cluster, "a")

    async def test_a_set_of_the_same_name_waits_for_the_old_pods(self, cluster: Cluster) -> None:
        await self.create_set(cluster, replicas=2)
        before = await self.ready_pods(cluster, "s-0", "s-1")
        await cluster.api.delete(statefulsets(cluster.namespace, "s"), propagation="Background")
        second = await self.create_set(cluster, replicas=2)

        async def taken_over() -> bool:
            pods = await self.pods(cluster)
            owners = {item["metadata"]["ownerReferences"][0]["uid"] for item in pods.values()}
            return len(pods) == 2 and owners == {second["metadata"]["uid"]}

        await eventually(taken_over, what="pods of the new set")
        after = await self.ready_pods(cluster, "s-0", "s-1")
        assert not {i["metadata"]["uid"] for i in before.values()} & {i["metadata"]["uid"] for i in after.values()}

    async def test_orphans_of_the_right_name_and_labels_are_adopted(self, cluster: Cluster) -> None:
        orphan = await cluster.api.create(core("pods", cluster.namespace), pod("s-0", labels={"app": "s"}))
        await self.ready_pods(cluster, "s-0")
        created = await self.create_set(cluster, replicas=1, updateStrategy={"type": "OnDelete"})

        async def adopted() -> bool:
            owners = (await self.pods(cluster))["s-0"]["metadata"].get("ownerReferences") or [{}]
            return bool(owners[0].get("uid") == created["metadata"]["uid"])

        await eventually(adopted, what="s-0 to be adopted")
        assert (await self.pods(cluster))["s-0"]["metadata"]["uid"] == orphan["metadata"]["uid"]

    async def test_min_ready_seconds_delay_availability(self, cluster: Cluster) -> None:
        await self.create_set(cluster, replicas=1, minReadySeconds=3600)
        await self.ready_pods(cluster, "s-0")
        await self.settled_set(cluster, readyReplicas=1, availableReplicas=0)

    async def test_going_back_to_an_old_template_reuses_its_revision(self, cluster: Cluster) -> None:
        await self.create_set(cluster, replicas=1, image="old")
        first = (await self.settled_set(cluster, readyReplicas=1))["status"]["updateRevision"]
        await self.new_image(cluster, "new")
        await self.settled_set(cluster, readyReplicas=1, updatedReplicas=1)
        await self.new_image(cluster, "old")

        async def back() -> bool:
            status = (await cluster.api.get(statefulsets(cluster.namespace, "s")))["status"]
            return bool(status["updateRevision"] == first == status["currentRevision"])

        await eventually(back, what="the first revision to be current again")
        revision = await cluster.api.get(grouped("apps/v1", "controllerrevisions", cluster.namespace, first))
        assert revision["revision"] == 3
