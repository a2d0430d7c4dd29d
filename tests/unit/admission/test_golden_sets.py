"""Defaulting and validation of sets against what the reference answered (spec 1.3, 1.4)."""

import copy
import json
from typing import Any

import pytest

from lws_events import names
from lws_events.admission import respond
from lws_events.admission.review import MUTATE_SET, VALIDATE_SET
from tests.golden_vectors import DIRECTORY, load
from tests.unit.admission.objects import patched, review

VECTORS = load("lws_admission")

SUBGROUP_SIZE = "spec.leaderWorkerTemplate.SubGroupPolicy.subGroupSize"
V11 = "must not be 0 when `maxSurge` is 0"
V12 = "subGroupSize must be equal or greater than 1"
RESERVED = {
    "labels": {
        names.SET_NAME,
        names.WORKER_INDEX,
        names.GROUP_INDEX,
        names.GROUP_KEY,
        names.SUBGROUP_INDEX,
        names.SUBGROUP_KEY,
        names.REVISION_KEY,
    },
    "annotations": {names.SIZE, names.LEADER_NAME, names.REPLICAS},
}

DEVIATIONS = {
    "D10": {"volume claim templates changed"},
    "D20": {"finalizer removal of an object that became invalid"},
    "D35": {'L054 V1 name "a*63"', "L070 V1 generateName of 63 bytes is cut"},
    "D40": {"worker template missing", "containers missing", "leader template without spec"},
    "D41": {
        "subgroup size 0",
        "subgroup size absent",
        "L040 subgroup type without size",
        "L240 V12-V15 size 4 g -2 LeaderExcluded",
        "L245 subgroup size 0 crashes the hook",
        "L253 all subgroup errors",
        "L293 update: subgroup size removed inside the policy",
        "L294 update: subgroup size 0",
    },
    "D42": {"L309 direct: V20 with no network config before: crash"},
    "D43": {"reserved label in a template"},
}


def part(value: dict[str, Any], *path: str) -> Any:
    """The member at a path, None where a step is missing."""
    found: Any = value
    for step in path:
        found = found.get(step) if isinstance(found, dict) else None
    return found


def group(lws: dict[str, Any], *path: str) -> Any:
    return part(lws, "spec", "leaderWorkerTemplate", *path)


def subject(vector: dict[str, Any]) -> dict[str, Any]:
    """What the validating hook gets: the object after the mutating one."""
    found: dict[str, Any] = vector.get("defaulted") or vector["new"]
    return found


def kept(vector: dict[str, Any]) -> tuple[set[str], list[str]]:
    """The reference's complaints that are ours too, and the entries by which some are not."""
    errors, entries = vector.get("errors") or [], set()
    if any(error["message"] == V12 for error in errors):
        further = [e for e in errors if e["field"] != SUBGROUP_SIZE or e["message"] in (V12, "field is immutable")]
        entries |= {"D41"} if further != errors else set()
        errors = further
    if any(error["message"] == "invalid value" for error in errors):
        further = [error for error in errors if error["message"] != V11]
        entries |= {"D45"} if further != errors else set()
        errors = further
    if errors and forgiven(vector):
        errors, entries = [], entries | {"D20"}
    return entries, [error["text"] for error in errors]


def forgiven(vector: dict[str, Any]) -> bool:
    """D20: the object is on its way out, or the update leaves everything that is judged as it was."""
    new, old = subject(vector), vector.get("old")
    if vector["operation"] != "UPDATE" or old is None:
        return False
    judged = (
        ("spec", "replicas"),
        ("spec", "rolloutStrategy"),
        ("spec", "networkConfig"),
        ("spec", "leaderWorkerTemplate", "size"),
        ("spec", "leaderWorkerTemplate", "subGroupPolicy"),
        ("metadata", "labels"),
        ("metadata", "annotations", names.SUBGROUP_EXCLUSIVE_TOPOLOGY),
    )
    unchanged = all(part(new, *path) == part(old, *path) for path in judged)
    return part(new, "metadata", "deletionTimestamp") is not None or unchanged


def instead_of_a_crash(vector: dict[str, Any]) -> tuple[set[str], list[str]]:
    """D41 and D42: what we say where the reference dereferences nothing or divides by zero."""
    new, old = subject(vector), vector.get("old") or {}
    if group(new, "subGroupPolicy") is not None:
        size, before = group(new, "subGroupPolicy", "subGroupSize"), group(old, "subGroupPolicy", "subGroupSize")
        if size is None:
            return {"D41"}, [f"{SUBGROUP_SIZE}: Required value"]
        if size == 0:
            texts = [f"{SUBGROUP_SIZE}: Invalid value: 0: {V12}"]
            changed = [f"{SUBGROUP_SIZE}: Invalid value: 0: field is immutable"]
            return {"D41"}, texts + (changed if before not in (None, 0) else [])
    if old and part(new, "spec", "networkConfig") == {}:
        text = 'spec.networkConfig.subdomainPolicy: Invalid value: "Shared": cannot set subdomainPolicy as null'
        return {"D42"}, [text]
    return set(), []


