"""Sets are created, scaled and repaired while somebody else makes the pods (catalogue C1–C14, C17)."""

import pytest

from lws_events.names import EXCLUSIVE_TOPOLOGY
from tests.controlplane.api import core, leaderworkersets, statefulsets
from tests.e2e.catalogue.cases import Case
from tests.e2e.catalogue.checks import A_PLUS, SVC, VL, VW, VW0, ev, expect, now
from tests.e2e.catalogue.conftest import Play
from tests.e2e.catalogue.definition import replicas

pytestmark = [pytest.mark.controlplane, pytest.mark.asyncio(loop_scope="session")]


@pytest.mark.catalogue("C1")
async def test_scale_up(play: Play) -> None:
    case = await play(replicas=2)
    await case.update(replicas(3))
    await case.pods(2, 3)
    await expect(case, VL(3), VW)


@pytest.mark.catalogue("C2")
async def test_scale_down(play: Play) -> None:
    case = await play(replicas=4)
    await case.update(replicas(3))
    await case.drop_excess()
    await expect(case, VL(3), VW)


@pytest.mark.catalogue("C3")
async def test_scale_to_zero(play: Play) -> None:
    case = await play(replicas=2)
    await case.update(replicas(0))
    await case.drop_excess()
    await expect(case, VL(0), VW, VW0)


@pytest.mark.catalogue("C4")
async def test_scale_up_from_zero(play: Play) -> None:
    case = await play(replicas=0)
    await case.update(replicas(3))
    await case.pods(0, 3)
    await expect(case, VL(3), VW)


@pytest.mark.catalogue("C5")
async def test_groups_of_one_pod(play: Play) -> None:
    case = await play(size=1)
    await expect(case, VL(2), VW, VW0)
    await case.leaders_ready(0, 2)
    await expect(case, A_PLUS)


@pytest.mark.catalogue("C6")
async def test_created_with_zero_replicas(play: Play) -> None:
    case = await play(replicas=0)
    await expect(case, VL(0), VW)


@pytest.mark.catalogue("C7")
async def test_plain_creation(play: Play) -> None:
    case = await play()
    assert await case.statefulset() is not None
    await expect(case, ev("GroupsProgressing", "Created leader statefulset test-sample"))
    for pod in ("test-sample-0", "test-sample-1"):
        await expect(case, ev("GroupsProgressing", f"Created worker statefulset for leader pod {pod}"))
    await expect(case, VL(2), VW)


@pytest.mark.catalogue("C8")
async def test_a_deleted_worker_statefulset_comes_back(play: Play) -> None:
    case = await play()
    await expect(case, VL(2), VW)
    before = await case.statefulset(0)
    assert before is not None
    await case.api.delete(statefulsets(case.namespace, "test-sample-0"), uid=before["metadata"]["uid"])
    await expect(case, VL(2), VW)
    after, leader = await case.statefulset(0), await case.leader_pod(0)
    assert after is not None
    assert after["metadata"]["uid"] != before["metadata"]["uid"]
    assert leader is not None
    assert "deletionTimestamp" not in leader["metadata"], "the group is not restarted for it (6.4, 2)"


@pytest.mark.catalogue("C9")
async def test_a_headless_service(play: Play) -> None:
    await expect(await play(), SVC(1))


@pytest.mark.catalogue("C10")
async def test_a_deleted_service_comes_back(play: Play) -> None:
    case = await play()
    await expect(case, SVC(1))
    assert await case.api.delete(core("services", case.namespace, "test-sample")) is not None
    await expect(case, SVC(1))


@pytest.mark.catalogue("C11")
async def test_one_service_per_group(play: Play) -> None:
    case = await play(subdomain="UniquePerReplica")
    await expect(case, SVC(2))
    assert await case.api.find(core("services", case.namespace, "test-sample")) is None


@pytest.mark.catalogue("C12")
async def test_a_deleted_leader_statefulset_comes_back(play: Play) -> None:
    case = await play()
    before = await case.leader_set()
    await case.api.delete(statefulsets(case.namespace, "test-sample"))
    await expect(case, VL(2))
    after = await case.leader_set()
    # Nobody collects the leader pods, whose owner is gone: the new one must be valid nevertheless (6.4, 8).
    assert after["metadata"]["uid"] != before["metadata"]["uid"]


async def _reads_as_the_set(case: Case) -> None:
    scale = await case.api.get(f"{leaderworkersets(case.namespace, case.name)}/scale")
    lws = await case.lws()
    assert scale["spec"]["replicas"] == lws["spec"]["replicas"] == 2
    assert scale["status"]["replicas"] == lws["status"].get("replicas", 0)
    await expect(case, _has_the_selector)
    scale = await case.api.get(f"{leaderworkersets(case.namespace, case.name)}/scale")
    assert scale["status"]["selector"] == (await case.lws())["status"]["hpaPodSelector"]


async def _has_the_selector(case: Case) -> str:
    found = (await case.lws()).get("status", {}).get("hpaPodSelector")
    wanted = "leaderworkerset.sigs.k8s.io/name=test-sample,leaderworkerset.sigs.k8s.io/worker-index=0"
    return "" if found == wanted else f"hpaPodSelector {found}, wanted {wanted}"


@pytest.mark.catalogue("C13")
async def test_the_scale_subresource_reads_as_the_set(play: Play) -> None:
    case = await play()
    await expect(case, _has_the_selector)
    await _reads_as_the_set(case)


@pytest.mark.catalogue("C14")
async def test_the_scale_subresource_scales_the_set(play: Play) -> None:
    case = await play()
    await expect(case, _has_the_selector)
    await _reads_as_the_set(case)
    path = f"{leaderworkersets(case.namespace, case.name)}/scale"
    scale = await case.api.get(path)
    scale["spec"]["replicas"] = 3
    await case.api.call("PUT", path, scale)
    assert (await case.lws())["spec"]["replicas"] == 3
    await expect(case, VL(3))


@pytest.mark.catalogue("C17")
async def test_exclusive_placement_waits_until_leaders_are_scheduled(play: Play) -> None:
    topology = "cloud.google.com/gke-nodepool"
    case = await play(annotations={EXCLUSIVE_TOPOLOGY: topology})
    await expect(case, VL(2))
    template = (await case.leader_set())["spec"]["template"]
    assert template["metadata"]["annotations"][EXCLUSIVE_TOPOLOGY] == topology
    # Once a later change of the set has been carried out, both pods have long been looked at.
    await case.update(replicas(3))
    await expect(case, VL(3))
    await now(case, VW0)
