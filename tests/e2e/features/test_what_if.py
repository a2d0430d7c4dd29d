"""What ``what-if`` says of a real cluster, from the journal and from the API server, is what then happens there."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.controlplane.cluster import ControlPlane
from tests.e2e.controller import Controller, asked
from tests.e2e.features.sets import Sets, a_set, a_template

pytestmark = [pytest.mark.controlplane, pytest.mark.asyncio(loop_scope="session")]


@pytest.mark.parametrize("budget", [{"maxUnavailable": 1}, {"maxUnavailable": 2, "maxSurge": 1}])
async def test_a_rollout_replaces_the_pods_that_were_foretold(
    sets: Sets, controller: Controller, control_plane: ControlPlane, tmp_path: Path, budget: dict[str, int]
) -> None:
    rolling: dict[str, Any] = {"rolloutStrategy": {"type": "RollingUpdate", "rollingUpdateConfiguration": budget}}
    await sets.create(a_set("foretold", replicas=3, size=3, **rolling))
    await sets.available("foretold")
    before = await sets.uids("foretold")
    changed = a_set(
        "foretold", replicas=4, size=3, template={"workerTemplate": a_template("example.test/main:2")}, **rolling
    )
    changed["metadata"]["namespace"] = sets.namespace
    path = tmp_path / "changed.json"
    path.write_bytes(msgspec.json.encode(changed))

    of_journal = await controller.ask("what-if", "-f", str(path))
    kubeconfig = str(control_plane.kubeconfig)
    of_cluster = await asked("what-if", "-f", str(path), "--kubeconfig", kubeconfig, "--time-to-ready", "1s")
    await sets.change("foretold", changed["spec"])
    await sets.available("foretold")

    after = await sets.uids("foretold")
    replaced = sorted(name for name, uid in before.items() if after[name] != uid)
    for told in (of_journal, of_cluster):
        forecast = _only(told)
        assert sorted(forecast["pods_replaced"]) == replaced
        assert forecast["created_groups"] == [3]
        assert [one["group"] for one in forecast["restarts"]] == [2, 1, 0]
        assert told["finishes"]


async def test_a_cluster_at_rest_is_foretold_to_rest(
    sets: Sets, controller: Controller, control_plane: ControlPlane
) -> None:
    await sets.create(a_set("resting", replicas=2, size=2))
    await sets.available("resting")
    name = f"{sets.namespace}/resting"
    for told in (
        await controller.ask("what-if", name),
        await asked("what-if", name, "--kubeconfig", str(control_plane.kubeconfig)),
    ):
        [of_set] = [one["forecast"] for one in told["sets"] if one["forecast"]["set_name"] == name]
        assert (of_set["finishes"], of_set["steps"], of_set["unaffected_groups"]) == (True, [], [0, 1])


def _only(told: dict[str, Any]) -> dict[str, Any]:
    [found] = told["sets"]
    forecast: dict[str, Any] = found["forecast"]
    return forecast
