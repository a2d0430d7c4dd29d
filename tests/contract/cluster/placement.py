"""Placement: exclusive topology, node selectors."""

from tests.contract.cluster.port import Cluster, ClusterSuite, ready, scheduled
from tests.controlplane.api import Json, core, eventually
from tests.simulation.manifests import exclusive, pod

GROUP = "example.com/group"


class PlacementContract(ClusterSuite):
    """What the scheduler does."""

    async def test_exclusive_groups_get_a_rack_each(self, cluster: Cluster) -> None:
        for group in "abcde":
            affinity = exclusive(GROUP, group, topology_key=cluster.rack_key)
            await cluster.api.create(
                core("pods", cluster.namespace), pod(f"{group}-0", labels={GROUP: group}, affinity=affinity)
            )

        async def placed() -> dict[str, Json]:
            pods = await self.pods(cluster)
            running = {name: item for name, item in pods.items() if ready(item)}
            refused = [item for item in pods.values() if scheduled(item).get("reason") == "Unschedulable"]
            return running if len(running) == 4 and len(refused) == 1 else {}

        running = await eventually(placed, what="four groups placed and one waiting")
        racks = await self.racks(cluster)
        assert len({racks[item["spec"]["nodeName"]] for item in running.values()}) == 4
        waiting = next(item for name, item in (await self.pods(cluster)).items() if name not in running)
        assert scheduled(waiting)["status"] == "False"
        assert scheduled(waiting)["message"].startswith("0/8 nodes are available: ")
        group = next(iter(running)).partition("-")[0]
        affinity = exclusive(GROUP, group, topology_key=cluster.rack_key)
        await cluster.api.create(
            core("pods", cluster.namespace), pod(f"{group}-1", labels={GROUP: group}, affinity=affinity)
        )
        await eventually(lambda: self.is_ready(cluster, f"{group}-1"), what="the second pod of a placed group")
        second = (await self.pods(cluster))[f"{group}-1"]
        assert racks[second["spec"]["nodeName"]] == racks[running[f"{group}-0"]["spec"]["nodeName"]]
        for member in (f"{group}-0", f"{group}-1"):
            await cluster.api.delete(core("pods", cluster.namespace, member))
        await eventually(lambda: self.is_ready(cluster, waiting["metadata"]["name"]), what="the waiting group")

    async def is_ready(self, cluster: Cluster, name: str) -> bool:
        item = (await self.pods(cluster)).get(name)
        return item is not None and ready(item)

    async def racks(self, cluster: Cluster) -> dict[str, str]:
        nodes = await cluster.api.items("/api/v1/nodes")
        return {item["metadata"]["name"]: item["metadata"]["labels"].get(cluster.rack_key, "") for item in nodes}

    async def test_a_node_selector_is_obeyed(self, cluster: Cluster) -> None:
        await cluster.api.create(core("pods", cluster.namespace), pod("a", nodeSelector={cluster.rack_key: "rack-2"}))
        placed = (await self.ready_pods(cluster, "a"))["a"]
        assert (await self.racks(cluster))[placed["spec"]["nodeName"]] == "rack-2"
