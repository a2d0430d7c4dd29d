"""Rolling updates on a whole cluster (catalogue E2, E4–E7, E9, E14).

What a row wants to be seen "in passing" is held: new pods do not start before it was looked at.
"""

import pytest

from tests.controlplane.kubelets import Kubelets
from tests.controlplane.pod_status import Pod
from tests.e2e.catalogue.checks import A_PLUS, SVC, VL, VW, VW0, expect, now
from tests.e2e.catalogue.definition import IMAGE, ON_POD_RESTART, worker_image, worker_name
from tests.e2e.features.whole_groups import FINISH, VP, Create, starts_held

pytestmark = [pytest.mark.controlplane, pytest.mark.asyncio(loop_scope="session")]

UPDATE = worker_name("new-worker-name")


@pytest.mark.catalogue("E2")
async def test_groups_of_one_pod(create: Create, kubelets: Kubelets) -> None:
    case = await create(replicas=4, size=1, max_surge=1, restart=ON_POD_RESTART)
    await expect(case, VL(4), VW, A_PLUS)
    async with starts_held(case.namespace, kubelets):
        await case.update(UPDATE)
        await expect(case, VL(5))
    await expect(case, VL(4), VW, A_PLUS)
    await now(case, VP, VW0)


@pytest.mark.catalogue("E4")
async def test_with_the_default_strategy(create: Create) -> None:
    case = await create()
    await expect(case, A_PLUS)
    await case.update(UPDATE)
    await expect(case, FINISH(2))


@pytest.mark.parametrize(
    ("differences", "surged"),
    [
        pytest.param({"max_surge": 4}, 7, id="E5", marks=pytest.mark.catalogue("E5")),
        pytest.param({"max_surge": 1, "max_unavailable": 0}, 5, id="E6", marks=pytest.mark.catalogue("E6")),
        pytest.param({"max_surge": 4, "subgroup_size": 1}, 7, id="E9", marks=pytest.mark.catalogue("E9")),
    ],
)
async def test_with_surge(differences: dict[str, int], surged: int, create: Create, kubelets: Kubelets) -> None:
    case = await create(replicas=4, **differences)
    await expect(case, A_PLUS)
    async with starts_held(case.namespace, kubelets):
        await case.update(UPDATE)
        await expect(case, VL(surged))
    await expect(case, FINISH(4))


@pytest.mark.catalogue("E7")
async def test_away_from_a_version_that_never_starts(create: Create, kubelets: Kubelets) -> None:
    """No image is pulled here: pods of the broken image are held as if it did not exist."""
    broken = "not-exist-image:v1"

    def of_broken_image(pod: Pod) -> bool:
        return any(container.image == broken for container in pod.spec.containers)

    await kubelets.hold_starts(of_broken_image)
    try:
        worker = {"containers": [{"name": "worker", "image": broken}]}
        case = await create(replicas=2, size=1, max_surge=1, max_unavailable=0, leader=None, worker=worker)
        await case.update(worker_image(IMAGE))
        await expect(case, FINISH(2))
    finally:
        await kubelets.release_starts()


@pytest.mark.catalogue("E14")
async def test_services_follow_the_surge(create: Create, kubelets: Kubelets) -> None:
    case = await create(replicas=4, max_surge=4, subdomain="UniquePerReplica")
    await expect(case, SVC(4), VL(4))
    async with starts_held(case.namespace, kubelets):
        await case.update(UPDATE)
        await expect(case, VL(7), SVC(7))
    await expect(case, FINISH(4), SVC(4))
