"""Rollouts that begin unhealthy, change the size, or stop at a partition of the user's (catalogue C112–C116)."""

import pytest

from tests.e2e.catalogue.checks import A_MINUS, A_PLUS, BEGIN, END, P_PLUS, ROLL, U_PLUS, VL, VW, ev, expect, part, st
from tests.e2e.catalogue.conftest import Play
from tests.e2e.catalogue.definition import partition, size, worker_name

pytestmark = [pytest.mark.controlplane, pytest.mark.asyncio(loop_scope="session")]

MOVING = (P_PLUS, U_PLUS)


@pytest.mark.catalogue("C112")
async def test_an_unready_group_uses_up_budget(play: Play) -> None:
    case = await play(replicas=4, max_unavailable=2)
    await case.ready_all(4)
    await expect(case, BEGIN(4))
    await case.unready(1)
    await expect(case, A_MINUS, P_PLUS, st(3, 4))
    await case.update(worker_name("new-worker-name"))
    await expect(case, VL(4), ROLL, part(3), st(3, 0))
    await case.ready_all(4)
    await expect(case, END(4))


@pytest.mark.catalogue("C113")
async def test_no_group_is_ready_at_all(play: Play) -> None:
    case = await play(replicas=2)
    await case.ready_all(2)
    await expect(case, BEGIN(2))
    await case.unready(0)
    await expect(case, A_MINUS, part(0))
    await case.unready(1)
    await expect(case, st(0, 2), A_MINUS, part(0))
    await case.update(worker_name("new-worker-name"))
    await expect(case, VL(2), ROLL, part(1), st(0, 0))
    await case.ready(1)
    await expect(case, part(0))
    await case.ready(0)
    await expect(case, A_PLUS)


@pytest.mark.catalogue("C114")
async def test_resize(play: Play) -> None:
    case = await play(size=3)
    await case.ready_all(2)
    await expect(case, BEGIN(2))
    await case.update(size(4))
    await case.ready_all(2)
    announced = ev("GroupsUpdating", "Rolling Upgrade is in progress, with 2 groups ready of total 2 groups")
    await expect(case, A_PLUS, part(0), VL(2), VW, st(2, 2), announced)


@pytest.mark.catalogue("C115")
async def test_a_partition_that_is_lowered_later(play: Play) -> None:
    case = await play(replicas=6, partition=4)
    await case.ready_all(6)
    await expect(case, A_PLUS, part(4), VL(6), VW, st(6, 6))
    await case.update(worker_name("new-worker-name"))
    await expect(case, MOVING, part(5), VL(6), st(6, 0))
    await case.ready(5)
    await expect(case, MOVING, part(4), VL(6), st(6, 1))
    await case.ready(4)
    await expect(case, A_PLUS, part(4), VL(6), st(6, 2))
    await case.update(partition(2))
    await expect(case, MOVING, part(3), VL(6), st(6, 2))
    await case.ready(3)
    await expect(case, MOVING, part(2), VL(6), st(6, 3))
    await case.ready(2)
    await expect(case, A_PLUS, part(2), VL(6), st(6, 4))


@pytest.mark.catalogue("C116")
async def test_a_partition_with_surge(play: Play) -> None:
    case = await play(replicas=3, max_surge=1, partition=2)
    await case.ready_all(3)
    await expect(case, A_PLUS, part(2), VL(3), VW, st(3, 3))
    await case.update(worker_name("new-worker-name"))
    await expect(case, MOVING, part(2), VL(4), st(3, 0))
    await case.pods(3, 4)
    await case.ready(3, 2)
    await expect(case, A_PLUS, part(2), VL(4), st(4, 2))  # kept, since the partition holds groups back
    await case.update(partition(0))
    await expect(case, MOVING, part(0), VL(4), st(4, 2))
    await case.ready(1, 0)
    await expect(case, A_PLUS, part(0), VL(3), st(4, 4))  # the surge pod is still counted
    await case.drop(3, 4)
    await expect(case, A_PLUS, part(0), VL(3), st(3, 3))
