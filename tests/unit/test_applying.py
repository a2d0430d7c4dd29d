"""Applies that need not be sent, metadata of workers, and a revision that must not be recorded (spec D26, D31)."""

import json
from typing import Any

import msgspec
from structlog.testing import capture_logs

from lws_events import commands, events
from lws_events.commands import TEMPLATE_CHANGED
from tests.unit.executor_world import EXISTS, REVISIONS, STATEFULSETS, obj, raw, world
from tests.unit.scripted_api import answer, refuse

FIELDS = {
    "f:metadata": {"f:labels": {"f:a": {}}},
    "f:spec": {
        "f:replicas": {},
        "f:template": {"f:spec": {"f:containers": {'k:{"name":"c"}': {".": {}, "f:name": {}}}}},
    },
}
LEADER = f"{STATEFULSETS}/set"
WORKERS = f"{STATEFULSETS}/set-0"


def applied(*, replicas: int = 2) -> dict[str, Any]:
    template = {"spec": {"containers": [{"name": "c"}]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "set", "namespace": "ns", "labels": {"a": "b"}},
        "spec": {"replicas": replicas, "template": template},
    }


def live(**more: Any) -> dict[str, Any]:
    entry = {"manager": "lws", "operation": "Apply", "apiVersion": "apps/v1", "fieldsV1": FIELDS}
    spec = {**applied()["spec"], "podManagementPolicy": "OrderedReady"}
    return obj("set", metadata={"labels": {"a": "b"}, "managedFields": [entry], **more}, spec=spec)


def adopt(*, replicas: int = 2, uid: str = "u1") -> commands.ApplyLeaderStatefulSet:
    manifest = raw(applied(replicas=replicas))
    return commands.ApplyLeaderStatefulSet(name="set", owner_uid="set-uid", uid=uid, adopts=True, manifest=manifest)


async def test_what_is_already_as_wanted_is_not_applied() -> None:
    async with world() as w:
        w.api.always("GET", LEADER, answer(live()))
        outcome = await w.outcome(adopt())
        assert isinstance(outcome, events.CommandSucceeded)
        assert (outcome.uid, outcome.resource_version, outcome.generation) == ("u1", "7", 2)
        assert w.facts() == ["StatefulSetObserved", "CommandSucceeded"]
        assert w.api.requests("PATCH") == []


async def test_what_was_carried_out_before_a_crash_is_found_as_it_was_left() -> None:
    async with world() as w:
        w.missed.add("set")
        w.api.always("GET", LEADER, answer(live()))
        plain = msgspec.structs.replace(adopt(), adopts=False)
        assert isinstance(await w.outcome(plain, again=True), events.CommandSucceeded)
        assert w.api.requests("PATCH") == []


async def test_an_apply_from_before_a_crash_does_not_undo_what_another_controller_did_since() -> None:
    async with world() as w:
        w.missed.add("set")
        w.api.always("GET", LEADER, answer(live()))
        stale = msgspec.structs.replace(adopt(replicas=1), adopts=False)
        for number, command in enumerate((stale, msgspec.structs.replace(stale, uid=""))):
            outcome = await w.outcome(command, command_id=f"e-{number}-0", again=True)
            assert (outcome.reason, outcome.code) == (events.SUPERSEDED, 0)
        assert w.api.requests("PATCH") == []


async def test_an_apply_from_before_a_crash_is_sent_where_nothing_has_changed_since() -> None:
    async with world() as w:
        w.api.always("PATCH", LEADER, answer(obj("set")))
        command = msgspec.structs.replace(adopt(replicas=1), adopts=False)
        assert isinstance(await w.outcome(command, again=True), events.CommandSucceeded)
        assert [request.method for request in w.api.asked] == ["PATCH"]


async def test_anything_else_is_applied() -> None:
    async with world() as w:
        w.api.always("GET", LEADER, answer(live()))
        w.api.always("PATCH", LEADER, answer(obj("set")))
        assert isinstance(await w.outcome(adopt(replicas=3)), events.CommandSucceeded)
        [request] = w.api.requests("PATCH")
        assert request.json["metadata"]["uid"] == "u1"


