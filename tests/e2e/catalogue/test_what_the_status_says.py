"""Conditions and Events of sets that are not rolled out (catalogue C15, C16, C23–C26)."""

import pytest

from tests.controlplane.api import leaderworkersets
from tests.e2e.catalogue.checks import A_MINUS, A_PLUS, P_MINUS, P_PLUS, VL, VW, ev, expect
from tests.e2e.catalogue.conftest import Play

pytestmark = [pytest.mark.controlplane, pytest.mark.asyncio(loop_scope="session")]

NONE_READY = ev("GroupsProgressing", "Replicas are progressing, with 0 groups ready of total 2 groups")
ALL_READY = ev("AllGroupsReady", "All replicas are ready, with 2 groups ready of total 2 groups")


@pytest.mark.catalogue("C15")
async def test_available_once_all_groups_are_ready(play: Play) -> None:
    case = await play()
    await case.ready_all(2)
    await expect(case, A_PLUS)


@pytest.mark.catalogue("C16")
async def test_progressing_then_available_then_progressing(play: Play) -> None:
    case = await play()
    await expect(case, P_PLUS, NONE_READY)
    await case.ready_all(2)
    await expect(case, P_MINUS, A_PLUS, ALL_READY)
    await case.api.merge(leaderworkersets(case.namespace, case.name), {"spec": {"replicas": 3}})
    some_ready = ev("GroupsProgressing", "Replicas are progressing, with 2 groups ready of total 3 groups")
    await expect(case, P_PLUS, A_MINUS, some_ready)
    await expect(case, NONE_READY, ALL_READY)  # no Event of an earlier phase was lost


@pytest.mark.catalogue("C23")
async def test_progressing_after_creation(play: Play) -> None:
    await expect(await play(), VL(2), VW, P_PLUS, NONE_READY)


@pytest.mark.catalogue("C24")
async def test_a_creation_is_no_update_despite_surge(play: Play) -> None:
    case = await play(replicas=4, max_surge=2)
    await expect(case, P_PLUS, VW)
    conditions = (await case.lws())["status"]["conditions"]
    assert ("UpdateInProgress", "True") not in {(c["type"], c["status"]) for c in conditions}
    assert (await case.leader_set())["spec"]["replicas"] == 4


@pytest.mark.catalogue("C25")
async def test_lost_conditions_are_restored(play: Play) -> None:
    case = await play()
    await expect(case, P_PLUS)
    path = f"{leaderworkersets(case.namespace, case.name)}/status"
    emptied = await case.api.merge(path, {"status": {"conditions": []}})
    assert emptied["status"]["conditions"] == []
    await expect(case, P_PLUS)


@pytest.mark.catalogue("C26")
async def test_availability_is_announced(play: Play) -> None:
    case = await play()
    await case.ready_all(2)
    await expect(case, A_PLUS, ALL_READY)
