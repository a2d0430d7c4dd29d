"""Whatever a controller does not do, or does otherwise, is found, named, and found alone."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from adapters.demo.sample import NAME
from adapters.simulation import Simulation, SimulationSettings, kinds, racks
from adapters.simulation.kubelets import KubeletSettings
from adapters.simulation.set_admission import set_admission
from tests.controlplane.processes import Child
from tests.integration.controller.clusters import NAMESPACE, Cluster
from tests.integration.shadow.shadows import Shadow, mutated

_SLOW_SECONDS: Final = 60.0
"""Of the cluster's time, which runs ten times as fast: three times the patience of the shadow."""

Without = Callable[[str], Child]


def _differences(report: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(each["kind"], each["target"], each["known"]) for each in report["differences"]]


def _rules(report: dict[str, Any]) -> set[str]:
    return {each["rule"] for each in report["differences"]}


async def test_a_deletion_that_is_not_seen(cluster: Cluster, shadow: Shadow, without: Without) -> None:
    without("sees-no-deletions")
    await shadow.start()
    cluster.apply()
    await cluster.complete()
    before = cluster.group(1)
    cluster.kill(f"{NAME}-1-2")
    report = await shadow.found()
    [found] = report["differences"]
    assert (found["kind"], found["target"], found["known"]) == ("missing", f"pod/{NAME}-1", "D1")
    assert found["what"] == "nobody did recreate group 1"
    assert (found["rule"], list(report["rules"])) == ("restart", ["restart"])
    assert found["because"] == f"pod {NAME}-1-2: deleted"
    assert found["cause"] > 0
    assert cluster.group(1)[f"{NAME}-1"] == before[f"{NAME}-1"]
    assert report["unexplained"] == 0
    assert report["meant"]["D1"]["count"] == 1
    assert "only where it is meant to" in report["verdict"]
    assert (shadow.report().code, shadow.report("--strict").code) == (0, 1)

    # The group goes on here as well; it may fail again, and then that is another difference.
    cluster.kill(f"{NAME}-1-2")
    again = await shadow.found(2)
    assert _differences(again) == [("missing", f"pod/{NAME}-1", "D1")] * 2


async def test_a_restart_that_counts_for_nothing(cluster: Cluster, shadow: Shadow, without: Without) -> None:
    without("restarts-nothing")
    await shadow.start()
    cluster.apply()
    await cluster.complete()
    cluster.simulation.kubelets.kill_for_memory(f"{NAME}-0-1")
    report = await shadow.found()
    assert _differences(report) == [("missing", f"pod/{NAME}-0", "")]
    assert _rules(report) == {"restart"}
    assert "nobody has explained (rule restart)" in report["verdict"]
    assert report["differences"][0]["because"].startswith(f"pod {NAME}-0-1: container")
    assert "OOMKilled" in report["differences"][0]["because"]
    assert shadow.report().code == 1
    assert report["unexplained"] == 1


async def test_a_service_that_is_not_made(cluster: Cluster, shadow: Shadow, without: Without) -> None:
    without("makes-no-service")
    await shadow.start()
    cluster.apply()
    report = await shadow.found()
    assert _differences(report) == [("missing", f"service/{NAME}", "")]
    assert _rules(report) == {"services"}


async def test_a_service_with_other_content(cluster: Cluster, shadow: Shadow, without: Without) -> None:
    without("selects-too-much")
    await shadow.start()
    cluster.apply()
    report = await shadow.found()
    assert _differences(report) == [("values", f"service/{NAME}", "")]
    assert _rules(report) == {"services"}
    [field] = report["differences"][0]["fields"]
    assert field["path"] == "spec.selector.leaderworkerset.sigs.k8s.io/name"
    assert (field["ours"], field.get("theirs", "")) == (f'"{NAME}"', "")


async def test_a_status_that_counts_otherwise(cluster: Cluster, shadow: Shadow, without: Without) -> None:
    without("counts-wrongly")
    await shadow.start()
    cluster.apply()
    await cluster.complete()
    report = await shadow.found()
    assert _differences(report)[0] == ("values", f"setstatus/{NAME}", "")
    assert [field["path"] for field in report["differences"][0]["fields"]] == ["status.readyReplicas"]
    assert {target for _, target, _ in _differences(report)} == {f"setstatus/{NAME}"}
    assert _rules(report) == {"status"}


