"""Rolling updates with more groups than asked for meanwhile (catalogue C33–C36, C101–C105).

``of=old`` makes surge groups with the old key, as the original's helper does: the partition advances nevertheless.
"""

import pytest

from tests.e2e.catalogue.cases import Case
from tests.e2e.catalogue.checks import A_PLUS, BEGIN, DONE, END, REV, ROLL, VL, expect, part, st
from tests.e2e.catalogue.conftest import Play
from tests.e2e.catalogue.definition import replicas, worker_name

pytestmark = [pytest.mark.controlplane, pytest.mark.asyncio(loop_scope="session")]


async def _begin(case: Case, count: int) -> None:
    await case.ready_all(count)
    await expect(case, BEGIN(count))


@pytest.mark.catalogue("C33")
async def test_surge_only(play: Play) -> None:
    case = await play(replicas=4, max_unavailable=0, max_surge=1)
    await _begin(case, 4)
    old = await case.update(worker_name("new-worker"))
    await case.pods(4, 5, of=old)
    await expect(case, VL(5), ROLL, part(4), st(4, 0))
    for group, updated in ((4, 1), (3, 2), (2, 3), (1, 4)):
        await case.ready(group)
        await expect(case, VL(5), ROLL, part(group - 1), st(5, updated))
    await case.ready(0)
    await case.drop(4, 5)
    await expect(case, END(4))


@pytest.mark.catalogue("C34")
async def test_surge_and_unavailable_one_each(play: Play) -> None:
    case = await play(replicas=4, max_surge=1)
    await _begin(case, 4)
    old = await case.update(worker_name("new-worker"))
    await case.pods(4, 5, of=old)
    await expect(case, VL(5), ROLL, part(3), st(4, 0))
    await case.ready(4)
    await expect(case, VL(5), ROLL, part(2), st(5, 1))
    await case.ready(3)
    await expect(case, VL(5), ROLL, part(1), st(5, 2))
    await case.ready(2)
    await expect(case, VL(5), ROLL, part(0), st(5, 3))
    await case.ready(1)
    await case.drop(4, 5)
    await expect(case, VL(4), ROLL, part(0), st(4, 3))
    await case.ready(0)
    await expect(case, END(4))


@pytest.mark.catalogue("C35")
async def test_surge_and_unavailable_two_each(play: Play) -> None:
    case = await play(replicas=4, max_surge=2, max_unavailable=2)
    await _begin(case, 4)
    old = await case.update(worker_name("new-worker"))
    await case.pods(4, 6, of=old)
    await expect(case, VL(6), ROLL, part(2), st(4, 0))
    await case.ready(3, 2)
    await case.drop(4, 6)
    await expect(case, VL(4), part(0), st(4, 2))
    await case.ready(1, 0)
    await expect(case, END(4))


@pytest.mark.catalogue("C36", "C101")
async def test_template_and_more_replicas_together(play: Play) -> None:
    case = await play(replicas=2, max_surge=2)
    await _begin(case, 2)
    old = await case.update(worker_name("new-worker"), replicas(4))
    await case.pods(2, 6, of=old)
    await expect(case, VL(6), ROLL, part(2))
    await case.ready_all(6)
    await expect(case, A_PLUS)
    await case.drop_excess()
    await expect(case, END(4))


@pytest.mark.catalogue("C102")
async def test_template_and_fewer_replicas_together(play: Play) -> None:
    case = await play(replicas=6, max_surge=2)
    await _begin(case, 6)
    await case.update(worker_name("new-worker"), replicas(3))
    await expect(case, VL(5), ROLL, part(2))
    await case.drop(5, 6)
    await case.ready_all(5)
    await expect(case, A_PLUS)
    await case.drop_excess()
    await expect(case, END(3))


@pytest.mark.catalogue("C103")
async def test_no_more_surge_than_can_be_used(play: Play) -> None:
    case = await play(replicas=2, max_surge=4)
    await _begin(case, 2)
    old = await case.update(worker_name("new-worker"))
    await case.pods(2, 3, of=old)
    await expect(case, VL(3), ROLL, part(1))
    await case.ready_all(3)
    await expect(case, DONE)
    await case.drop_excess()
    await expect(case, END(2))


@pytest.mark.catalogue("C104")
async def test_up_then_down_while_rolling_out(play: Play) -> None:
    case = await play(replicas=4, max_surge=2)
    await _begin(case, 4)
    old = await case.update(worker_name("new-worker"))
    await case.pods(4, 6, of=old)
    await expect(case, VL(6), ROLL, part(3), st(4, 0))
    await case.update(replicas(6))
    await case.pods(6, 8)
    await expect(case, VL(8), ROLL, part(3), st(4, 2))
    await case.ready(7, 6)
    await expect(case, VL(8), ROLL, st(6, 2), part(3))
    await case.update(replicas(2))
    await case.drop(4, 8)
    await case.drop(3, 4)
    await expect(case, VL(3), ROLL, part(1), st(3, 0))
    await case.ready(2)
    await expect(case, VL(3), ROLL, part(0), st(3, 1))
    await case.ready(1)
    await case.drop(2, 3)
    await expect(case, VL(2), ROLL, part(0), st(2, 1))
    await case.ready(0)
    await expect(case, END(2))


@pytest.mark.catalogue("C105")
async def test_a_second_template_before_the_first_is_rolled_out(play: Play) -> None:
    case = await play(replicas=4, max_surge=2)
    await _begin(case, 4)
    await expect(case, REV(1))
    old = await case.update(worker_name("new-worker"))
    await case.pods(4, 6, of=old)
    await expect(case, VL(6), ROLL, part(3), st(4, 0), REV(2))
    await case.ready(5, 4)
    await expect(case, VL(6), ROLL, part(1), st(6, 2), REV(2))
    await case.update(worker_name("new-worker-2"))
    await expect(case, VL(6), ROLL, part(3), st(6, 0), REV(3))
    await case.ready_all(6)
    await expect(case, A_PLUS)
    await case.drop_excess()
    await expect(case, END(4), REV(1))
