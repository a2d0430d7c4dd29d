"""What users do and no suite of the reference tries (test catalogue 6.6): percentages, long names, claims."""

import asyncio
import json
from collections.abc import Callable

import pytest

from lws_events.decisions import RolloutStepped
from tests.controlplane.api import Json, core, eventually, leaderworkersets
from tests.controlplane.kubelets import Kubelets
from tests.e2e.controller import Controller
from tests.e2e.features.sets import GROUP_INDEX, Sets, a_set, a_template, is_ready

pytestmark = [pytest.mark.controlplane, pytest.mark.asyncio(loop_scope="session")]

SECOND = "example.test/main:2"


def rolling(unavailable: int | str, surge: int | str = 0) -> Json:
    return {"rollingUpdateConfiguration": {"maxUnavailable": unavailable, "maxSurge": surge}}


def is_of(image: str) -> Callable[[Json], bool]:
    return lambda pod: bool(pod["spec"]["containers"][0]["image"] == image)


async def change_template(sets: Sets, name: str) -> None:
    await sets.change(name, {"leaderWorkerTemplate": {"workerTemplate": a_template(SECOND)}})


async def test_a_rollout_by_percentages_beside_another_set(sets: Sets, controller: Controller) -> None:
    """A quarter of eight groups may be down, two more may be there; the other set of the namespace stays as it is."""
    await sets.create(a_set("quarters", replicas=8, rolloutStrategy=rolling("25%", "25%")))
    await sets.create(a_set("calm", replicas=2))
    await sets.available("quarters", "calm")
    calm, leader_set = await sets.uids("calm"), await sets.statefulset("calm")
    await change_template(sets, "quarters")
    ready, existing = [], []

    async def is_through() -> bool:
        pods = await sets.pods("quarters")
        groups: dict[str, list[Json]] = {}
        for pod in pods.values():
            groups.setdefault(pod["metadata"]["labels"][GROUP_INDEX], []).append(pod)
        ready.append(sum(len(each) == 2 and all(map(is_ready, each)) for each in groups.values()))
        existing.append(len(groups))
        return len(pods) == 16 and all(map(is_of(SECOND), pods.values()))

    await eventually(is_through, what="all groups to be of the second template", interval_seconds=0.02)
    await sets.available("quarters")
    assert (min(ready) >= 6, max(existing) <= 10) == (True, True), (ready, existing)
    steps = [fact for _, fact in await controller.decided(sets.namespace) if isinstance(fact, RolloutStepped)]
    assert max(step.replicas for step in steps) == 10
    assert await sets.uids("calm") == calm
    assert (await sets.statefulset("calm"))["metadata"]["resourceVersion"] == leader_set["metadata"]["resourceVersion"]


async def test_the_longest_names_that_are_not_warned_of_work(sets: Sets) -> None:
    """Names of 50 and 52 characters; with one character more Kubernetes cannot label the pods of ten groups."""

    async def warnings(manifest: Json) -> tuple[str, ...]:
        return await _warnings(sets, manifest)

    pairs, singles = a_set("p" * 50, replicas=2, size=2), a_set("s" * 52, replicas=2, size=1)
    assert await warnings(pairs) == await warnings(singles) == ()
    too_long = a_set("t" * 53, size=1)
    [warning] = await warnings(too_long)
    assert "metadata.name" in warning
    for manifest in (pairs, singles, too_long):
        await sets.create(manifest)
    await sets.available("p" * 50, "s" * 52)
    assert await sets.pods("t" * 53) == {}, "the warning is no false alarm"


async def _warnings(sets: Sets, manifest: Json) -> tuple[str, ...]:
    code, answer, found = await sets.api.exchange(
        "POST", leaderworkersets(sets.namespace), body=json.dumps(manifest).encode(), params={"dryRun": "All"}
    )
    assert code == 201, answer
    return found


