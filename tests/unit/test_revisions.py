"""ControllerRevisions: data bytes, hashes, names, restore and comparison (spec 2.5, 9.1)."""

import json
from typing import Any

import msgspec
import pytest

from lws_events.canonical.errors import CanonicalError, RevisionDataError, TypedPassageError
from lws_events.names import SET_NAME
from lws_events.revisions import (
    belongs,
    controller_revision,
    next_free_number,
    next_revision_number,
    restore,
    revision_data,
    revision_hash,
    revision_name,
    semantically_equal,
)
from tests import golden_vectors

REVISIONS = golden_vectors.load("revisions")
EQUALITY = golden_vectors.load("revision_equality")
OBJECTS = golden_vectors.load("revision_objects")
PARTS = ("leaderWorkerTemplate", "networkConfig")


def name(vector: dict[str, Any]) -> str:
    return str(vector["name"])


def spec_of(*, image: str = "i:1", **template: Any) -> dict[str, Any]:
    pod = {"metadata": {}, "spec": {"containers": [{"name": "c", "image": image, "resources": {}}]}}
    return {
        "leaderWorkerTemplate": {"size": 2, "restartPolicy": "None", "workerTemplate": pod, **template},
        "networkConfig": {"subdomainPolicy": "Shared"},
    }


def stored(**parts: Any) -> bytes:
    return json.dumps({"spec": parts}).encode()


@pytest.mark.parametrize("vector", REVISIONS, ids=name)
def test_golden_data_hash_and_name(vector: dict[str, Any]) -> None:
    data = revision_data(vector["lws"]["spec"])
    assert data.decode() == vector["data"]
    assert revision_hash(data) == vector["hash"]
    created = controller_revision(vector["lws"], data, number=1)
    assert created["metadata"]["name"] == vector["revisionName"]
    assert created["metadata"]["labels"] == vector["labels"]


@pytest.mark.parametrize("vector", [v for v in REVISIONS if "withoutHook" in v], ids=name)
def test_golden_data_of_sets_stored_without_the_hook(vector: dict[str, Any]) -> None:
    bare = vector["withoutHook"]
    assert revision_data(bare["lws"]["spec"]).decode() == bare.get("data", vector["data"])


@pytest.mark.parametrize("vector", REVISIONS, ids=name)
def test_golden_data_restores_to_itself(vector: dict[str, Any]) -> None:
    spec, data = vector["lws"]["spec"], vector["data"].encode()
    if "restoreError" in vector:
        # D64: an integer that no longer fits 64 bits after its time as a double.
        with pytest.raises(TypedPassageError, match="64 bits"):
            restore(spec, data)
    else:
        assert revision_data(restore(spec, data)) == data


@pytest.mark.parametrize("vector", EQUALITY, ids=name)
def test_golden_comparison(vector: dict[str, Any]) -> None:
    spec, before = vector["lws"]["spec"], vector["storedData"].encode()
    proposed = revision_data(spec)
    assert proposed.decode() == vector["proposedData"]
    assert (proposed == before) == vector["equalBytes"]
    assert semantically_equal(spec, proposed=proposed, stored=before) == vector["semanticallyEqual"]


@pytest.mark.parametrize("vector", EQUALITY, ids=name)
def test_golden_restore(vector: dict[str, Any]) -> None:
    spec, before = vector["lws"]["spec"], vector["storedData"].encode()
    if "restoreError" in vector:
        with pytest.raises(CanonicalError):
            restore(spec, before)
    else:
        restored = restore(spec, before)
        assert {part: restored[part] for part in PARTS if part in restored} == vector["restored"]


@pytest.mark.parametrize("vector", OBJECTS, ids=name)
def test_golden_objects(vector: dict[str, Any]) -> None:
    lws, metadata = vector["lws"], vector["lws"]["metadata"]
    numbers = [
        revision["revision"]
        for revision in vector["existing"] or ()
        if revision["metadata"].get("labels", {}).get(SET_NAME) == metadata["name"]
        and belongs(
            next((owner["uid"] for owner in revision["metadata"].get("ownerReferences", ())), None),
            set_uid=metadata["uid"],
        )
    ]
    data = revision_data(lws["spec"])
    built = controller_revision(lws, data, number=next_revision_number(numbers), key=vector["key"])
    assert (built.pop("apiVersion"), built.pop("kind")) == ("apps/v1", "ControllerRevision")
    assert {**built, "data": bytes(built["data"]).decode()} == vector["expected"]


def test_the_data_is_embedded_byte_for_byte() -> None:
    data = revision_data(spec_of(image="<&>"))
    lws = {"metadata": {"name": "a", "namespace": "n", "uid": "u"}}
    assert data in msgspec.json.encode(controller_revision(lws, data, number=1))


def test_an_empty_network_configuration_is_not_a_shared_one() -> None:
    assert b'"networkConfig":{"$patch":"replace","subdomainPolicy":null}' in revision_data(
        {**spec_of(), "networkConfig": {}}
    )


def test_the_prefix_of_a_name_is_cut_by_bytes() -> None:
    assert revision_name("a" * 300, "784fcc66c4", 12) == "a" * 220 + "-784fcc66c4-12"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"7",
        b"[]",
        b'{"spec":7}',
        b'{"spec":{"leaderWorkerTemplate":7}}',
        b'{"spec":{"leaderWorkerTemplate":{"size":"2"}}}',
        b'{"spec":{"leaderWorkerTemplate":{"size":NaN}}}',
        b'{"spec":{"leaderWorkerTemplate":{"$patch":"rewrite"}}}',
        b'{"spec":{"leaderWorkerTemplate":{"workerTemplate":{"spec":{"containers":[{"image":"x"}]}}}}}',
        b'{"spec":' + b"[" * 100_000,
    ],
)
def test_malformed_data_is_an_error_and_equals_nothing(data: bytes) -> None:
    with pytest.raises(CanonicalError):
        restore(spec_of(), data)
    assert not semantically_equal(spec_of(), proposed=revision_data(spec_of()), stored=data)


