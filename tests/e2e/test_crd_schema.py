"""The CRD on a real API server, without hooks: what it accepts, stores, prunes, defaults and says, vector by vector."""

import json
from typing import Any

import msgspec
import pytest

from adapters.kubernetes.crd import load_openapi
from adapters.kubernetes.openapi import reduce_openapi
from tests.controlplane.api import Api, leaderworkersets
from tests.golden_vectors import load

pytestmark = pytest.mark.controlplane

Json = dict[str, Any]
# The vectors name it.
NAMESPACE = "default"
VECTORS: list[Json] = load("crd_schema")


async def post_vector(api: Api, vector: Json) -> tuple[int, Json, list[str]]:
    """Create the vector's object; code, answer, warning texts."""
    body = vector["raw"] if "raw" in vector else json.dumps(vector["manifest"])
    params = {"fieldValidation": vector["fieldValidation"]} if "fieldValidation" in vector else None
    code, answer, warnings = await api.exchange("POST", leaderworkersets(NAMESPACE), body=body.encode(), params=params)
    # A warning header reads: 299 - "text", with quotes in the text escaped.
    return code, msgspec.json.decode(answer), [json.loads(w.split(" ", 2)[2]) for w in warnings]


def _causes(answer: Json) -> list[str]:
    causes = answer.get("details", {}).get("causes", [])
    return sorted(f"{c['field']}: {c['message']}" for c in causes)


@pytest.mark.parametrize("vector", VECTORS, ids=[v["name"] for v in VECTORS])
async def test_the_bare_api_server_answers_as_recorded(vector: Json, api: Api) -> None:
    code, answer, warnings = await post_vector(api, vector)

    assert code == vector["code"], answer
    assert sorted(warnings) == sorted(vector.get("warnings", []))
    if not vector["accepted"]:
        assert answer["reason"] == vector["reason"]
        if vector.get("causes"):
            assert _causes(answer) == sorted(vector["causes"])
        else:
            assert answer["message"] == vector["message"]
        return
    path = leaderworkersets(NAMESPACE, answer["metadata"]["name"])
    stored = await api.get(path)
    await api.delete(path)
    assert stored.get("spec") == vector["stored"]
    assert stored.get("status") == vector.get("storedStatus")
    for part, recorded in vector.get("storedMetadata", {}).items():
        assert stored["metadata"].get(part) == recorded


async def test_the_checked_in_openapi_is_what_the_api_server_serves(api: Api) -> None:
    assert reduce_openapi(await api.get("/openapi/v3/api/v1")) == load_openapi()


async def test_scale_and_status_are_subresources(api: Api, namespace: str) -> None:
    minimal = next(v["manifest"] for v in VECTORS if v["name"].startswith("S01 "))
    manifest = {**minimal, "metadata": {"name": "s", "namespace": namespace}}
    created = await api.create(leaderworkersets(namespace), manifest)
    selector = "leaderworkerset.sigs.k8s.io/name=s"
    change = {"spec": {"replicas": 9}, "status": {"replicas": 2, "hpaPodSelector": selector}}
    changed = await api.merge(leaderworkersets(namespace, "s") + "/status", change)
    assert changed["spec"] == created["spec"], "the status subresource must not change the spec"

    await api.merge(leaderworkersets(namespace, "s") + "/scale", {"spec": {"replicas": 4}})
    scale = await api.get(leaderworkersets(namespace, "s") + "/scale")
    assert scale["spec"] == {"replicas": 4}
    assert scale["status"] == {"replicas": 2, "selector": selector}


async def test_the_table_has_the_columns_that_people_know(api: Api, namespace: str) -> None:
    crd = await api.get(
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/leaderworkersets.leaderworkerset.x-k8s.io"
    )
    columns = crd["spec"]["versions"][0]["additionalPrinterColumns"]
    assert [(c["name"], c["type"], c["jsonPath"]) for c in columns] == [
        ("Ready", "integer", ".status.readyReplicas"),
        ("Desired", "integer", ".spec.replicas"),
        ("Up-to-date", "integer", ".status.updatedReplicas"),
        ("Age", "date", ".metadata.creationTimestamp"),
    ]
    assert crd["spec"]["names"]["shortNames"] == ["lws"]
    conditions = {c["type"]: c["status"] for c in crd["status"]["conditions"]}
    assert "NonStructuralSchema" not in conditions
    assert conditions["NamesAccepted"] == "True"