async def test_d20_a_scale_that_the_webhook_would_refuse_blocks_nothing(sets: Sets) -> None:
    """An autoscaler leaves so few groups that a quarter of them is none (V11): updates go on one by one (D19)."""
    await sets.create(a_set("shrunk", replicas=4, rolloutStrategy=rolling("25%")))
    await sets.available("shrunk")
    await sets.scale("shrunk", 2)
    await sets.available("shrunk")
    await change_template(sets, "shrunk")
    await sets.when("shrunk", what="the second template", holds=lambda pods: all(map(is_of(SECOND), pods.values())))
    await sets.available("shrunk")
    await sets.api.delete(leaderworkersets(sets.namespace, "shrunk"), propagation="Foreground")
    await eventually(lambda: _is_gone(sets, "shrunk"), what="the set to be removed")


async def _is_gone(sets: Sets, *names: str) -> bool:
    return not any([await sets.owned(name) for name in names])


async def test_sets_that_are_deleted_in_the_middle_of_a_rollout(sets: Sets, kubelets: Kubelets) -> None:
    """Nothing is created again meanwhile, and the ends of their pods are no failures (issue 523)."""
    names = {"fore": "Foreground", "back": "Background"}
    await asyncio.gather(*(sets.create(a_set(name, replicas=3, rolloutStrategy=rolling(1, 1))) for name in names))
    await sets.available(*names)
    await kubelets.hold_starts(lambda pod: pod.metadata.namespace == sets.namespace)
    try:
        for name in names:
            await change_template(sets, name)
        for name in names:
            await sets.when(name, what="a surge group", holds=lambda pods: any(map(is_of(SECOND), pods.values())))
        for name, propagation in names.items():
            await sets.api.delete(leaderworkersets(sets.namespace, name), propagation=propagation)
        await eventually(lambda: _is_gone(sets, *names), what="both sets to be removed")
    finally:
        await kubelets.release_starts()
    for name in names:
        assert [note for note in await sets.notes(name) if note[0] == "Warning" or note[1] == "RecreateGroup"] == []


async def test_groups_with_services_of_their_own_are_scaled_down(sets: Sets) -> None:
    await sets.create(a_set("unique", replicas=3, networkConfig={"subdomainPolicy": "UniquePerReplica"}))
    await sets.available("unique")
    stays = await sets.uids("unique", group=0)
    await sets.scale("unique", 1)

    async def services() -> bool:
        return (await sets.owned("unique")).get("services") == ["unique-0"]

    await eventually(services, what="the Services of the groups that are gone to go as well")
    await sets.available("unique")
    assert await sets.uids("unique") == stays


async def test_claims_are_made_kept_and_removed_as_their_policy_says(sets: Sets) -> None:
    """``whenScaled`` concerns leaders' claims alone, ``whenDeleted`` workers' at each end of their group (D38)."""
    claim = {
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    template = {
        "volumeClaimTemplates": [claim],
        "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Delete", "whenScaled": "Delete"},
    }
    await sets.create(a_set("kept", replicas=2, template={"volumeClaimTemplates": [claim]}))
    await sets.create(a_set("removed", replicas=2, template=template))
    every = {f"data-{name}-{pod}" for name in ("kept", "removed") for pod in ("0", "0-1", "1", "1-1")}
    await _claims(sets, every)
    for name in ("kept", "removed"):
        await sets.scale(name, 1)
    await _claims(sets, every - {"data-removed-1", "data-removed-1-1"})
    for name in ("kept", "removed"):
        await sets.api.delete(leaderworkersets(sets.namespace, name), propagation="Foreground")
    await _claims(sets, {name for name in every if name.startswith("data-kept-")})


async def _claims(sets: Sets, wanted: set[str]) -> None:
    async def are_there() -> bool:
        found = await sets.api.items(core("persistentvolumeclaims", sets.namespace))
        return {each["metadata"]["name"] for each in found} == wanted

    await eventually(are_there, what=f"the claims {sorted(wanted)}")
