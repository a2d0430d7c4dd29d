"""Beside a controller that decides as the shadow does nothing differs, whatever happens and whoever is faster."""

import asyncio

from adapters.demo.sample import GROUPS, NAME, SIZE
from adapters.simulation import kinds
from tests.integration.controller.clusters import NAMESPACE, Cluster
from tests.integration.controller.program import Program
from tests.integration.shadow.shadows import Shadow


def _change(cluster: Cluster, **spec: object) -> None:
    cluster.simulation.api.patch(kinds.LEADERWORKERSETS, NAME, {"spec": spec}, type_="merge", namespace=NAMESPACE)


def _template(image: str) -> dict[str, object]:
    containers = [{"name": "main", "image": image}]
    return {"workerTemplate": {"spec": {"containers": containers}}}


async def test_nothing_differs_in_a_whole_life(cluster: Cluster, shadow: Shadow, controller: Program) -> None:
    await shadow.start()
    controller.start()
    await controller.ready()

    cluster.apply()
    before = await cluster.complete()
    for index in range(GROUPS):  # all groups at once, each by one worker
        cluster.kill(f"{NAME}-{index}-1")
    after = await cluster.complete(without=before.values())

    await shadow.stop()  # and what happens meanwhile is seen afterwards
    cluster.kill(f"{NAME}-0-2")
    group = {uid for name, uid in after.items() if name.startswith(f"{NAME}-0")}
    await cluster.complete(without=group)
    await shadow.start()

    _change(cluster, leaderWorkerTemplate=_template("example.test/main:2"))
    await cluster.complete(without=after.values())
    await shadow.at_rest()
    await shadow.kill()
    _change(cluster, replicas=GROUPS + 2)
    await shadow.start()
    await cluster.complete(count=(GROUPS + 2) * SIZE)
    _change(cluster, replicas=1)
    await cluster.complete(count=SIZE)
    cluster.simulation.api.delete(kinds.LEADERWORKERSETS, NAME, namespace=NAMESPACE)
    await shadow.at_rest()

    report = shadow.report("--strict")
    assert (report.code, report.content["differences"]) == (0, [])
    assert report.content["verdict"].startswith("No difference")
    compared = report.content["compared"]
    assert compared["DeleteLeaderPod"]["agreed"] >= GROUPS
    assert compared["CreateWorkerStatefulSet"]["agreed"] >= GROUPS
    assert compared["ApplyLeaderStatefulSet"]["agreed"] >= 2
    assert compared["UpdateSetStatus"]["agreed"] >= 3
    assert sum(kind["not_done"] for kind in compared.values()) == 0
    await shadow.stop()
    await _ask_later(shadow, events=report.content["events"])


async def _ask_later(shadow: Shadow, *, events: int) -> None:
    later = await asyncio.to_thread(shadow.report)
    assert later.code == 0
    assert later.content["events"] >= events


async def test_a_set_that_was_there_before_is_taken_as_it_is(
    cluster: Cluster, shadow: Shadow, controller: Program
) -> None:
    controller.start()
    await controller.ready()
    cluster.apply()
    await cluster.complete()
    await shadow.start()
    await shadow.at_rest()
    report = shadow.report("--strict")
    assert (report.code, report.content["differences"]) == (0, [])
    # What is there is compared whole: it would be applied once, and would change nothing.
    assert report.content["compared"]["ApplyLeaderStatefulSet"] == {"agreed": 1, "not_done": 0}


async def test_without_anybody_in_charge_all_is_missing(cluster: Cluster, shadow: Shadow) -> None:
    assert cluster.server is not None
    await shadow.start()
    cluster.apply()
    report = await shadow.found(2)
    what = sorted(each["what"] for each in report["differences"])
    assert [each.split(f"{NAME}")[0] for each in what] == [
        "nobody did create ControllerRevision ",
        "nobody did create headless Service ",
    ]
    assert {each["kind"] for each in report["differences"]} == {"missing"}
    assert cluster.pods() == {}
    assert {method for method, _ in cluster.server.requests} == {"GET"}