def added(vector: dict[str, Any]) -> tuple[set[str], list[str]]:
    """What only we complain of."""
    new, old = subject(vector), vector.get("old") or {}
    templates = [name for name in ("leaderTemplate", "workerTemplate") if group(new, name) is not None]
    missing = [n for n in dict.fromkeys([*templates, "workerTemplate"]) if group(new, n, "spec", "containers") is None]
    entries = {"D40"} if missing else set()
    texts = [f"spec.leaderWorkerTemplate.{name}.spec.containers: Required value" for name in missing]
    if vector["operation"] == "UPDATE":
        claims = [
            [(part(claim, "metadata", "name"), part(claim, "spec", "resources"), part(claim, "spec", "accessModes"))
             for claim in group(lws, "volumeClaimTemplates") or []]
            for lws in (new, old)
        ]  # fmt: skip
        if claims[0] != claims[1]:
            named = ",".join(f'"{name}"' for name, _, _ in claims[0])
            field = "spec.leaderWorkerTemplate.volumeClaimTemplates"
            return entries | {"D10"}, [*texts, f"{field}: Invalid value: [{named}]: field is immutable"]
        return entries, texts
    name, replicas, size = part(new, "metadata", "name") or "", part(new, "spec", "replicas") or 0, group(new, "size")
    pod = f"{name}-{replicas - 1}" + (f"-{size - 1}" if size and size > 1 else "")
    if len(name) <= 63 < len(pod) and replicas > 0:
        entries.add("D35")
        texts.append(
            f'metadata.name: Invalid value: "{name}": is too long for {replicas} groups of {size}: pod {pod} would '
            f"have {len(pod)} characters, its hostname may have 63"
        )
    for template in templates:
        for kind, keys in RESERVED.items():
            for key in sorted(keys & set(group(new, template, "metadata", kind) or {})):
                entries.add("D43")
                path = f"spec.leaderWorkerTemplate.{template}.metadata.{kind}[{key}]"
                texts.append(f"{path}: Forbidden: is set by the controller, remove it from the template")
    return entries, texts


def expected(vector: dict[str, Any]) -> tuple[set[str], list[str]]:
    entries, texts = instead_of_a_crash(vector) if vector.get("panic") else kept(vector)
    more_entries, more_texts = added(vector)
    return entries | more_entries, texts + more_texts


def as_meant(vector: dict[str, Any]) -> Any:
    """The defaulted object, with what the reference respells: quantities and numbers stand only in its patch."""
    wanted = copy.deepcopy(vector["defaulted"])
    for operation in vector["wirePatch"]:
        if operation["op"] == "replace" and operation["value"] is not None:
            *path, last = [int(t) if t.isdigit() else t.replace("~1", "/") for t in operation["path"].split("/")[1:]]
            place = wanted
            for step in path:
                place = place[step]
            place[last] = operation["value"]
    return wanted


def joined(texts: list[str]) -> str:
    return texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"


def judged(vectors: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [v for v in vectors if v["operation"] != "DELETE" and not v.get("refusedByMutatingHook")]


JUDGED = judged(VECTORS)
DEFAULTED = [v for v in VECTORS if "defaulted" in v]
UNREADABLE = [v for v in VECTORS if v.get("refusedByMutatingHook")]


@pytest.mark.parametrize("vector", DEFAULTED, ids=lambda vector: vector["name"])
def test_a_set_is_defaulted_as_the_reference_means_it(vector: dict[str, Any]) -> None:
    reviewed = respond(MUTATE_SET, review(vector["operation"], vector["new"], vector.get("old"))).review
    assert reviewed["response"]["allowed"], reviewed
    assert patched(vector["new"], reviewed) == as_meant(vector)


@pytest.mark.parametrize("vector", JUDGED, ids=lambda vector: vector["name"])
def test_a_set_is_judged_as_the_reference_does(vector: dict[str, Any]) -> None:
    _, texts = expected(vector)
    request = review(vector["operation"], subject(vector), vector.get("old"))
    response = respond(VALIDATE_SET, request).review["response"]
    if texts:
        assert not response["allowed"]
        wanted = {"code": 403, "reason": "Forbidden", "message": joined(texts)}
        assert response["status"] == wanted
    else:
        assert response["allowed"], response


@pytest.mark.parametrize("vector", UNREADABLE, ids=lambda vector: vector["name"])
@pytest.mark.parametrize("path", [MUTATE_SET, VALIDATE_SET])
def test_a_set_that_cannot_be_read_is_refused_by_both_hooks(vector: dict[str, Any], path: str) -> None:
    response = respond(path, review(vector["operation"], vector["new"], vector.get("old"))).review["response"]
    assert not response["allowed"]
    assert response["status"]["code"] == 400


@pytest.mark.parametrize(
    "vector", [v for v in VECTORS if v["operation"] == "DELETE"], ids=lambda vector: vector["name"]
)
def test_a_deletion_is_always_allowed(vector: dict[str, Any]) -> None:
    assert respond(VALIDATE_SET, review("DELETE", None, vector["new"])).review["response"]["allowed"]


def test_the_deviations_are_the_documented_ones() -> None:
    checked_in = json.loads((DIRECTORY / "lws_admission.json").read_text(encoding="utf-8"))
    found: dict[str, set[str]] = {}
    for vector in judged(checked_in):
        for entry in expected(vector)[0]:
            found.setdefault(entry, set()).add(vector["name"])
    assert found == DEVIATIONS
