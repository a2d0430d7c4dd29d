"""Manifests as they are read for ``deploy``, and what of an earlier spec is put back."""

from typing import Any

import pytest

from adapters.deploying.cluster import restored_parts
from adapters.deploying.manifests import ManifestError, read_manifests

LWS = "apiVersion: leaderworkerset.x-k8s.io/v1\nkind: LeaderWorkerSet\n"


def test_documents_are_read_in_order_and_get_their_namespace() -> None:
    text = f"---\n{LWS}metadata: {{name: b}}\nstatus: {{}}\n---\n{LWS}metadata: {{name: a, namespace: own}}\n---\n"
    found = read_manifests(text, namespace=None, path="x")
    assert [str(one.set_name) for one in found] == ["default/b", "own/a"]
    assert found[0].body["metadata"] == {"name": "b", "namespace": "default"}
    assert "status" not in found[0].body
    json_text = '{"apiVersion": "leaderworkerset.x-k8s.io/v1", "kind": "LeaderWorkerSet", "metadata": {"name": "c"}}'
    assert [str(one.set_name) for one in read_manifests(json_text, namespace="there", path="x")] == ["there/c"]


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
        read_manifests(text, namespace="there", path="sets.yaml")


def test_only_what_a_revision_covers_is_put_back() -> None:
    good: dict[str, Any] = {"replicas": 2, "leaderWorkerTemplate": {"size": 2}}
    present = {"replicas": 5, "leaderWorkerTemplate": {"size": 3}, "networkConfig": {"subdomainPolicy": "Shared"}}
    assert restored_parts(present, good) == {"leaderWorkerTemplate": {"size": 2}, "networkConfig": None}
    assert restored_parts(good | {"replicas": 9}, good) == {}
