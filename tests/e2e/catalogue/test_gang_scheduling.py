"""PodGroups of groups whose pods somebody else makes, on the way through a rollout (catalogue C117, C118)."""

import pytest

from tests.controlplane.api import Json, core
from tests.controlplane.volcano import SCHEDULER, pod_groups
from tests.e2e.catalogue.cases import Case
from tests.e2e.catalogue.checks import A_PLUS, DONE, P_PLUS, U_PLUS, Check, expect, part
from tests.e2e.catalogue.conftest import Play
from tests.e2e.catalogue.definition import LEADER_SPEC, WORKER_SPEC, worker_name
from tests.e2e.features.sets import REVISION_KEY

pytestmark = [pytest.mark.controlplane, pytest.mark.asyncio(loop_scope="session")]

GANG: dict[str, Json] = {
    "leader": {**LEADER_SPEC, "schedulerName": SCHEDULER},
    "worker": {**WORKER_SPEC, "schedulerName": SCHEDULER},
}


def PG(count: int) -> Check:
    """The PodGroups of the key that the leader StatefulSet has now: so many, each owned by its leader and complete."""

    async def check(case: Case) -> str:
        key = await key_now(case)
        labels = f"leaderworkerset.sigs.k8s.io/name={case.name},{REVISION_KEY}={key}"
        found = await case.api.items(pod_groups(case.namespace), labels=labels)
        if len(found) != count:
            return f"{len(found)} PodGroups of key {key}, wanted {count}"
        size = (await case.lws())["spec"]["leaderWorkerTemplate"]["size"]
        for group in range(count):
            if difference := await PG1(group)(case):
                return difference
            spec = (await case.api.get(pod_groups(case.namespace, f"{case.name}-{group}-{key}")))["spec"]
            if (spec["minMember"], spec["minResources"]) != (size, {}):
                return f"PodGroup of group {group} has spec {spec}"
        return ""

    return check


def PG1(group: int) -> Check:
    """The PodGroup of a group exists, and its present leader owns it."""

    async def check(case: Case) -> str:
        name = f"{case.name}-{group}-{await key_now(case)}"
        found, leader = await case.api.find(pod_groups(case.namespace, name)), await case.leader_pod(group)
        if found is None or leader is None:
            return f"PodGroup {name} or its leader pod is not there"
        owner = {"apiVersion": "v1", "kind": "Pod", "name": leader["metadata"]["name"], "controller": True}
        wanted = {**owner, "uid": leader["metadata"]["uid"], "blockOwnerDeletion": True}
        owners = found["metadata"]["ownerReferences"]
        return "" if owners == [wanted] else f"owners of PodGroup {name}: {owners}, wanted {wanted}"

    return check


async def key_now(case: Case) -> str:
    """The revision key on the leader StatefulSet."""
    key: str = (await case.leader_set())["metadata"]["labels"][REVISION_KEY]
    return key


async def swap(case: Case, group: int) -> None:
    """One group is updated: its leader pod is replaced, and its PodGroup collected."""
    await case.api.delete(core("pods", case.namespace, f"{case.name}-{group}"))
    await case.api.delete(pod_groups(case.namespace, f"{case.name}-{group}-{await key_now(case)}"))
    await case.pods(group, group + 1)


@pytest.mark.catalogue("C117")
async def test_a_pod_group_for_each_group(play: Play) -> None:
    case = await play(name="test-gang-basic", replicas=2, **GANG)
    await expect(case, PG(2))


@pytest.mark.catalogue("C118")
async def test_a_rolling_update_makes_new_pod_groups(play: Play) -> None:
    case = await play(name="test-gang-rolling", replicas=3, **GANG)
    await expect(case, PG(3))
    await case.ready_all(3)
    await expect(case, A_PLUS, part(0), PG(3))
    await case.update(worker_name("new-worker-name"))
    await expect(case, P_PLUS, U_PLUS, part(2))
    for group, partition in ((2, 1), (1, 0)):
        await swap(case, group)
        await case.ready(group)
        await expect(case, PG1(group), part(partition))
    await swap(case, 0)
    await case.ready(0)
    await expect(case, PG1(0), DONE)
