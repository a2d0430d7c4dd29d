"""A worker is deleted under each restart policy (catalogue C18–C22).

All workers are owned by the leader pod itself. That a group is kept is proved by the record: its controller has seen
the loss and says why it does nothing.
"""

import pytest

from lws_events.names import RECREATE_GROUP_AFTER_START
from tests.controlplane.api import core
from tests.e2e.catalogue.cases import Case
from tests.e2e.catalogue.checks import KEPT, RECREATED, expect, now
from tests.e2e.catalogue.conftest import Play
from tests.e2e.catalogue.definition import AFTER_START, NONE, ON_POD_RESTART
from tests.e2e.catalogue.records import left_alone

pytestmark = [pytest.mark.controlplane, pytest.mark.asyncio(loop_scope="session")]

SIZE = 4
WORKERS = ("test-sample-0-1", "test-sample-0-2", "test-sample-0-3")


async def _lose_first(case: Case) -> str:
    """Delete the first worker in list order, and return its name."""
    name: str = (await case.test_workers())[0]["metadata"]["name"]
    await case.api.delete(core("pods", case.namespace, name))
    return name


async def _kept(case: Case, worker: str, *, because: str) -> None:
    await expect(case, KEPT)
    await left_alone(case, worker, because=because)
    await now(case, KEPT)
    events = await case.api.items(f"/apis/events.k8s.io/v1/namespaces/{case.namespace}/events")
    assert not [event for event in events if event["reason"] == "RecreateGroup"]


@pytest.mark.catalogue("C18")
async def test_policy_none_keeps_the_group(play: Play) -> None:
    case = await play(replicas=1, size=SIZE, restart=NONE)
    await case.workers()
    await _kept(case, await _lose_first(case), because="restart policy None")


@pytest.mark.catalogue("C19")
async def test_recreate_on_pod_restart_recreates_the_group(play: Play) -> None:
    """All pods are still Pending, which does not matter here."""
    case = await play(replicas=1, size=SIZE, restart=ON_POD_RESTART)
    await case.workers()
    await expect(case, RECREATED(await _lose_first(case)))


@pytest.mark.catalogue("C20")
async def test_the_annotation_keeps_a_group_with_a_pending_pod(play: Play) -> None:
    annotations = {RECREATE_GROUP_AFTER_START: "enable"}
    case = await play(replicas=1, size=SIZE, restart=ON_POD_RESTART, annotations=annotations)
    await case.workers()
    await case.phase("Pending", "test-sample-0-2")
    await _kept(case, await _lose_first(case), because="was still pending")


@pytest.mark.catalogue("C21")
async def test_recreate_after_start_keeps_a_group_with_a_pending_pod(play: Play) -> None:
    case = await play(replicas=1, size=SIZE, restart=AFTER_START)
    await case.workers()
    assert len(await case.test_workers()) == 3
    await case.phase("Pending", "test-sample-0-2")
    await _kept(case, await _lose_first(case), because="was still pending")


@pytest.mark.catalogue("C22")
async def test_recreate_after_start_recreates_a_running_group(play: Play) -> None:
    case = await play(replicas=1, size=SIZE, restart=AFTER_START)
    await case.workers()
    await case.phase("Running", "test-sample-0", *WORKERS)
    await expect(case, RECREATED(await _lose_first(case)))
