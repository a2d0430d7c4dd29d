"""Groups that fail again and again on a real control plane: back-off, a restart in the middle, keeping, resuming.

What it means is in docs/annotations.md. Each set has two groups of two; group 1 crashes, group 0 shows that nothing of
this concerns another group.
"""

from typing import Any, Final

import pytest

from lws_events import names
from lws_events.decisions import FailureLeftAlone, GroupKept, GroupRecreationPostponed, GroupRecreationStarted
from tests.controlplane.api import ApiError, Json, core, eventually
from tests.controlplane.kubelets import Kubelets
from tests.e2e.controller import Controller
from tests.e2e.features.sets import Sets, a_set, a_template, is_ready

pytestmark = [pytest.mark.controlplane, pytest.mark.asyncio(loop_scope="session")]

MARK: Final = names.KEPT_FOR_DEBUGGING
STATUS_FIELDS: Final = {
    "conditions",
    "hpaPodSelector",
    "observedGeneration",
    "readyReplicas",
    "replicas",
    "updatedReplicas",
}


def a_loop(name: str, **annotations: str) -> Json:
    """A set with annotations of ours, ``_`` written for ``-``."""
    own = {f"{names.OWN_PREFIX}{key.replace('_', '-')}": value for key, value in annotations.items()}
    return a_set(name, replicas=2, size=2, annotations=own)


class Crashes:
    """Crashes the worker of group 1 of a set and waits for what comes of it."""

    def __init__(self, sets: Sets, kubelets: Kubelets, controller: Controller, name: str) -> None:
        self._sets = sets
        self._kubelets = kubelets
        self._controller = controller
        self._name = name

    async def crash(self) -> dict[str, str]:
        """Returns the uids of the group that it was."""
        before = await self._sets.uids(self._name, group=1)
        await self._kubelets.restart_container(self._sets.namespace, f"{self._name}-1-1")
        return before

    async def replaced(self, before: dict[str, str]) -> None:
        def holds(pods: dict[str, Json]) -> bool:
            return before.keys() <= pods.keys() and all(
                pods[pod]["metadata"]["uid"] != uid and is_ready(pods[pod]) for pod, uid in before.items()
            )

        await self._sets.when(self._name, what=f"group 1 of {self._name} to be another one", holds=holds)
        await self._sets.available(self._name)

    async def decided(self, kind: type, *, count: int = 1) -> list[Any]:
        """The facts of a kind about this set, once there are so many."""

        async def there() -> list[Any]:
            decided = await self._controller.decided(self._sets.namespace)
            facts = [fact for about, fact in decided if about.name == self._name and isinstance(fact, kind)]
            return facts if len(facts) >= count else []

        return await eventually(there, what=f"{count} {kind.__name__} about {self._name}")


async def test_delays_double_and_outlive_the_controller(sets: Sets, kubelets: Kubelets, controller: Controller) -> None:
    await sets.create(a_loop("loop", restart_backoff="2s"))
    await sets.available("loop")
    bystander = await sets.uids("loop", group=0)
    crashes = Crashes(sets, kubelets, controller, "loop")
    await crashes.replaced(await crashes.crash())

    before = await crashes.crash()
    await crashes.decided(GroupRecreationPostponed)
    await controller.kill()
    await controller.start()
    await crashes.replaced(before)

    await crashes.replaced(await crashes.crash())
    postponed = await crashes.decided(GroupRecreationPostponed, count=2)
    assert [(fact.attempt, fact.until_ms - fact.failed_ms) for fact in postponed] == [(2, 2_000), (3, 4_000)]
    started = await crashes.decided(GroupRecreationStarted, count=3)
    assert [fact.attempt for fact in started] == [1, 2, 3]
    chains = await controller.ask("why", f"{sets.namespace}/loop", "--kind", "recreation")
    assert [chain["complete"] for chain in chains] == [True, True, True]
    waited_ms = [_waited_ms(chain) for chain in chains]
    assert waited_ms[0] < 2_000 <= waited_ms[1]
    assert waited_ms[2] >= 4_000
    assert len(await sets.notes("loop", reason="RestartBackOff")) == 2
    assert await sets.uids("loop", group=0) == bystander


def _waited_ms(chain: dict[str, Any]) -> int:
    """From the failure to the command that deletes the leader."""
    [link] = [link for link in chain["links"] if "delete leader pod" in link["what"]]
    return int(link["elapsed_ms"])


async def test_a_kept_group_is_marked_and_goes_on_when_the_mark_is_removed(
    sets: Sets, kubelets: Kubelets, controller: Controller
) -> None:
    await sets.create(a_loop("kept", restart_limit="1"))
    await sets.available("kept")
    bystander = await sets.uids("kept", group=0)
    crashes = Crashes(sets, kubelets, controller, "kept")
    await crashes.replaced(await crashes.crash())

    before = await crashes.crash()
    marked = await eventually(lambda: _marked(sets), what="the leader of the kept group to be marked")
    assert [pod["metadata"]["name"] for pod in marked] == ["kept-1"]
    assert "pod kept-1-1 failed" in marked[0]["metadata"]["annotations"][MARK]
    await crashes.decided(GroupKept)
    [(kind, _, note)] = await sets.notes("kept", reason="GroupKept")
    assert kind == "Warning"
    assert MARK in note
    await kubelets.restart_container(sets.namespace, "kept-1")
    await sets.scale("kept", 3)
    await sets.available("kept")
    assert await sets.uids("kept", group=1) == before
    assert (await sets.get("kept"))["status"].keys() <= STATUS_FIELDS
    shown = await controller.ask("status", f"{sets.namespace}/kept")
    assert "kept for debugging" in str(shown)

    await sets.api.merge(core("pods", sets.namespace, "kept-1"), {"metadata": {"labels": {MARK: None}}})
    await crashes.replaced(before)
    assert await _marked(sets) == []
    started = await crashes.decided(GroupRecreationStarted, count=2)
    assert [fact.attempt for fact in started] == [1, 1], "the count starts anew"
    assert await sets.uids("kept", group=0) == bystander


async def _marked(sets: Sets) -> list[Json]:
    return await sets.api.items(core("pods", sets.namespace), labels=MARK)


async def test_a_pod_whose_failure_does_not_count(sets: Sets, kubelets: Kubelets, controller: Controller) -> None:
    worker = a_template() | {"metadata": {"annotations": {names.IGNORE_FAILURE: "true"}}}
    manifest = a_set("patient", replicas=2, size=2, template={"leaderTemplate": a_template(), "workerTemplate": worker})
    await sets.create(manifest)
    await sets.available("patient")
    crashes = Crashes(sets, kubelets, controller, "patient")
    before = await crashes.crash()
    [fact] = await crashes.decided(FailureLeftAlone)
    assert names.IGNORE_FAILURE in fact.because
    assert await sets.uids("patient", group=1) == before


async def test_mistakes_are_refused_at_admission(sets: Sets) -> None:
    for annotations, words in (
        ({"restart_backoff": "soon"}, "must be a positive duration"),
        ({"restart_backoff": "10s", "restart_backoff_max": "1s"}, "must not be shorter"),
        ({"restart_limits": "3"}, "is not known"),
    ):
        with pytest.raises(ApiError) as refused:
            await sets.create(a_loop("mistake", **annotations))
        assert refused.value.code == 403
        assert words in str(refused.value)
