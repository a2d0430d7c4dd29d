"""Groups come and go with the number asked for, and nothing is left of a deleted set (spec 2.1, traces 5.10, 5.17)."""

from collections.abc import Callable

import pytest

from tests.controlplane.api import Json, core, eventually, leaderworkersets
from tests.e2e.features.sets import PREFIX, Sets, a_set

pytestmark = [pytest.mark.controlplane, pytest.mark.asyncio(loop_scope="session")]


async def test_scaling_3_5_2_0_3(sets: Sets) -> None:
    await sets.create(a_set("elastic", replicas=3, size=2))
    await sets.available("elastic")
    first = await sets.uids("elastic")
    for replicas in (5, 2, 0, 3):
        await sets.scale("elastic", replicas)
        await sets.available("elastic")
        wanted = sorted(f"elastic-{i}{w}" for i in range(replicas) for w in ("", "-1"))
        await sets.when("elastic", what=f"{replicas} groups", holds=_are(wanted))
        leader_set = await sets.statefulset("elastic")
        assert leader_set["spec"]["replicas"] == replicas
        assert leader_set["metadata"]["annotations"][f"{PREFIX}replicas"] == str(replicas)
        if replicas > 0 and replicas != 3:
            now = await sets.uids("elastic")
            kept = {name: uid for name, uid in first.items() if name in now}
            assert {name: now[name] for name in kept} == kept, "groups that stay must not be touched"
    notes = [note for _, _, note in await sets.notes("elastic")]
    assert notes.count("deleting surge replicas from elastic-2 to elastic-4") == 1
    assert notes.count("deleting surge replicas from elastic-0 to elastic-1") == 1
    assert len(await sets.revisions("elastic")) == 1


def _are(names: list[str]) -> Callable[[dict[str, Json]], bool]:
    return lambda pods: sorted(pods) == names


@pytest.mark.parametrize("propagation", ["Background", "Foreground"])
async def test_a_deleted_set_leaves_nothing_behind(propagation: str, sets: Sets) -> None:
    unique = {"subdomainPolicy": "UniquePerReplica"}
    await sets.create(a_set("short", replicas=2, size=3))
    await sets.create(a_set("lived", replicas=2, size=3, networkConfig=unique))
    await sets.available("short", "lived")
    for name in ("short", "lived"):
        await sets.api.delete(leaderworkersets(sets.namespace, name), propagation=propagation)

    async def gone() -> bool:
        return not await sets.owned("short") and not await sets.owned("lived")

    await eventually(gone, what="everything of both sets to be removed")
    for name in ("short", "lived"):
        assert not await sets.notes(name, reason="RecreateGroup"), "a deleted set's pods are no failures"


async def test_a_set_of_the_same_name_follows_at_once(sets: Sets) -> None:
    """The old objects are still on their way out when the new set comes (spec D37)."""
    await sets.create(a_set("phoenix", replicas=2, size=2))
    await sets.available("phoenix")
    old = set((await sets.uids("phoenix")).values())
    await sets.api.delete(leaderworkersets(sets.namespace, "phoenix"), propagation="Background")
    await sets.create(a_set("phoenix", replicas=2, size=2))
    await sets.when(
        "phoenix",
        what="four new pods",
        holds=lambda pods: len(pods) == 4 and not old & {pod["metadata"]["uid"] for pod in pods.values()},
    )
    [lws] = await sets.available("phoenix")
    service = await sets.api.get(core("services", sets.namespace, "phoenix"))
    for owned in (await sets.statefulset("phoenix"), service, *(await sets.revisions("phoenix"))):
        assert owned["metadata"]["ownerReferences"][0]["uid"] == lws["metadata"]["uid"]
    assert not [note for type_, _, note in await sets.notes("phoenix") if type_ == "Warning"]
