"""Gang scheduling on a real control plane, with a scheduler that places a group at once or not at all (spec 4.9).

The controller is told to leave pods of other schedulers alone, and starts before the API server serves PodGroups.
"""

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
import pytest_asyncio
import yaml

from tests.controlplane import nodes
from tests.controlplane.api import Api, ApiError, Json, core, eventually, leaderworkersets
from tests.controlplane.cluster import ControlPlane
from tests.controlplane.fixtures import create_namespace, remove_namespace
from tests.controlplane.installation import remove_webhooks
from tests.controlplane.kubelets import Kubelets
from tests.controlplane.volcano import SCHEDULER, GangScheduler, install_pod_groups, pod_groups, remove_pod_groups
from tests.e2e.controller import Controller
from tests.e2e.features.sets import NAME, REVISION_KEY, Sets, a_set, a_template

pytestmark = [pytest.mark.controlplane, pytest.mark.asyncio(loop_scope="module")]

ACCOUNT: Final = "lws-controller-manager"
COMPONENT: Final = Path(__file__).parents[2] / "deploy" / "components" / "volcano" / "cluster-role.yaml"
RBAC: Final = "/apis/rbac.authorization.k8s.io/v1"
GANG: Final = ("--gang-scheduler-provider", "volcano", "--gang-match-scheduler-name")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def admin(control_plane: ControlPlane) -> AsyncIterator[Api]:
    """An administrator's client."""
    async with control_plane.api() as client:
        yield client


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def controller(
    control_plane: ControlPlane, admin: Api, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Controller]:
    """A controller with the provider, its webhooks, nodes and the scheduler. Its journal is verified at the end."""
    directory = tmp_path_factory.mktemp("gang")
    running = Controller(admin, kubeconfig=control_plane.kubeconfig, directory=directory, arguments=GANG)
    try:
        await running.start()
        await running.register_webhooks()
        async with (
            Kubelets(control_plane.connection, nodes.racks(2, nodes_per_rack=2)),
            GangScheduler(admin),
        ):
            yield running
            await running.verify()
        await running.stop()
    finally:
        await running.kill()
        await remove_webhooks(admin)
        await remove_pod_groups(admin)


@pytest_asyncio.fixture(loop_scope="module")
async def bare_sets(admin: Api, controller: Controller) -> AsyncIterator[Sets]:
    """The sets of a fresh namespace; whether PodGroups are served is left as it is."""
    assert controller.running()
    name = await create_namespace(admin)
    yield Sets(admin, name)
    await remove_namespace(admin, name)


@pytest_asyncio.fixture(loop_scope="module")
async def sets(bare_sets: Sets, admin: Api, controller: Controller) -> Sets:
    """The sets of a fresh namespace, with PodGroups served and followed."""
    await install_pod_groups(admin)
    await eventually(lambda: _followed(controller), what="PodGroups to be followed")
    return bare_sets


def gang_set(name: str, *, size: int, replicas: int = 2, image: str = "example.test/main:1", **spec: Any) -> Json:
    """A set whose pods wait for the gang scheduler."""
    return a_set(name, replicas=replicas, size=size, template={"workerTemplate": gang_template(image)}, **spec)


