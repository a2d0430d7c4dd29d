"""Exclusive placement on four racks, for groups and for subgroups (spec 3.4, 3.5, trace 5.3)."""

from collections import defaultdict

import pytest

from tests.controlplane import nodes
from tests.controlplane.api import NODES, Api, Json, core, eventually
from tests.e2e.controller import Controller
from tests.e2e.features.sets import GROUP_INDEX, PREFIX, Sets, a_set, is_ready

pytestmark = [pytest.mark.controlplane, pytest.mark.asyncio(loop_scope="session")]

EXCLUSIVE = {f"{PREFIX}exclusive-topology": nodes.RACK}
SUBGROUP_EXCLUSIVE = {f"{PREFIX}subgroup-exclusive-topology": nodes.RACK}
SUBGROUP_INDEX = f"{PREFIX}subgroup-index"


async def racks_of_nodes(api: Api) -> dict[str, str]:
    """The rack of each node."""
    return {n["metadata"]["name"]: n["metadata"]["labels"][nodes.RACK] for n in await api.items(NODES)}


async def racks_by(sets: Sets, pods: dict[str, Json], *labels: str) -> dict[tuple[str, ...], set[str]]:
    """The racks that pods with the same values of these labels are on."""
    racks = await racks_of_nodes(sets.api)
    found: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for pod in pods.values():
        values = tuple(pod["metadata"]["labels"].get(label, "") for label in labels)
        found[values].add(racks[pod["spec"]["nodeName"]])
    return dict(found)


async def test_each_group_has_a_rack_and_a_fifth_waits_until_one_is_free(sets: Sets, controller: Controller) -> None:
    await sets.create(a_set("training", replicas=4, size=3, annotations=EXCLUSIVE))
    await sets.available("training")
    racks = await racks_by(sets, await sets.pods("training"), GROUP_INDEX)
    assert {len(where) for where in racks.values()} == {1}, f"a group is spread over racks: {racks}"
    assert len({rack for where in racks.values() for rack in where}) == 4, f"two groups share a rack: {racks}"

    await sets.create(a_set("fifth", replicas=1, size=3, annotations=EXCLUSIVE))
    pods = await sets.when("fifth", what="the fifth leader to be found unschedulable", holds=_unschedulable)
    assert sorted(pods) == ["fifth-0"], "workers must not exist before their leader has a rack"
    told = f"{sets.namespace}/fifth"

    async def explained() -> list[str]:
        entries = await controller.ask("timeline", told, "--group", "0")
        return [e["because"] for e in entries if "anti-affinity" in e["because"] or "anti-affinity" in e["what"]]

    assert await eventually(explained, what="the timeline to say why group 0 waits")

    await sets.scale("training", 3)
    await sets.available("training", "fifth")
    racks = await racks_by(sets, await sets.pods("training") | await sets.pods("fifth"), f"{PREFIX}group-key")
    assert {len(where) for where in racks.values()} == {1}
    assert len({rack for where in racks.values() for rack in where}) == 4


def _unschedulable(pods: dict[str, Json]) -> bool:
    leader = pods.get("fifth-0")
    conditions = [] if leader is None else leader["status"].get("conditions", [])
    return any(c["type"] == "PodScheduled" and c.get("reason") == "Unschedulable" for c in conditions)


async def test_a_recreated_group_takes_its_workers_to_its_new_rack(sets: Sets) -> None:
    await sets.create(a_set("movers", replicas=2, size=2, annotations=EXCLUSIVE))
    await sets.available("movers")
    before = await sets.uids("movers", group=1)
    await sets.api.delete(core("pods", sets.namespace, "movers-1-1"), grace_seconds=0)
    await sets.when(
        "movers",
        what="group 1 to be recreated",
        holds=lambda pods: all(
            name in pods and pods[name]["metadata"]["uid"] != uid and is_ready(pods[name])
            for name, uid in before.items()
        ),
    )
    await sets.available("movers")
    racks = await racks_by(sets, await sets.pods("movers"), GROUP_INDEX)
    assert {len(where) for where in racks.values()} == {1}
    selector = (await sets.statefulset("movers-1"))["spec"]["template"]["spec"]["nodeSelector"]
    assert {selector[nodes.RACK]} == racks[("1",)]


async def test_subgroups_with_their_leader_have_a_rack_each(sets: Sets) -> None:
    policy = {"subGroupPolicy": {"subGroupPolicyType": "LeaderWorker", "subGroupSize": 2}}
    await sets.create(a_set("pairs", replicas=2, size=5, annotations=SUBGROUP_EXCLUSIVE, template=policy))
    await sets.available("pairs")
    pods = await sets.pods("pairs")
    for group in ("pairs-0", "pairs-1"):
        # The leader is the extra pod of subgroup 0.
        assert [_subgroup(pods[name]) for name in _group(group, 5)] == ["0", "0", "0", "1", "1"]
    racks = await racks_by(sets, pods, GROUP_INDEX, SUBGROUP_INDEX)
    assert {len(where) for where in racks.values()} == {1}, racks
    assert len({rack for where in racks.values() for rack in where}) == 4, racks


async def test_subgroups_without_their_leader_have_a_rack_each(sets: Sets) -> None:
    policy = {"subGroupPolicy": {"subGroupPolicyType": "LeaderExcluded", "subGroupSize": 2}}
    await sets.create(a_set("apart", replicas=2, size=5, annotations=SUBGROUP_EXCLUSIVE, template=policy))
    await sets.available("apart")
    pods = await sets.pods("apart")
    for group in ("apart-0", "apart-1"):
        assert [_subgroup(pods[name]) for name in _group(group, 5)] == [None, "0", "0", "1", "1"]
        assert "affinity" not in pods[group]["spec"]
    workers = {name: pod for name, pod in pods.items() if _subgroup(pod) is not None}
    racks = await racks_by(sets, workers, GROUP_INDEX, SUBGROUP_INDEX)
    assert {len(where) for where in racks.values()} == {1}, racks
    assert len({rack for where in racks.values() for rack in where}) == 4, racks


def _group(leader: str, size: int) -> list[str]:
    return [leader, *(f"{leader}-{worker}" for worker in range(1, size))]


def _subgroup(pod: Json) -> str | None:
    label: str | None = pod["metadata"]["labels"].get(SUBGROUP_INDEX)
    return label
