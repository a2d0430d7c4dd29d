"""Rolling updates without surge (catalogue C27–C32)."""

import pytest

from tests.e2e.catalogue.checks import BEGIN, END, ROLL, VL, ev, expect, part, st
from tests.e2e.catalogue.conftest import Play
from tests.e2e.catalogue.definition import OLDER_IMAGE, leader_name, replicas, worker_image, worker_name

pytestmark = [pytest.mark.controlplane, pytest.mark.asyncio(loop_scope="session")]


@pytest.mark.catalogue("C27")
async def test_leader_template_with_the_default_strategy(play: Play) -> None:
    case = await play(replicas=4)
    await case.ready_all(4)
    await expect(case, BEGIN(4))
    await case.update(leader_name("new-leader-name"))
    await expect(case, VL(4), ROLL, ev("GroupsUpdating", "Updating replica 3"), part(3), st(4, 0))
    await case.ready(3)
    await expect(case, VL(4), ROLL, ev("GroupsUpdating", "Updating replica 2"), part(2), st(4, 1))
    await case.ready(1)  # out of order: the partition does not move
    await expect(case, ROLL, st(4, 2), part(2), VL(4))
    await case.unready(3)  # nor does it go back
    await expect(case, ROLL, st(3, 2), part(2), VL(4))
    await case.ready_all(4)
    await expect(case, END(4))


@pytest.mark.catalogue("C28")
async def test_worker_template_two_at_a_time(play: Play) -> None:
    case = await play(replicas=4, max_unavailable=2)
    await case.ready_all(4)
    await expect(case, BEGIN(4))
    await case.update(worker_name("new-worker-name"))
    await expect(case, VL(4), ROLL, part(2), st(4, 0))
    await case.ready(3)
    await expect(case, VL(4), ROLL, part(1), st(4, 1))
    await case.ready(2)
    await expect(case, VL(4), ROLL, part(0), st(4, 2))
    await case.ready(1, 0)
    await expect(case, END(4))


@pytest.mark.catalogue("C29")
async def test_more_may_be_unavailable_than_there_are(play: Play) -> None:
    case = await play(replicas=4, max_unavailable=10)
    await case.ready_all(4)
    await expect(case, BEGIN(4))
    await case.update(worker_name("new-worker-name"))
    await expect(case, VL(4), ROLL, part(0), st(4, 0))
    await case.ready_all(4)
    await expect(case, END(4))


@pytest.mark.catalogue("C30")
async def test_template_and_replicas_change_together(play: Play) -> None:
    case = await play(replicas=4)
    await case.ready_all(4)
    await expect(case, BEGIN(4))
    old = await case.update(replicas(6), worker_name("new-worker"))
    await case.pods(4, 6, of=old)
    # The added groups would get the new template.
    await expect(case, VL(6), ROLL, part(4), st(4, 0))
    await case.ready_all(6)
    await expect(case, END(6))


@pytest.mark.catalogue("C31")
async def test_replicas_rise_during_a_rollout(play: Play) -> None:
    case = await play(replicas=4)
    await case.ready_all(4)
    await expect(case, BEGIN(4))
    await case.update(worker_name("new-worker-name"))
    await expect(case, VL(4), ROLL, part(3), st(4, 0))
    await case.ready(3)
    await expect(case, VL(4), ROLL, part(2), st(4, 1))
    await case.update(replicas(6))
    await case.pods(4, 6)
    await case.ready(4, 5)
    await expect(case, VL(6), ROLL, part(2), st(6, 3))
    await case.ready_all(6)
    await expect(case, END(6))


@pytest.mark.catalogue("C32")
async def test_replicas_fall_during_a_rollout(play: Play) -> None:
    case = await play(replicas=6)
    await case.ready_all(6)
    await expect(case, BEGIN(6))
    await case.update(worker_image(OLDER_IMAGE))
    await expect(case, VL(6), ROLL, part(5), st(6, 0))
    await case.update(replicas(3))
    await case.drop_excess()
    await expect(case, VL(3), ROLL, part(2), st(3, 0))
    await case.ready_all(3)
    await expect(case, END(3))
