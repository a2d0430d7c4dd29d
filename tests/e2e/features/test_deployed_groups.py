"""Sets are deployed, resized, damaged and deleted on a whole cluster (catalogue E1, E3, E8, E10–E13, E15, E16)."""

import pytest

from tests.controlplane.api import Json, core, leaderworkersets, statefulsets
from tests.e2e.catalogue.cases import Case
from tests.e2e.catalogue.checks import A_PLUS, VL, expect, now
from tests.e2e.catalogue.definition import NONE, ON_POD_RESTART, size, subdomain
from tests.e2e.features.sets import GROUP_INDEX, PREFIX, WORKER_INDEX
from tests.e2e.features.whole_groups import (
    LABELLED,
    LT,
    TT,
    VP,
    WT,
    Create,
    assert_ids,
    pods_annotated,
    pods_of,
    tpu_environment,
)

pytestmark = [pytest.mark.controlplane, pytest.mark.asyncio(loop_scope="session")]


@pytest.mark.catalogue("E1")
async def test_replicas_size_and_restart_policy(create: Create) -> None:
    case = await create(replicas=4, size=5, restart=NONE)
    await expect(case, A_PLUS)
    assert len(await case.api.items(statefulsets(case.namespace))) == 5
    await expect(case, VP)
    await now(case, LABELLED)
    spec = (await case.lws())["spec"]
    template = spec["leaderWorkerTemplate"]
    assert (spec["replicas"], template["size"], template["restartPolicy"]) == (4, 5, "None")


@pytest.mark.catalogue("E3")
async def test_foreground_deletion(create: Create) -> None:
    case = await create()
    await expect(case, A_PLUS)
    await case.api.delete(leaderworkersets(case.namespace, case.name), propagation="Foreground")

    async def gone(case: Case) -> str:
        found = await case.api.find(leaderworkersets(case.namespace, case.name))
        return "the set is still there" if found else ""

    await expect(case, gone)


@pytest.mark.catalogue("E8")
async def test_subgroups(create: Create) -> None:
    case = await create(replicas=2, size=4, subgroup_size=2, leader=LT, worker=WT)
    await expect(case, VP)
    await now(case, LABELLED, pods_annotated("subgroup-size", "2"))
    for pod in await pods_of(case):
        assert tpu_environment(pod)
        assert pod["metadata"]["labels"][f"{PREFIX}subgroup-index"] in ("0", "1")


@pytest.mark.catalogue("E10")
async def test_tpu_environment(create: Create) -> None:
    case = await create(replicas=2, size=4, leader=LT, worker=WT)
    await expect(case, VP)
    for pod in await pods_of(case):
        assert tpu_environment(pod)


@pytest.mark.catalogue("E11")
async def test_two_containers_with_tpus(create: Create) -> None:
    case = await create(replicas=2, size=2, leader=TT, worker=TT)
    await expect(case, VP)
    pods = await pods_of(case)
    for pod in pods:
        leader = f"{case.name}-{pod['metadata']['labels'][GROUP_INDEX]}"
        domain = pod["spec"]["subdomain"]
        assert_ids(pod, f"{leader}.{domain},{leader}.{domain},{leader}-1.{domain},{leader}-1.{domain}")
    numbers = {
        (pod["metadata"]["labels"][WORKER_INDEX], env["TPU_WORKER_ID"], env["TPU_PROCESS_PORT"])
        for pod in pods
        for env in tpu_environment(pod)
    }
    assert numbers == {("0", "0", "8476"), ("0", "1", "8477"), ("1", "2", "8476"), ("1", "3", "8477")}


@pytest.mark.catalogue("E12")
async def test_resize(create: Create) -> None:
    case = await create(replicas=2, size=2)
    await expect(case, VL(2), A_PLUS)
    await case.update(size(3))
    await expect(case, A_PLUS, VP, pods_annotated("size", "3"))
    assert len(await pods_of(case)) == 6


@pytest.mark.catalogue("E13")
async def test_subdomain_policy_there_and_back(create: Create) -> None:
    """Each change is a new revision: the pods are made anew."""
    case = await create(replicas=1, size=2, leader=LT, worker=WT)
    await expect(case, VP)
    for policy, domain in (("UniquePerReplica", "test-sample-0"), ("Shared", "test-sample")):
        before = {pod["metadata"]["uid"] for pod in await pods_of(case)}
        await case.update(subdomain(policy))
        await expect(case, VP)
        pods = await pods_of(case)
        assert not before & {pod["metadata"]["uid"] for pod in pods}
        for pod in pods:
            assert_ids(pod, f"test-sample-0.{domain},test-sample-0-1.{domain}")


@pytest.mark.catalogue("E15")
async def test_no_tpu_environment_without_tpus(create: Create) -> None:
    case = await create(replicas=2, size=2)
    await expect(case, VP)
    for pod in await pods_of(case):
        assert tpu_environment(pod) == []


@pytest.mark.catalogue("E16")
async def test_the_loss_of_a_worker_recreates_the_group(create: Create) -> None:
    case = await create(replicas=1, size=3, restart=ON_POD_RESTART)
    await expect(case, A_PLUS, VP)
    old = {pod["metadata"]["uid"] for pod in await pods_of(case)}
    await case.api.delete(core("pods", case.namespace, "test-sample-0-1"))

    async def renewed(case: Case) -> str:
        pods: list[Json] = await case.api.items(core("pods", case.namespace))
        kept = [pod["metadata"]["name"] for pod in pods if pod["metadata"]["uid"] in old]
        return "" if len(pods) == 3 and not kept else f"{len(pods)} pods, of these old: {kept}"

    await expect(case, renewed)
