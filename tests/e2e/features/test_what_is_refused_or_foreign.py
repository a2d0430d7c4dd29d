"""Templates that the API server refuses late, and objects of others that stand in the way (D12, D33, D40)."""

import pytest

from tests.controlplane.api import Json, core, eventually, leaderworkersets, statefulsets
from tests.e2e.controller import Controller
from tests.e2e.features.sets import Sets, a_set, a_template

pytestmark = [pytest.mark.controlplane, pytest.mark.asyncio(loop_scope="session")]


async def _warning(sets: Sets, name: str, reason: str) -> str:
    """The note of the one Warning of this reason, once there is one."""

    async def warned() -> list[str]:
        return [note for type_, what, note in await sets.notes(name, reason=reason) if type_ == "Warning"]

    notes = await eventually(warned, what=f"a Warning {reason} about {name}")
    assert len(notes) == 1, notes
    [note] = notes
    return note


async def test_a_template_that_is_refused_late_is_told_once_and_can_be_mended(
    sets: Sets, controller: Controller
) -> None:
    """A StatefulSet takes no other restart policy than Always; the set's schema does not know."""
    bad = {"workerTemplate": a_template(restartPolicy="OnFailure")}
    await sets.create(a_set("mended", size=2, template=bad))
    note = await _warning(sets, "mended", "FailedCreate")
    assert note.startswith("Failed to create leader statefulset mended: ")
    assert "spec.template.spec.restartPolicy" in note
    assert len(await sets.revisions("mended")) == 1

    good = {"leaderWorkerTemplate": {"workerTemplate": a_template(restartPolicy="Always")}}
    await sets.change("mended", good)
    await sets.available("mended")
    assert await _warning(sets, "mended", "FailedCreate") == note


async def test_a_worker_template_that_is_refused_late_is_told_for_its_group(sets: Sets) -> None:
    template = {"leaderTemplate": a_template(), "workerTemplate": a_template(restartPolicy="Never")}
    await sets.create(a_set("half", size=2, template=template))
    note = await _warning(sets, "half", "FailedCreate")
    assert note.startswith("Failed to create worker statefulset for leader pod half-0: ")


async def test_a_foreign_statefulset_is_left_alone(sets: Sets) -> None:
    labels = {"app": "foreign"}
    owner = await sets.api.create(core("configmaps", sets.namespace), {"metadata": {"name": "owner"}})
    reference = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "name": "owner",
        "uid": owner["metadata"]["uid"],
        "controller": True,
    }
    foreign: Json = {
        "metadata": {"name": "taken", "ownerReferences": [reference]},
        "spec": {
            "serviceName": "taken",
            "replicas": 0,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, **a_template()},
        },
    }
    before = await sets.api.create(statefulsets(sets.namespace), foreign)
    await sets.create(a_set("taken"))
    note = await _warning(sets, "taken", "FailedCreate")
    assert "ConfigMap owner" in note
    after = await sets.statefulset("taken")
    assert (after["spec"], after["metadata"].get("labels", {})) == (before["spec"], {})


async def test_a_foreign_service_is_told_and_the_groups_come_up(sets: Sets) -> None:
    service = {"metadata": {"name": "shop"}, "spec": {"selector": {"app": "shop"}, "ports": [{"port": 80}]}}
    before = await sets.api.create(core("services", sets.namespace), service)
    await sets.create(a_set("shop", size=2))
    await sets.available("shop")
    note = await _warning(sets, "shop", "FailedCreate")
    assert note == (
        "Failed to create headless service for error: service shop exists and is not managed by this LeaderWorkerSet"
    )
    after = await sets.api.get(core("services", sets.namespace, "shop"))
    assert after["spec"] == before["spec"]


async def test_a_refused_change_leaves_the_set_as_it_was(sets: Sets) -> None:
    await sets.create(a_set("kept", size=2))
    await sets.available("kept")
    before = await sets.uids("kept")
    body = b'{"spec":{"leaderWorkerTemplate":{"size":0}}}'
    path = leaderworkersets(sets.namespace, "kept")
    code, answer = await sets.api.send("PATCH", path, body=body, content_type="application/merge-patch+json")
    assert code == 403
    assert b"size must be equal or greater than 1" in answer
    assert await sets.uids("kept") == before
