"""The executor: preconditions, what counts as done, and what is recorded of it."""

import json
from typing import Any

import pytest

from lws_events import commands, events, subjects
from tests.unit.executor_world import (
    DELETE,
    EXISTS,
    LEADER,
    REVISIONS,
    SERVICES,
    SET,
    STATEFULSETS,
    STATUS,
    apply,
    obj,
    revision,
    service,
    status,
    worker,
    world,
)
from tests.unit.scripted_api import answer, refuse


async def test_a_success_is_recorded_after_the_object() -> None:
    async with world() as w:
        w.api.script("POST", STATEFULSETS, answer(obj("set-0", spec={"replicas": 3}), code=201))
        outcome = await w.outcome(worker())
        assert outcome == events.CommandSucceeded(
            command_id="e-1-0", target="statefulset/set-0", uid="u1", resource_version="7", generation=2
        )
        assert w.facts() == ["StatefulSetObserved", "CommandSucceeded"]
        last = w.journal.events.records[-1]
        assert last.message_id == "e-1-0.outcome"
        assert last.subject == subjects.event_subject("c", SET, subjects.OUTCOME, "statefulset/set-0")
        assert w.api.asked[0].query == {"fieldManager": "lws"}
        assert w.sent == ["e-1-0"]


async def test_an_object_that_is_there_already_counts_if_it_is_ours() -> None:
    async with world() as w:
        w.api.script("POST", STATEFULSETS, EXISTS, EXISTS, EXISTS, EXISTS)
        leaving = {"deletionTimestamp": "2026-01-01T00:00:00Z"}
        w.api.script(
            "GET",
            f"{STATEFULSETS}/set-0",
            answer(obj("set-0")),
            answer(obj("set-0", owner="other")),
            answer(obj("set-0", metadata=leaving)),
            refuse(404, "NotFound"),
        )
        assert isinstance(await w.outcome(worker()), events.CommandSucceeded)
        foreign = await w.outcome(worker(), command_id="e-2-0")
        assert (foreign.code, foreign.reason) == (409, "AlreadyExists")
        assert "uid other" in foreign.message
        terminating = await w.outcome(worker(), command_id="e-3-0")
        assert "being deleted" in terminating.message
        gone = await w.outcome(worker(), command_id="e-4-0")
        assert (gone.code, gone.reason) == (409, "AlreadyExists")


async def test_a_revision_that_is_there_counts_only_with_the_same_data() -> None:
    async with world() as w:
        w.api.script("POST", REVISIONS, EXISTS, EXISTS)
        existing = answer(b'{"data": {"b": 2,"a": 1},' + json.dumps(obj("set-a-1")).encode()[1:])
        w.api.always("GET", f"{REVISIONS}/set-a-1", existing)
        assert isinstance(await w.outcome(revision({"a": 1, "b": 2})), events.CommandSucceeded)
        other = await w.outcome(revision({"a": 2}), command_id="e-2-0")
        assert (other.code, other.reason) == (409, "AlreadyExists")


@pytest.mark.parametrize(
    ("owner", "spec", "accepted"),
    [
        ("set-uid", {"clusterIP": "10.0.0.1"}, True),
        ("", {"clusterIP": "10.0.0.1"}, True),
        ("somebody", {"clusterIP": "None", "selector": {"a": "b"}}, True),
        ("somebody", {"clusterIP": "None", "selector": {"a": "c"}}, False),
        ("somebody", {"clusterIP": "10.0.0.1", "selector": {"a": "b"}}, False),
    ],
)
async def test_services_that_are_there(owner: str, spec: dict[str, Any], *, accepted: bool) -> None:
    async with world() as w:
        w.api.script("POST", SERVICES, EXISTS)
        w.api.script("GET", f"{SERVICES}/set", answer(obj("set", owner=owner, spec=spec)))
        outcome = await w.outcome(service({"a": "b"}))
        assert isinstance(outcome, events.CommandSucceeded) == accepted


async def test_a_service_without_the_label_is_recorded_under_the_set_it_serves() -> None:
    async with world() as w:
        found = obj("set", owner="", metadata={"labels": {}}, spec={"clusterIP": "None"})
        w.api.script("POST", SERVICES, EXISTS)
        w.api.script("GET", f"{SERVICES}/set", answer(found))
        await w.outcome(service({}))
        assert w.journal.events.records[0].subject == subjects.event_subject("c", SET, subjects.SERVICE, "set")