def test_malformed_data_says_what_is_wrong() -> None:
    with pytest.raises(RevisionDataError, match="not JSON"):
        restore(spec_of(), b"{")


@pytest.mark.parametrize("data", [b"{}", b'{"spec":{}}', b'{"spec":{"leaderWorkerTemplate":{}}}'])
def test_missing_parts_keep_the_live_value(data: bytes) -> None:
    assert semantically_equal(spec_of(), proposed=revision_data(spec_of()), stored=data)


@pytest.mark.parametrize("data", [b'{"spec":null}', b'{"spec":{"leaderWorkerTemplate":null,"networkConfig":null}}'])
def test_null_parts_are_removed(data: bytes) -> None:
    restored = restore({**spec_of(), "replicas": 3}, data)
    empty = {"workerTemplate": {"metadata": {}, "spec": {"containers": None}}}
    assert restored == {"replicas": 3, "leaderWorkerTemplate": empty}


def test_restoring_changes_neither_spec_nor_other_parts() -> None:
    spec, before = spec_of(), spec_of()
    restored = restore({**spec, "replicas": 3}, revision_data(spec_of(image="i:0")))
    assert spec == before
    assert restored["replicas"] == 3
    assert restored["leaderWorkerTemplate"]["workerTemplate"]["spec"]["containers"][0]["image"] == "i:0"


def containers_after(live: list[Any], patch: list[Any]) -> list[tuple[str, str]]:
    """What hand-made data without ``$patch`` markers makes of the live containers: names and images."""
    pods = [{"spec": {"containers": containers}} for containers in (live, patch)]
    spec = spec_of(workerTemplate=pods[0])
    restored = restore(spec, stored(leaderWorkerTemplate={"workerTemplate": pods[1]}))
    merged = restored["leaderWorkerTemplate"]["workerTemplate"]["spec"]["containers"]
    return [(container["name"], container.get("image", "")) for container in merged]


def container(of_name: str, image: str = "live", **more: Any) -> dict[str, Any]:
    return {"name": of_name, "image": image, **more}


def test_hand_made_data_merges_lists_by_their_key() -> None:
    live = [container("a"), container("b"), container("c")]
    assert containers_after(live, [{"name": "b", "image": "new"}]) == [("a", "live"), ("b", "new"), ("c", "live")]
    assert containers_after(live, [container("d", "new")]) == [("d", "new"), *((n, "live") for n in "abc")]


def test_directives_of_list_items_are_carried_out() -> None:
    live = [container("a"), container("b")]
    assert containers_after(live, [{"name": "a", "$patch": "delete"}]) == [("b", "live")]
    assert containers_after(live, [{"$patch": "replace"}, container("z", "new")]) == [("z", "new")]


def test_hand_made_data_replaces_lists_without_a_merge_strategy() -> None:
    live = [container("a", command=["x", "y"])]
    spec = spec_of(workerTemplate={"spec": {"containers": live}})
    patch = {"workerTemplate": {"spec": {"containers": [{"name": "a", "command": ["z"]}]}}}
    restored = restore(spec, stored(leaderWorkerTemplate=patch))
    (merged,) = restored["leaderWorkerTemplate"]["workerTemplate"]["spec"]["containers"]
    assert merged == {"name": "a", "image": "live", "command": ["z"], "resources": {}}


def test_hand_made_data_unites_lists_of_plain_values() -> None:
    spec = spec_of(workerTemplate={"metadata": {"finalizers": ["a", "b"], "labels": {"x": "1"}}, "spec": {}})
    patch = {"workerTemplate": {"metadata": {"finalizers": ["c", "b", "c"], "labels": {"x": None, "y": "2"}}}}
    restored = restore(spec, stored(leaderWorkerTemplate=patch))
    assert restored["leaderWorkerTemplate"]["workerTemplate"]["metadata"] == {
        "finalizers": ["c", "a", "b"],
        "labels": {"y": "2"},
    }


def test_an_object_can_be_deleted_by_directive() -> None:
    spec = spec_of(workerTemplate={"spec": {"affinity": {"nodeAffinity": {}}, "containers": []}})
    patch = {"workerTemplate": {"spec": {"affinity": {"$patch": "delete"}, "dnsConfig": {"$patch": "replace"}}}}
    restored = restore(spec, stored(leaderWorkerTemplate=patch))
    assert restored["leaderWorkerTemplate"]["workerTemplate"]["spec"] == {"affinity": {}, "containers": []}


def test_numbers_go_on_from_the_highest() -> None:
    assert next_revision_number([]) == 1
    assert next_revision_number([3, 7, 5]) == 8


def test_names_held_by_revisions_of_a_deleted_set_are_passed_over() -> None:
    taken = {"web-h-1", "web-h-2", "web-h-4"}
    assert next_free_number([], set_name="web", data_hash="h", taken=taken) == 3
    assert next_free_number([4], set_name="web", data_hash="h", taken=taken) == 5


@pytest.mark.parametrize(("owner_uid", "mine"), [("u", True), (None, True), ("other", False), ("", False)])
def test_a_revision_belongs_to_its_owner_or_to_whoever_has_its_label(owner_uid: str | None, mine: bool) -> None:
    assert belongs(owner_uid, set_uid="u") == mine