async def test_labels_that_do_not_reach_the_workers(cluster: Cluster, shadow: Shadow, without: Without) -> None:
    without("writes-no-metadata")
    await shadow.start()
    cluster.apply()
    await cluster.complete()
    change = {"metadata": {"labels": {"team": "blue"}}}
    cluster.simulation.api.patch(kinds.LEADERWORKERSETS, NAME, change, type_="merge", namespace=NAMESPACE)
    report = await shadow.found(2)
    targets = {target for _, target, _ in _differences(report)}
    assert targets <= {f"metadata/{NAME}-{index}" for index in range(8)}
    assert {known for _, _, known in _differences(report)} == {"D31"}
    assert _rules(report) == {"worker_metadata"}
    assert shadow.report().code == 0


async def test_writes_that_nobody_here_has_decided(cluster: Cluster, shadow: Shadow, without: Without) -> None:
    """By hand, as another controller might: a revision too many, one too few, a Service, and a group recreated."""
    without("restarts-nothing")  # which leaves alone what it has not done
    api = cluster.simulation.api
    await shadow.start()
    cluster.apply()
    before = await cluster.complete()
    lws = api.get(kinds.LEADERWORKERSETS, NAME, namespace=NAMESPACE)
    [revision] = [
        each
        for each in api.select(kinds.REVISIONS, namespace=NAMESPACE)
        if each["metadata"]["ownerReferences"][0]["kind"] == "LeaderWorkerSet"
    ]
    metadata = {key: revision["metadata"][key] for key in ("labels", "ownerReferences")}
    duplicate = {**revision, "revision": 2, "metadata": {**metadata, "name": f"{NAME}-copy"}}
    api.create(kinds.REVISIONS, duplicate, namespace=NAMESPACE)
    api.delete(kinds.PODS, f"{NAME}-1", namespace=NAMESPACE, propagation="Foreground")
    await cluster.complete(without=[uid for name, uid in before.items() if name.startswith(f"{NAME}-1")])
    owner = {"apiVersion": lws["apiVersion"], "kind": lws["kind"], "name": NAME, "uid": lws["metadata"]["uid"]}
    api.create(
        kinds.SERVICES,
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {
                "name": "surplus",
                "labels": {"leaderworkerset.sigs.k8s.io/name": NAME},
                "ownerReferences": [{**owner, "controller": True}],
            },
            "spec": {"clusterIP": "None", "selector": {"a": "b"}},
        },
        namespace=NAMESPACE,
    )
    report = await shadow.found(3)
    assert set(_differences(report)) >= {
        ("extra", f"revision/{NAME}-copy", "D12"),
        ("extra", f"pod/{NAME}-1", ""),
        ("extra", "service/surplus", ""),
    }
    [recreated] = [each for each in report["differences"] if each["target"] == f"pod/{NAME}-1"]
    assert recreated["what"] == "somebody recreated group 1, we would not"
    assert recreated["because"] == "no failure of this group is known"


async def test_a_rollout_that_waits_for_nobody(tmp_path: Path) -> None:
    slow = SimulationSettings(kubelet=KubeletSettings(start=(_SLOW_SECONDS, _SLOW_SECONDS)))
    simulation = Simulation(nodes=racks(4, nodes_per_rack=4), admission=set_admission, settings=slow)
    cluster = Cluster(simulation, tmp_path / "kubeconfig")
    await cluster.start()
    shadow = Shadow(tmp_path, kubeconfig=cluster.kubeconfig, patience_seconds=2)
    controller = mutated(tmp_path, "updates-all-at-once", kubeconfig=cluster.kubeconfig)
    try:
        controller.start()
        await shadow.start()
        cluster.apply()
        before = await cluster.complete()
        containers = [{"name": "main", "image": "example.test/main:2"}]
        change = {"spec": {"leaderWorkerTemplate": {"workerTemplate": {"spec": {"containers": containers}}}}}
        cluster.simulation.api.patch(kinds.LEADERWORKERSETS, NAME, change, type_="merge", namespace=NAMESPACE)
        report = await shadow.found()
        await cluster.complete(without=before.values())
        [found] = [each for each in report["differences"] if each["kind"] == "extra"]
        assert found["target"] == f"statefulset/{NAME}"
        assert found["what"] == "somebody began a rolling update at partition 0, we would not"
        assert found["rule"] == "rollout"
        assert report["unexplained"] >= 1
    finally:
        shadow.child.kill()
        controller.kill()
        await cluster.stop()
