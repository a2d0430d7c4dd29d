"""Groups come back, and revisions come and go, while a rollout is under way (catalogue C106–C109)."""

import pytest

from lws_events.names import REVISION_KEY, SIZE
from tests.controlplane.api import Json, core, statefulsets
from tests.e2e.catalogue.cases import Case
from tests.e2e.catalogue.checks import (
    A_PLUS,
    DONE,
    NEW,
    OLD,
    REV,
    ROLL,
    VL,
    VW,
    expect,
    leader_going,
    leader_staying,
    now,
    st,
)
from tests.e2e.catalogue.conftest import Play
from tests.e2e.catalogue.definition import ON_POD_RESTART, size, worker_name
from tests.e2e.catalogue.records import left_alone

pytestmark = [pytest.mark.controlplane, pytest.mark.asyncio(loop_scope="session")]


@pytest.mark.catalogue("C106")
async def test_a_group_not_yet_updated_comes_back_with_the_old_template(play: Play) -> None:
    case = await play(replicas=4)
    await case.ready_all(4)
    await expect(case, A_PLUS, VL(4), VW, st(4, 4), REV(1))
    await case.update(worker_name("new-worker-name"))
    await expect(case, VL(4), ROLL, st(4, 0), REV(2))
    await case.ready(3)
    await expect(case, VL(4), NEW(3), OLD(2), OLD(1), OLD(0), REV(2), ROLL, st(4, 1))
    await case.drop(0, 1)
    await case.pods(0, 1, of=await case.as_of_revision(1))
    await expect(case, VL(4), NEW(3), OLD(2), OLD(1), OLD(0), REV(2), ROLL)
    await case.ready_all(4)
    await expect(case, VL(4), VW, DONE, REV(1))


@pytest.mark.catalogue("C107")
async def test_a_group_not_yet_updated_comes_back_with_the_old_size(play: Play) -> None:
    case = await play(replicas=4, size=4)
    await case.ready_all(4)
    await expect(case, A_PLUS, VL(4), VW, st(4, 4), REV(1))
    await case.update(worker_name("new-worker-name"), size(2))
    await expect(case, VL(4), ROLL, REV(2))
    await case.ready(3)
    await expect(case, VL(4), NEW(3), OLD(0), REV(2))
    await case.drop(0, 1)
    await case.pods(0, 1, of=await case.as_of_revision(1))
    await expect(case, OLD(0))
    found = await case.statefulset(0)
    assert found is not None
    assert found["spec"]["replicas"] == 3
    assert found["spec"]["template"]["metadata"]["annotations"][SIZE] == "4"


@pytest.mark.catalogue("C108")
async def test_workers_of_another_revision_do_not_restart_their_group(play: Play) -> None:
    case = await play(replicas=4, restart=ON_POD_RESTART)
    await case.ready_all(4)
    await case.workers(3)
    await expect(case, A_PLUS, VL(4), VW, st(4, 4))
    await case.update(worker_name("new-worker-name"))
    await expect(case, VL(4), ROLL, st(4, 0))
    await case.ready(3)  # the leader has the new key, its worker keeps the old one
    await expect(case, VL(4), ROLL, st(4, 1))
    [worker] = await case.test_workers()
    await _delete(case, worker)
    await left_alone(case, "test-sample-3-1", because="another revision than the leader")
    await now(case, leader_staying(3))
    await case.ready_all(4)
    await case.workers(3)
    await expect(case, VL(4), VW, DONE)
    await now(case, leader_staying(3))
    await _delete(case, (await case.test_workers(group=3))[0])
    await expect(case, leader_going(3))


async def _delete(case: Case, pod: Json) -> None:
    await case.api.delete(core("pods", case.namespace, pod["metadata"]["name"]))


@pytest.mark.catalogue("C109")
async def test_a_leader_statefulset_whose_revision_is_missing(play: Play) -> None:
    case = await play()
    await case.ready_all(2)
    await expect(case, A_PLUS, REV(1))

    async def recorded(case: Case) -> str:
        """Overwrite the label, then look: the revision may be made, and pruned again, at any moment."""
        path = statefulsets(case.namespace, case.name)
        await case.api.merge(path, {"metadata": {"labels": {REVISION_KEY: "template-hash"}}})
        keys = [revision["metadata"]["labels"][REVISION_KEY] for revision in await case.revisions()]
        return "" if "template-hash" in keys else f"revisions {keys}"

    await expect(case, recorded)
    await case.ready_all(2)
    await expect(case, A_PLUS, REV(1), st(2, 2))