async def test_what_is_adopted_must_still_be_there_and_ours() -> None:
    async with world() as w:
        w.api.script("GET", LEADER, answer({**live(), **obj("set", owner="other")}), refuse(404, "NotFound"))
        w.api.always("PATCH", LEADER, refuse(409, "Conflict", "uid mismatch"))
        assert (await w.outcome(adopt())).reason == "Foreign"
        assert (await w.outcome(adopt(), command_id="e-2-0")).reason == "Conflict"
        [request] = w.api.requests("PATCH")
        assert request.json["metadata"]["uid"] == "u1"  # the API server refuses to make another one


async def test_d24_a_dropped_field_is_told_of_once() -> None:
    def strategy(**rolling: int) -> dict[str, Any]:
        return obj("set", spec={"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": rolling}})

    async with world() as w:
        w.api.script("GET", LEADER, refuse(404, "NotFound"), refuse(404, "NotFound"), refuse(404, "NotFound"))
        kept, dropped = strategy(partition=0, maxUnavailable=2), strategy(partition=0)
        w.api.script("PATCH", LEADER, answer(kept), answer(dropped), answer(dropped))
        with capture_logs() as told:
            for number, warnings in enumerate((0, 1, 1)):
                command = msgspec.structs.replace(adopt(uid=""), adopts=False)
                outcome = await w.outcome(command, command_id=f"e-{number}-0")
                assert isinstance(outcome, events.CommandSucceeded)
                assert sum("MaxUnavailableStatefulSet" in each["event"] for each in told) == warnings


def metadata(*, dropped_labels: tuple[str, ...] = ()) -> commands.ApplyWorkerMetadata:
    manifest = {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "set-0", "labels": {"new": "1"}}}
    return commands.ApplyWorkerMetadata(
        name="set-0", uid="u2", manifest=raw(manifest), dropped_labels=dropped_labels, dropped_annotations=("gone",)
    )


async def test_d31_metadata_is_applied_alone_and_what_was_dropped_is_removed_by_name() -> None:
    async with world() as w:
        kept = {"labels": {"new": "1", "old": "2"}}
        w.api.script("PATCH", WORKERS, answer(obj("set-0", metadata={"labels": {"new": "1"}})))
        assert isinstance(await w.outcome(metadata(dropped_labels=("old",))), events.CommandSucceeded)
        w.api.script("PATCH", WORKERS, answer(obj("set-0", metadata=kept)), answer(obj("set-0")))
        await w.outcome(metadata(dropped_labels=("old",)), command_id="e-2-0")
        only, applied_, removed = w.api.requests("PATCH")
        assert only.json == applied_.json
        assert only.json["metadata"] == {"name": "set-0", "labels": {"new": "1"}, "uid": "u2"}
        assert "spec" not in only.json
        assert removed.json == {"metadata": {"uid": "u2", "labels": {"old": None}, "annotations": {}}}
        assert removed.query == {"fieldManager": "lws"}


async def test_d31_the_workers_of_another_leader_are_left_alone() -> None:
    async with world() as w:
        causes = [{"field": "metadata.uid", "reason": "FieldValueInvalid", "message": "field is immutable"}]
        w.api.always("PATCH", WORKERS, refuse(422, "Invalid", causes=causes))
        assert (await w.outcome(metadata())).reason == "Conflict"


def missing(*, image: str) -> commands.CreateControllerRevision:
    template = {"spec": {"containers": [{"name": image}]}}
    manifest = raw(obj("set-a-1", data={}, revision=1))
    return commands.CreateControllerRevision(
        name="set-a-1", manifest=manifest, leader_set="set", template=raw(template)
    )


async def test_d26_a_revision_of_a_template_that_has_changed_is_not_made() -> None:
    async with world() as w:
        w.api.always("GET", LEADER, answer(live()))
        w.api.always("POST", REVISIONS, answer(obj("set-a-1")))
        refused = await w.outcome(missing(image="other"))
        assert (refused.code, refused.reason) == (0, TEMPLATE_CHANGED)
        assert w.api.requests("POST") == []
        assert isinstance(await w.outcome(missing(image="c"), command_id="e-2-0"), events.CommandSucceeded)


async def test_d26_without_a_leader_statefulset_there_is_nothing_to_compare() -> None:
    async with world() as w:
        w.api.always("GET", LEADER, refuse(404, "NotFound"))
        w.api.script("POST", REVISIONS, EXISTS)
        existing = json.dumps({"data": {}, **obj("set-a-1")}).encode()
        w.api.always("GET", f"{REVISIONS}/set-a-1", answer(existing))
        assert isinstance(await w.outcome(missing(image="other")), events.CommandSucceeded)
