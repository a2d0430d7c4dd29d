"""Manifests as they are read for ``deploy``, and what of an earlier spec is put back."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from adapters.deploying.cluster import PutBack, put_back, restored_parts
from adapters.deploying.manifests import ManifestError, read_manifests
from adapters.kubernetes.errors import ApiError
from lws_events.names import REPLACE_BROKEN_GROUPS_FIRST
from lws_events.subjects import SetName
from tests.unit.scripted_api import ScriptedApi, answer, refuse

LWS = "apiVersion: leaderworkerset.x-k8s.io/v1\nkind: LeaderWorkerSet\n"


def test_documents_are_read_in_order_and_get_their_namespace() -> None:
    text = f"---\n{LWS}metadata: {{name: b}}\nstatus: {{}}\n---\n{LWS}metadata: {{name: a, namespace: own}}\n---\n"
    found = read_manifests(text, namespace=None, fallback="context", path="x")
    assert [str(one.set_name) for one in found] == ["context/b", "own/a"]
    assert found[0].body["metadata"] == {"name": "b", "namespace": "context"}
    assert "status" not in found[0].body
    json_text = '{"apiVersion": "leaderworkerset.x-k8s.io/v1", "kind": "LeaderWorkerSet", "metadata": {"name": "c"}}'
    [named] = read_manifests(json_text, namespace="there", fallback="context", path="x")
    assert str(named.set_name) == "there/c"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "holds no LeaderWorkerSet"),
        ("a: [", "neither YAML nor JSON"),
        ("- a", "document 1 is no object"),
        ("apiVersion: v1\nkind: Pod\nmetadata: {name: a}", "document 1 is v1 Pod"),
        (f"{LWS}metadata: []", "no metadata.name"),
        (f"{LWS}metadata: {{name: 7}}", "no metadata.name"),
        (f"{LWS}metadata: {{name: a, namespace: other}}", "is of namespace other, not there"),
        (f"{LWS}metadata: {{name: a}}\n---\n{LWS}metadata: {{name: a}}", "there/a more than once"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_place(text: str, told: str) -> None:
    with pytest.raises(ManifestError, match=told):
        read_manifests(text, namespace="there", fallback="context", path="sets.yaml")


def test_only_what_a_revision_covers_is_put_back() -> None:
    good: dict[str, Any] = {"replicas": 2, "leaderWorkerTemplate": {"size": 2}}
    present = {"replicas": 5, "leaderWorkerTemplate": {"size": 3}, "networkConfig": {"subdomainPolicy": "Shared"}}
    assert restored_parts(present, good) == {"leaderWorkerTemplate": {"size": 2}, "networkConfig": None}
    assert restored_parts(good | {"replicas": 9}, good) == {}


def kubeconfig(folder: Path, server: str) -> Path:
    path = folder / "kubeconfig"
    named = {
        "clusters": [{"name": "a", "cluster": {"server": server}}],
        "users": [{"name": "a", "user": {"token": "t"}}],
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
    }
    path.write_text(yaml.safe_dump({"current-context": "a", **named}))
    return path


@pytest.mark.parametrize("annotations", [None, {}, {REPLACE_BROKEN_GROUPS_FIRST: "true"}])
async def test_the_way_back_is_only_for_the_generation_that_was_watched(
    annotations: dict[str, str] | None, tmp_path: Path
) -> None:
    metadata = {"generation": 2} | ({} if annotations is None else {"annotations": annotations})
    path = "/apis/leaderworkerset.x-k8s.io/v1/namespaces/default/leaderworkersets/llama"
    parts = {"leaderWorkerTemplate": {"size": 2}, "networkConfig": None}
    async with ScriptedApi() as api:
        api.script("GET", path, *[answer({"metadata": metadata})] * 3)
        api.script("PATCH", path, answer({"metadata": {"generation": 3}}), refuse(422, "Invalid"))
        where = kubeconfig(tmp_path, api.url)
        name = SetName("default", "llama")
        done = await put_back(name, parts, uid="u", generation=2, kubeconfig=where)
        with pytest.raises(ApiError, match="Invalid"):
            await put_back(name, parts, uid="u", generation=2, kubeconfig=where)
    assert done == PutBack(3, is_annotated=not annotations)
    sent = api.asked[1]
    assert sent.headers["Content-Type"] == "application/json-patch+json"
    assert sent.query == {"fieldManager": "lws-events-deploy"}
    assert sent.json[:4] == [
        {"op": "test", "path": "/metadata/uid", "value": "u"},
        {"op": "test", "path": "/metadata/generation", "value": 2},
        {"op": "add", "path": "/spec/leaderWorkerTemplate", "value": {"size": 2}},
        {"op": "remove", "path": "/spec/networkConfig"},
    ]
    annotated = "/metadata/annotations/lws-events.io~1replace-broken-groups-first"
    assert [one["path"] for one in sent.json[4:]] == (
        ["/metadata/annotations", annotated] if annotations is None else [] if annotations else [annotated]
    )
