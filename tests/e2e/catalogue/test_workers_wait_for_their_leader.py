"""When the workers of a group are made (catalogue C110, C111)."""

import pytest

from lws_events.commands import CreateWorkerStatefulSet
from lws_events.events import PodObserved
from tests.e2e.catalogue.cases import Case
from tests.e2e.catalogue.checks import P_PLUS, VL, VW0, exists, expect, now
from tests.e2e.catalogue.conftest import Play
from tests.e2e.catalogue.records import commands

pytestmark = [pytest.mark.controlplane, pytest.mark.asyncio(loop_scope="session")]


async def _decided_when_ready(case: Case, groups: int) -> None:
    """Workers were decided on for these groups alone, each at the sight of its own leader being ready.

    The leaders' creation, seen before that on the same watch, has therefore led to nothing: a proof that no waiting
    gives.
    """
    created = {
        command.name: fact for command, fact in await commands(case) if isinstance(command, CreateWorkerStatefulSet)
    }
    assert set(created) == {f"test-sample-{i}" for i in range(groups)}
    for fact in created.values():
        assert isinstance(fact, PodObserved)
        assert fact.ready


@pytest.mark.catalogue("C110")
async def test_leader_ready(play: Play) -> None:
    case = await play(replicas=4, startup="LeaderReady")
    await expect(case, VL(4), P_PLUS)
    await now(case, VW0)
    await case.leaders_ready(0, 2)
    await expect(case, exists(0), exists(1))
    await _decided_when_ready(case, 2)
    assert await case.statefulset(2) is None
    assert await case.statefulset(3) is None
    await case.leaders_ready(2, 4)
    await expect(case, exists(2), exists(3))
    await _decided_when_ready(case, 4)


@pytest.mark.catalogue("C111")
async def test_leader_created(play: Play) -> None:
    case = await play(replicas=4, startup="LeaderCreated")
    await expect(case, exists(0), exists(1), exists(2), exists(3))
