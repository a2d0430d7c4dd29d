"""What a manager has patched becomes part of what it applies; what others own stays theirs."""

from typing import Any

from adapters.deploying.ownership import as_applied, take_over_patched
from lws_events.subjects import SetName
from tests.unit.scripted_api import ScriptedApi, answer, refuse

PATH = "/apis/leaderworkerset.x-k8s.io/v1/namespaces/default/leaderworkersets/llama"
VERSION = "leaderworkerset.x-k8s.io/v1"


def entry(operation: str, fields: dict[str, Any], *, manager: str = "me", subresource: str = "") -> dict[str, Any]:
    found = {"manager": manager, "operation": operation, "apiVersion": VERSION, "fieldsV1": fields}
    return found | ({"subresource": subresource} if subresource else {})


APPLIED = entry("Apply", {"f:spec": {"f:replicas": {}, "f:leaderWorkerTemplate": {".": {}, "f:size": {}}}})
PATCHED = entry("Update", {"f:spec": {"f:leaderWorkerTemplate": {"f:workerTemplate": {}}}})
OTHERS = [
    entry("Update", {"f:spec": {"f:startupPolicy": {}}}, manager="kubectl"),
    entry("Update", {"f:status": {}}, subresource="status"),
]


def test_patched_fields_join_those_that_are_applied() -> None:
    fields = {"f:spec": {"f:replicas": {}, "f:leaderWorkerTemplate": {".": {}, "f:size": {}, "f:workerTemplate": {}}}}
    found = as_applied([APPLIED, *OTHERS, PATCHED], manager="me")
    assert found == [*OTHERS, entry("Apply", fields)]


def test_what_was_never_applied_is_now() -> None:
    assert as_applied([*OTHERS, PATCHED], manager="me") == [*OTHERS, entry("Apply", PATCHED["fieldsV1"])]


def test_there_may_be_nothing_to_move() -> None:
    assert as_applied([APPLIED, *OTHERS], manager="me") is None


async def test_an_object_that_has_changed_is_looked_at_again() -> None:
    def seen(version: str, *entries: dict[str, Any]) -> Any:
        return answer({"metadata": {"resourceVersion": version, "managedFields": list(entries)}})

    async with ScriptedApi() as api, api.client() as client:
        api.script("GET", PATH, seen("1", PATCHED), seen("2", APPLIED, PATCHED))
        api.script("PATCH", PATH, refuse(409, "Conflict"), answer({}))
        await take_over_patched(client, SetName("default", "llama"), manager="me")
    sent = [one for one in api.asked if one.method == "PATCH"]
    assert [one.json["metadata"]["resourceVersion"] for one in sent] == ["1", "2"]
    assert sent[1].json["metadata"]["managedFields"] == as_applied([APPLIED, PATCHED], manager="me")
    assert sent[1].headers["Content-Type"] == "application/merge-patch+json"
