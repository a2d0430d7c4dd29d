"""What ``what-if`` says of a real cluster, from the journal and from the API server, is what then happens there."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.controlplane import nodes
from tests.controlplane.api import NODES, Json, core
from tests.controlplane.cluster import ControlPlane
from tests.e2e.controller import Controller, asked
from tests.e2e.features.sets import GROUP_INDEX, Sets, a_set, a_template, is_ready
from tests.e2e.features.test_placement import EXCLUSIVE, racks_of_nodes

pytestmark = [pytest.mark.controlplane, pytest.mark.asyncio(loop_scope="session")]


@pytest.mark.parametrize("budget", [{"maxUnavailable": 1}, {"maxUnavailable": 2, "maxSurge": 1}])
async def test_a_rollout_replaces_the_pods_that_were_foretold(
    sets: Sets, controller: Controller, control_plane: ControlPlane, tmp_path: Path, budget: dict[str, int]
) -> None:
    rolling: dict[str, Any] = {"rolloutStrategy": {"type": "RollingUpdate", "rollingUpdateConfiguration": budget}}
    await sets.create(a_set("foretold", replicas=3, size=3, **rolling))
    await sets.available("foretold")
    before = await sets.uids("foretold")
    changed = a_set(
        "foretold", replicas=4, size=3, template={"workerTemplate": a_template("example.test/main:2")}, **rolling
    )
    changed["metadata"]["namespace"] = sets.namespace
    path = tmp_path / "changed.json"
    path.write_bytes(msgspec.json.encode(changed))

    of_journal = await controller.ask("what-if", "-f", str(path))
    kubeconfig = str(control_plane.kubeconfig)
    of_cluster = await asked("what-if", "-f", str(path), "--kubeconfig", kubeconfig, "--time-to-ready", "1s")
    await sets.change("foretold", changed["spec"])
    await sets.available("foretold")

    after = await sets.uids("foretold")
    replaced = sorted(name for name, uid in before.items() if after[name] != uid)
    for told in (of_journal, of_cluster):
        forecast = _only(told)
        assert sorted(forecast["pods_replaced"]) == replaced
        assert forecast["created_groups"] == [3]
        assert [one["group"] for one in forecast["restarts"]] == [2, 1, 0]
        assert told["finishes"]


async def test_a_cluster_at_rest_is_foretold_to_rest(
    sets: Sets, controller: Controller, control_plane: ControlPlane
) -> None:
    await sets.create(a_set("resting", replicas=2, size=2))
    await sets.available("resting")
    name = f"{sets.namespace}/resting"
    for told in (
        await controller.ask("what-if", name),
        await asked("what-if", name, "--kubeconfig", str(control_plane.kubeconfig)),
    ):
        [of_set] = [one["forecast"] for one in told["sets"] if one["forecast"]["set_name"] == name]
        assert (of_set["finishes"], of_set["steps"], of_set["unaffected_groups"]) == (True, [], [0, 1])


async def test_a_drain_restarts_the_groups_that_were_foretold_and_a_lost_rack_is_foretold_alike(
    sets: Sets, controller: Controller, control_plane: ControlPlane, tmp_path: Path
) -> None:
    await sets.create(a_set("drained", replicas=3, size=2, annotations=EXCLUSIVE))
    await sets.available("drained")
    before = await sets.pods("drained")
    node = before["drained-1-1"]["spec"]["nodeName"]
    kubeconfig = ("--kubeconfig", str(control_plane.kubeconfig), "--time-to-ready", "1s")
    all_nodes = tmp_path / "nodes.json"
    items = [{"apiVersion": "v1", "kind": "Node"} | one for one in await sets.api.items(NODES)]  # as kubectl lists them
    all_nodes.write_bytes(msgspec.json.encode({"kind": "List", "items": items}))
    name = f"{sets.namespace}/drained"
    of_journal = await controller.ask("what-if", name, "--drain", node, "--nodes", str(all_nodes))
    of_cluster = await asked("what-if", name, "--drain", node, *kubeconfig)
    racks = await racks_of_nodes(sets.api)
    lost = ("--lose", f"{nodes.RACK}={racks[node]}", "--node-removed-after", "1m")
    rack_lost = [
        await controller.ask("what-if", name, *lost, "--nodes", str(all_nodes)),
        await asked("what-if", name, *lost, *kubeconfig),
    ]

    await sets.api.merge(f"{NODES}/{node}", {"spec": {"unschedulable": True}})
    try:
        there = [pod for pod, found in before.items() if found["spec"]["nodeName"] == node]
        await asyncio.gather(*(sets.api.delete(core("pods", sets.namespace, pod), grace_seconds=0) for pod in there))
        groups = sorted({int(before[pod]["metadata"]["labels"][GROUP_INDEX]) for pod in there})
        whole = {pod for pod, found in before.items() if int(found["metadata"]["labels"][GROUP_INDEX]) in groups}

        def replaced(pods: dict[str, Json]) -> set[str]:
            return {
                pod
                for pod, found in pods.items()
                if is_ready(found) and found["metadata"]["uid"] != before[pod]["metadata"]["uid"]
            }

        await sets.when("drained", what=f"groups {groups} to be others", holds=lambda pods: replaced(pods) >= whole)
        await sets.available("drained")
        after = await sets.pods("drained")
    finally:
        await sets.api.merge(f"{NODES}/{node}", {"spec": {"unschedulable": False}})
    for told in (of_journal, of_cluster):
        forecast = _only(told)
        assert sorted(one["group"] for one in forecast["restarts"]) == groups
        assert set(forecast["pods_replaced"]) == replaced(after) == whole
        assert told["finishes"]
    in_rack = {
        int(found["metadata"]["labels"][GROUP_INDEX])
        for found in before.values()
        if racks[found["spec"]["nodeName"]] == racks[node]
    }
    for told in rack_lost:
        forecast = _only(told)
        assert {one["group"] for one in forecast["restarts"]} == in_rack == {1}
        assert (forecast["placement"]["needed"], forecast["placement"]["domains"]) == (3, 4)
        assert told["finishes"]


def _only(told: dict[str, Any]) -> dict[str, Any]:
    [found] = told["sets"]
    forecast: dict[str, Any] = found["forecast"]
    return forecast