async def test_the_first_apply_looks_before_it_takes_over() -> None:
    async with world() as w:
        leaving = {"deletionTimestamp": "2026-01-01T00:00:00Z"}
        w.api.script(
            "GET",
            f"{STATEFULSETS}/set",
            refuse(404, "NotFound"),
            answer(obj("set", owner="", uid="u9")),
            answer(obj("set", owner="other")),
            answer(obj("set", metadata=leaving)),
        )
        w.api.always("PATCH", f"{STATEFULSETS}/set", answer(obj("set")))
        assert isinstance(await w.outcome(apply()), events.CommandSucceeded)
        assert isinstance(await w.outcome(apply(), command_id="e-2-0"), events.CommandSucceeded)
        foreign = await w.outcome(apply(), command_id="e-3-0")
        terminating = await w.outcome(apply(), command_id="e-4-0")
        assert (foreign.code, foreign.reason) == (0, "Foreign")
        assert (terminating.code, terminating.reason) == (0, "Terminating")
        created, adopted = w.api.requests("PATCH")
        assert created.json["metadata"]["uid"] == "u1"  # as in the manifest of this test, untouched
        assert adopted.json["metadata"]["uid"] == "u9"
        assert created.query == {"fieldManager": "lws", "force": "true"}


async def test_later_applies_name_the_object_they_are_for() -> None:
    async with world() as w:
        causes = [{"field": "metadata.uid", "reason": "FieldValueInvalid", "message": "field is immutable"}]
        w.api.script(
            "PATCH",
            f"{STATEFULSETS}/set",
            answer(obj("set")),
            refuse(409, "Conflict", "uid mismatch"),
            refuse(422, "Invalid", causes=causes),
            refuse(422, "Invalid", "spec is forbidden"),
        )
        await w.outcome(apply(uid="u5"))
        assert w.api.asked[0].json["metadata"]["uid"] == "u5"
        reasons = [(await w.outcome(apply(uid="u5"), command_id=f"e-{n}-0")).reason for n in (2, 3, 4)]
        assert reasons == ["Conflict", "Conflict", "Invalid"]


async def test_a_leader_is_deleted_by_uid_in_foreground() -> None:
    async with world() as w:
        leaving = obj("set-0", uid="leader-uid", metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"})
        w.api.script("DELETE", LEADER, answer(leaving), refuse(404, "NotFound"), refuse(409, "Conflict"))
        assert isinstance(await w.outcome(DELETE), events.CommandSucceeded)
        asked = w.api.asked[0].json
        assert (asked["preconditions"], asked["propagationPolicy"]) == ({"uid": "leader-uid"}, "Foreground")
        assert w.facts() == ["PodObserved", "CommandSucceeded"]
        assert (await w.outcome(DELETE, command_id="e-2-0")).reason == "NotFound"
        assert (await w.outcome(DELETE, command_id="e-3-0")).reason == "Conflict"


async def test_a_status_is_replaced_whole_and_only_that_of_the_right_set() -> None:
    async with world() as w:
        w.api.script("PATCH", STATUS, answer(obj("set", uid="set-uid")), refuse(422, "Invalid"), refuse(422, "Invalid"))
        path = STATUS.removesuffix("/status")
        w.api.script("GET", path, answer(obj("set", uid="another")), answer(obj("set", uid="set-uid")))
        await w.outcome(status({"replicas": 1}))
        assert w.api.asked[0].json == [
            {"op": "test", "path": "/metadata/uid", "value": "set-uid"},
            {"op": "add", "path": "/status", "value": {"replicas": 1}},
        ]
        assert w.facts() == ["SetStatusObserved", "SetObserved", "CommandSucceeded"]
        assert (await w.outcome(status({}), command_id="e-2-0")).reason == "Conflict"
        assert (await w.outcome(status({}), command_id="e-3-0")).reason == "Invalid"


async def test_a_mark_writes_annotations_and_labels_of_the_leader_with_this_uid_and_nothing_else() -> None:
    mark = {"lws-events.io/kept-for-debugging": "true"}
    command = commands.MarkLeaderPod(name="set-0", uid="leader-uid", annotations=mark, labels=mark)
    async with world() as w:
        w.api.script("PATCH", LEADER, answer(obj("set-0", uid="leader-uid")), refuse(409, "Conflict"))
        assert isinstance(await w.outcome(command), events.CommandSucceeded)
        assert (await w.outcome(command, command_id="e-2-0")).reason == "Conflict"
        sent = w.api.requests("PATCH")[0]
        assert sent.json == {"metadata": {"uid": "leader-uid", "annotations": mark, "labels": mark}}
        assert sent.query == {"fieldManager": "lws"}
        assert w.facts() == ["PodObserved", "CommandSucceeded", "CommandFailed"]
