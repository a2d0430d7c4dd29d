"""Groups of other shapes than the sample's: two templates, no workers, one Service per group, leaders first."""

import asyncio

import pytest

from tests.controlplane.api import Json, core, eventually
from tests.controlplane.kubelets import Kubelets
from tests.e2e.features.sets import GROUP_INDEX, NAME, PREFIX, Sets, a_set, a_template, is_ready

pytestmark = [pytest.mark.controlplane, pytest.mark.asyncio(loop_scope="session")]


def _images(pods: dict[str, Json]) -> dict[str, str]:
    return {name: pod["spec"]["containers"][0]["image"] for name, pod in pods.items()}


async def test_leaders_and_workers_of_two_templates(sets: Sets) -> None:
    template = {
        "leaderTemplate": a_template("example.test/leader:1"),
        "workerTemplate": a_template("example.test/worker:1"),
    }
    await sets.create(a_set("multi", replicas=2, size=3, template=template))
    await sets.available("multi")
    leader, worker = "example.test/leader:1", "example.test/worker:1"
    assert _images(await sets.pods("multi")) == {
        **dict.fromkeys(("multi-0", "multi-1"), leader),
        **dict.fromkeys(("multi-0-1", "multi-0-2", "multi-1-1", "multi-1-2"), worker),
    }


async def test_a_group_of_one_has_no_worker_statefulset(sets: Sets) -> None:
    await sets.create(a_set("single", replicas=2, size=1))
    await sets.available("single")
    owned = await sets.owned("single")
    assert owned["statefulsets"] == ["single"]
    assert owned["pods"] == ["single-0", "single-1"]
    notes = [note for _, _, note in await sets.notes("single")]
    assert not [note for note in notes if "worker statefulset" in note]


async def test_no_groups_are_available_at_once(sets: Sets) -> None:
    await sets.create(a_set("none", replicas=0))
    await sets.available("none")
    assert ("Normal", "AllGroupsReady", "All replicas are ready, with 0 groups ready of total 0 groups") in (
        await sets.notes("none")
    )
    assert (await sets.statefulset("none"))["spec"]["replicas"] == 0


async def test_workers_wait_until_their_leader_is_ready(sets: Sets, kubelets: Kubelets) -> None:
    await kubelets.hold_starts(lambda pod: pod.key == (sets.namespace, "patient-1"))
    try:
        await sets.create(a_set("patient", replicas=2, size=3, startupPolicy="LeaderReady"))
        # Group 0 is complete while the leader of group 1 pulls its image: its workers do not exist.
        pods = await sets.when(
            "patient",
            what="group 0 to be ready and leader 1 to wait",
            holds=lambda pods: sum(map(is_ready, pods.values())) == 3 and "patient-1" in pods,
        )
        assert sorted(pods) == ["patient-0", "patient-0-1", "patient-0-2", "patient-1"]
        assert (await sets.owned("patient"))["statefulsets"] == ["patient", "patient-0"]
    finally:
        await kubelets.release_starts()
    await sets.available("patient")
    pods = await sets.pods("patient")
    for group in ("patient-0", "patient-1"):
        leader_ready = next(c for c in pods[group]["status"]["conditions"] if c["type"] == "Ready")
        for worker in (f"{group}-1", f"{group}-2"):
            assert pods[worker]["metadata"]["creationTimestamp"] >= leader_ready["lastTransitionTime"]


async def test_every_group_has_its_own_service_and_subdomain(sets: Sets) -> None:
    network = {"subdomainPolicy": "UniquePerReplica"}
    await sets.create(a_set("unique", replicas=2, size=2, networkConfig=network))
    await sets.available("unique")
    assert (await sets.owned("unique"))["services"] == ["unique-0", "unique-1"]
    pods = await sets.pods("unique")
    for group in (0, 1):
        leader = pods[f"unique-{group}"]
        service = await sets.api.get(core("services", sets.namespace, f"unique-{group}"))
        assert service["metadata"]["labels"] == {NAME: "unique"}
        assert service["spec"]["selector"] == {NAME: "unique", GROUP_INDEX: str(group)}
        assert service["spec"]["clusterIP"] == "None"
        [owner] = service["metadata"]["ownerReferences"]
        assert (owner["kind"], owner["uid"], owner["controller"]) == ("Pod", leader["metadata"]["uid"], True)
        for name in (f"unique-{group}", f"unique-{group}-1"):
            assert pods[name]["spec"]["subdomain"] == f"unique-{group}"
            assert pods[name]["spec"]["containers"][0]["env"][0] == {
                "name": "LWS_LEADER_ADDRESS",
                "value": f"unique-{group}.unique-{group}.{sets.namespace}",
            }
        assert leader["metadata"]["annotations"][f"{PREFIX}subdomainPolicy"] == "UniquePerReplica"
        assert (await sets.statefulset(f"unique-{group}"))["spec"]["serviceName"] == f"unique-{group}"
    assert (await sets.statefulset("unique"))["spec"]["serviceName"] == "unique"


async def test_the_service_of_a_group_comes_back_with_its_new_leader(sets: Sets, kubelets: Kubelets) -> None:
    """The old Service is still there when the new leader appears, and must not be taken for the new one's (D32)."""
    network = {"subdomainPolicy": "UniquePerReplica"}
    await sets.create(a_set("again", replicas=1, size=2, networkConfig=network))
    await sets.available("again")
    before = await sets.uids("again")
    await sets.api.delete(core("pods", sets.namespace, "again-0"))

    async def owned_by_the_new_leader() -> bool:
        leader, service = await asyncio.gather(
            sets.api.find(core("pods", sets.namespace, "again-0")),
            sets.api.find(core("services", sets.namespace, "again-0")),
        )
        if leader is None or service is None or leader["metadata"]["uid"] == before["again-0"]:
            return False
        [owner] = service["metadata"]["ownerReferences"]
        return bool(owner["uid"] == leader["metadata"]["uid"])

    await eventually(owned_by_the_new_leader, what="a Service that belongs to the new leader")
    await sets.available("again")
