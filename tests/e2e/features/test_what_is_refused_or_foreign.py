"""Templates that the API server refuses late, and objects of others that stand in the way (D12, D33, D40)."""

import pytest

from tests.controlplane.api import Json, core, eventually, leaderworkersets, statefulsets
from tests.e2e.controller import Controller
from tests.e2e.features.sets import GROUP_INDEX, NAME, PREFIX, WORKER_INDEX, Sets, a_set, a_template, conditions_of

SIZE = f"{PREFIX}size"

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


async def _left_alone(sets: Sets, controller: Controller, name: str, what: str) -> str:
    """The line of the timeline which says that something was left alone, once there is one."""

    async def told() -> list[str]:
        entries = await controller.ask("timeline", f"{sets.namespace}/{name}")
        lines = [entry["what"] for entry in entries]
        return [line for line in lines if line.startswith(f"{what} is left alone")]

    lines = await eventually(told, what=f"the timeline of {name} to tell of {what}", interval_seconds=0.5)
    assert len(lines) == 1, lines
    [line] = lines
    return line


def _claiming(name: str, of: str, *, kind: str, owner: Json) -> Json:
    """A pod with all the labels of a leader or worker, which somebody else controls."""
    reference = {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
    }
    labels = {NAME: of, WORKER_INDEX: "0" if kind == "leader" else "1", GROUP_INDEX: "0"}
    metadata = {"name": name, "labels": labels, "annotations": {SIZE: "2"}, "ownerReferences": [reference]}
    return {"metadata": metadata, **a_template()}


async def test_forged_pods_restart_nothing_and_do_not_count(sets: Sets, controller: Controller) -> None:
    await sets.create(a_set("forged", replicas=1, size=2))
    await sets.available("forged")
    before = await sets.uids("forged")
    owner = await sets.api.create(core("configmaps", sets.namespace), {"metadata": {"name": "liar"}})
    owner |= {"apiVersion": "v1", "kind": "ConfigMap"}
    for kind, name in (("leader", "forged-7"), ("worker", "forged-0-9")):
        await sets.api.create(core("pods", sets.namespace), _claiming(name, "forged", kind=kind, owner=owner))
    assert "ConfigMap liar" in await _left_alone(sets, controller, "forged", "Pod forged-7")
    assert "ConfigMap liar" in await _left_alone(sets, controller, "forged", "Pod forged-0-9")
    for name in ("forged-7", "forged-0-9"):
        await sets.api.delete(core("pods", sets.namespace, name), grace_seconds=0)
    await controller.at_rest(sets.namespace)
    assert await sets.uids("forged") == before
    status = (await sets.get("forged"))["status"]
    assert (status["replicas"], status["readyReplicas"], conditions_of({"status": status})["Available"]) == (
        1,
        1,
        "True",
    )
    assert await sets.notes("forged", reason="RecreateGroup") == []


async def test_a_set_named_like_another_sets_group_that_comes_second(sets: Sets, controller: Controller) -> None:
    await sets.create(a_set("twin", replicas=2, size=2))
    await sets.available("twin")
    before = await sets.uids("twin")
    await sets.create(a_set("twin-1", replicas=1, size=2))
    note = await _warning(sets, "twin-1", "FailedCreate")
    assert note.startswith("Failed to create leader statefulset twin-1: ")
    assert "Pod twin-1" in note
    assert "Pod twin-1" in await _left_alone(sets, controller, "twin-1", "StatefulSet twin-1")
    assert await sets.uids("twin") == before
    assert (await sets.statefulset("twin-1"))["metadata"]["ownerReferences"][0]["kind"] == "Pod"

    await sets.scale("twin", 1)  # the name becomes free, and is taken
    await sets.available("twin", "twin-1")


async def test_a_group_whose_name_another_set_has(sets: Sets, controller: Controller) -> None:
    await sets.create(a_set("ant-1", replicas=1, size=2))
    await sets.available("ant-1")
    before = await sets.uids("ant-1")
    await sets.create(a_set("ant", replicas=2, size=2))
    line = await _left_alone(sets, controller, "ant", "StatefulSet ant-1")
    assert "LeaderWorkerSet ant-1" in line
    note = await _warning(sets, "ant", "FailedCreate")
    assert note.startswith("Failed to create worker statefulset for leader pod ant-1: ")
    assert await sets.uids("ant-1") == before
    assert (await sets.get("ant"))["status"]["readyReplicas"] == 1  # group 0 is not kept from its work
