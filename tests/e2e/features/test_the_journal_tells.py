"""What other processes read from the journal of a running controller agrees with the cluster."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.controlplane.api import core, eventually
from tests.e2e.controller import Controller
from tests.e2e.features.sets import Sets, a_set

pytestmark = [pytest.mark.controlplane, pytest.mark.asyncio(loop_scope="session")]


async def test_the_audit_names_the_user_of_a_change(sets: Sets, controller: Controller) -> None:
    await sets.create(a_set("audited", replicas=1, size=2))
    await sets.available("audited")
    await sets.change("audited", {"replicas": 2})
    await sets.available("audited")

    async def changes() -> list[str]:
        entries = await controller.ask("timeline", f"{sets.namespace}/audited")
        told = [entry["what"] for entry in entries if entry["who"] == "user"]
        return told if len(told) == 2 else []

    created, updated = await eventually(changes, what="both changes on record", interval_seconds=0.5)
    assert created.startswith("admin asked to CREATE")
    assert updated.startswith("admin asked to UPDATE")


async def test_status_and_replay_agree_with_the_cluster(sets: Sets, controller: Controller) -> None:
    await sets.create(a_set("mirrored", replicas=2, size=3))
    await sets.available("mirrored")
    name = f"{sets.namespace}/mirrored"

    async def row() -> dict[str, Any] | None:
        found: dict[str, Any] = await controller.ask("status", name)
        return found if found["ready"] == 2 else None

    status = await eventually(row, what="the journal to have the status", interval_seconds=0.5)
    pods = await sets.pods("mirrored")
    assert {pod["name"]: (pod["uid"], pod["node"], pod["ready"]) for pod in status["pods"]} == {
        pod: (found["metadata"]["uid"], found["spec"]["nodeName"], "1/1") for pod, found in pods.items()
    }
    assert (status["desired"], status["up_to_date"]) == (2, 2)

    replayed = await controller.ask("replay", name)
    assert sorted(replayed["state"]["groups"]) == ["mirrored-0", "mirrored-1"]


async def test_an_exported_journal_verifies_and_tells_the_same(
    sets: Sets, controller: Controller, tmp_path: Path
) -> None:
    await sets.create(a_set("exported", replicas=2, size=2))
    await sets.available("exported")
    await sets.api.delete(core("pods", sets.namespace, "exported-1-1"), grace_seconds=0)

    async def recreated() -> list[Any]:
        return await sets.notes("exported", reason="RecreateGroup")

    await eventually(recreated, what="group 1 to be recreated")
    await sets.available("exported")
    await controller.at_rest(sets.namespace)

    exported = tmp_path / "journal.jsonl.gz"
    await controller.ask("journal", "export", str(exported))
    name = f"{sets.namespace}/exported"
    live, from_file, verification = await asyncio.gather(
        controller.ask("timeline", name),
        controller.ask_file(exported, "timeline", name),
        controller.ask_file(exported, "verify"),
    )
    assert from_file == live
    assert verification["differences"] == 0
    [chain] = await controller.ask_file(exported, "why", f"{name}/1")
    assert (chain["failed_pod"], chain["complete"]) == ("exported-1-1", True)