def gang_template(image: str = "example.test/main:1") -> Json:
    template = a_template(image, schedulerName=SCHEDULER)
    template["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "10m"}, "limits": {"memory": "16Mi"}}
    return template


async def _followed(controller: Controller) -> bool:
    return "gang-scheduling" not in await controller.readiness()


async def has_pod_groups(sets: Sets, name: str, *, replicas: int, members: int, size: int) -> bool:
    """``PG(n)``: the groups' PodGroups of the present revision, each owned by its leader."""
    key = (await sets.statefulset(name))["metadata"]["labels"][REVISION_KEY]
    found = await sets.api.items(pod_groups(sets.namespace), labels=f"{NAME}={name},{REVISION_KEY}={key}")
    if sorted(one["metadata"]["name"] for one in found) != [f"{name}-{index}-{key}" for index in range(replicas)]:
        return False
    pods = await sets.pods(name)
    for index, one in enumerate(sorted(found, key=lambda one: str(one["metadata"]["name"]))):
        leader = pods.get(f"{name}-{index}")
        [owner] = one["metadata"]["ownerReferences"]
        if leader is None or owner["uid"] != leader["metadata"]["uid"]:
            return False
        assert (owner["apiVersion"], owner["kind"], owner["controller"]) == ("v1", "Pod", True)
        assert one["spec"]["minMember"] == members
        assert one["spec"]["minResources"] == {"cpu": f"{10 * size}m", "memory": f"{16 * size}Mi"}
    return True


async def expect_pod_groups(sets: Sets, name: str, **expected: int) -> None:
    await eventually(lambda: has_pod_groups(sets, name, **expected), what=f"the PodGroups of {name}: {expected}")


async def test_without_the_crd_it_is_told_and_others_go_on(bare_sets: Sets, admin: Api, controller: Controller) -> None:
    sets = bare_sets
    await remove_pod_groups(admin)
    await sets.create(gang_set("waits", size=2, replicas=1))
    await sets.create(a_set("other", size=2, replicas=1))
    await sets.available("other")

    async def told() -> list[str]:
        notes = await sets.notes("waits", reason="FailedCreate")
        return [note for type_, _, note in notes if type_ == "Warning" and "does not serve podgroups" in note]

    assert await eventually(told, what="the Warning about PodGroups")
    await eventually(lambda: _is_told(controller), what="readiness to tell it")
    assert sorted(await sets.pods("waits")) == ["waits-0"], "workers do not come before their PodGroup"

    await install_pod_groups(admin)
    await sets.available("waits")
    await eventually(lambda: _followed(controller), what="PodGroups to be followed")


async def _is_told(controller: Controller) -> bool:
    return "[!]gang-scheduling: " in await controller.readiness()


@pytest.mark.catalogue("E18")
async def test_workers_that_start_with_their_leader_are_placed_with_it(sets: Sets, controller: Controller) -> None:
    await sets.create(gang_set("together", size=4))
    await sets.available("together")
    await expect_pod_groups(sets, "together", replicas=2, members=4, size=4)
    assert len(await sets.pods("together")) == 8
    shown = await controller.ask("status", f"{sets.namespace}/together")
    assert {group["pod_group_phase"] for group in shown["groups"]} <= {"Pending", "Running"}

    async def phases() -> bool:
        row = await controller.ask("status", f"{sets.namespace}/together")
        return [group["pod_group_phase"] for group in row["groups"]] == ["Running", "Running"]

    await eventually(phases, what="the status to tell what the scheduler says")
    entries = await controller.ask("timeline", f"{sets.namespace}/together", "--group", "0")
    assert [entry["what"] for entry in entries if entry["what"].startswith("asks: create PodGroup together-0-")]


@pytest.mark.catalogue("E19")
async def test_a_leader_that_must_be_ready_first_is_placed_alone(sets: Sets) -> None:
    await sets.create(gang_set("leader-first", size=4, startupPolicy="LeaderReady"))
    await sets.available("leader-first")
    await expect_pod_groups(sets, "leader-first", replicas=2, members=1, size=4)
    assert len(await sets.pods("leader-first")) == 8


@pytest.mark.catalogue("E20")
async def test_pod_groups_go_with_their_set(sets: Sets) -> None:
    await sets.create(gang_set("going", size=2, replicas=1))
    await sets.available("going")
    await expect_pod_groups(sets, "going", replicas=1, members=2, size=2)
    await sets.api.delete(leaderworkersets(sets.namespace, "going"), propagation="Foreground")

    async def gone() -> bool:
        return not await sets.api.items(pod_groups(sets.namespace), labels=f"{NAME}=going")

    await eventually(gone, what="the PodGroups to be collected")


@pytest.mark.catalogue("E21")
async def test_pod_groups_follow_the_size(sets: Sets) -> None:
    await sets.create(gang_set("growing", size=2))
    await sets.available("growing")
    await expect_pod_groups(sets, "growing", replicas=2, members=2, size=2)
    await sets.change("growing", {"leaderWorkerTemplate": {"size": 4}})
    await sets.available("growing")
    await expect_pod_groups(sets, "growing", replicas=2, members=4, size=4)
    pods = await sets.when("growing", what="eight pods", holds=lambda pods: len(pods) == 8)
    sizes = {pod["metadata"]["annotations"]["leaderworkerset.sigs.k8s.io/size"] for pod in pods.values()}
    assert sizes == {"4"}


@pytest.mark.catalogue("E22")
async def test_pod_groups_follow_the_template(sets: Sets) -> None:
    await sets.create(gang_set("changing", size=3))
    await sets.available("changing")
    before = {one["metadata"]["name"] for one in await sets.api.items(pod_groups(sets.namespace))}
    await sets.change("changing", {"leaderWorkerTemplate": {"workerTemplate": gang_template("example.test/main:2")}})
    await sets.available("changing")
    await expect_pod_groups(sets, "changing", replicas=2, members=3, size=3)

    async def replaced() -> bool:
        return not before & {one["metadata"]["name"] for one in await sets.api.items(pod_groups(sets.namespace))}

    await eventually(replaced, what="the PodGroups of the old revision to be collected")


async def test_a_recreated_group_gets_its_own_although_the_name_is_the_same(sets: Sets) -> None:
    """D32, report 1054: what is left of the old leader must not be taken for the new one's."""
    await sets.create(gang_set("again", size=3, replicas=1))
    await sets.available("again")
    for propagation in ("Background", "Foreground"):
        old = set((await sets.uids("again")).values())
        await sets.api.delete(core("pods", sets.namespace, "again-0"), propagation=propagation, grace_seconds=0)
        await sets.when("again", what="three new pods", holds=partial(_are_three_others, old))
        await sets.available("again")
        await expect_pod_groups(sets, "again", replicas=1, members=3, size=3)


def _are_three_others(old: set[str], pods: dict[str, Json]) -> bool:
    return len(pods) == 3 and not old & {pod["metadata"]["uid"] for pod in pods.values()}


async def test_pods_of_other_schedulers_are_left_alone(sets: Sets) -> None:
    await sets.create(a_set("plain", size=2, replicas=1))
    await sets.available("plain")
    assert not await sets.api.items(pod_groups(sets.namespace), labels=f"{NAME}=plain")
    for pod in (await sets.pods("plain")).values():
        assert "scheduling.k8s.io/group-name" not in pod["metadata"]["annotations"]


async def test_the_component_gives_the_rights_that_are_used_and_no_more(
    sets: Sets, admin: Api, control_plane: ControlPlane
) -> None:
    await admin.create(core("serviceaccounts", sets.namespace), {"metadata": {"name": ACCOUNT}})
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 600}}
    issued = await admin.call("POST", core("serviceaccounts", sets.namespace, ACCOUNT) + "/token", request)
    connection = control_plane.connection._replace(token=issued["status"]["token"])
    group = {"apiVersion": "scheduling.volcano.sh/v1beta1", "kind": "PodGroup", "metadata": {"name": "one"}}
    path = pod_groups(sets.namespace)
    text = COMPONENT.read_text().replace("lws-system", sets.namespace)
    manifests = {f"{RBAC}/{one['kind'].lower()}s/{one['metadata']['name']}": one for one in yaml.safe_load_all(text)}
    async with Api(connection) as account:
        with pytest.raises(ApiError) as refused:
            await account.call("POST", path, group)
        assert refused.value.code == 403
        try:
            for where, manifest in manifests.items():
                await admin.apply(where, manifest)
            await eventually(lambda: _created(account, path, group), what="the rights to be effective")
            assert len(await account.items(path)) == 1
            await account.get(f"{path}/one")
            for method in ("DELETE", "PUT"):
                with pytest.raises(ApiError) as refused:
                    await account.call(method, f"{path}/one", group if method == "PUT" else None)
                assert refused.value.code == 403, method
        finally:
            for where in manifests:
                await admin.delete(where)


async def _created(account: Api, path: str, manifest: Json) -> Json | None:
    try:
        return await account.create(path, manifest)
    except ApiError as error:
        if error.code != 403:
            raise
        return None
