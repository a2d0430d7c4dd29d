"""The sample of the documentation: exactly these pods, objects, Events and status (spec 2, 1.6, 1.7, trace 5.1)."""

from collections import Counter
from typing import Any

import pytest

from tests.controlplane.api import Json, core, leaderworkersets
from tests.e2e.features.sets import GROUP_INDEX, NAME, PREFIX, REVISION_KEY, Sets, conditions_of, is_ready
from tests.golden_vectors import load

pytestmark = [pytest.mark.controlplane, pytest.mark.asyncio(loop_scope="session")]

SAMPLE = "leaderworkerset-sample"
MANIFEST: Json = {
    "apiVersion": "leaderworkerset.x-k8s.io/v1",
    "kind": "LeaderWorkerSet",
    "metadata": {"name": SAMPLE},
    "spec": {
        "replicas": 3,
        "leaderWorkerTemplate": {
            "size": 4,
            "workerTemplate": {
                "spec": {
                    "containers": [
                        {
                            "name": "nginx",
                            "image": "nginxinc/nginx-unprivileged:1.27",
                            "resources": {"limits": {"cpu": "100m"}, "requests": {"cpu": "50m"}},
                            "ports": [{"containerPort": 8080}],
                        }
                    ]
                }
            },
        },
    },
}
PODS = sorted(f"{SAMPLE}-{group}{worker}" for group in range(3) for worker in ("", "-1", "-2", "-3"))
_OFFSET_BASIS, _PRIME = 0x811C9DC5, 0x01000193


def fnv1(data: bytes) -> int:
    """FNV-1 with 32 bits."""
    value = _OFFSET_BASIS
    for byte in data:
        value = value * _PRIME % 2**32 ^ byte
    return value


def key_of(data: bytes) -> str:
    """The revision key of these bytes (spec 2.5)."""
    return "".join("bcdfghjklmnpqrstvwxz2456789"[ord(digit) % 27] for digit in str(fnv1(data)))


def assert_contains(actual: Any, expected: Any, *, where: str = "") -> None:
    """Everything expected is there; the API server's own defaults may be there as well."""
    if isinstance(expected, dict):
        assert isinstance(actual, dict), f"{where}: {actual!r}"
        for key, value in expected.items():
            assert key in actual, f"{where}.{key} is missing; there is {sorted(actual)}"
            assert_contains(actual[key], value, where=f"{where}.{key}")
    elif isinstance(expected, list):
        assert len(actual) == len(expected), f"{where}: {actual!r}"
        for index, value in enumerate(expected):
            assert_contains(actual[index], value, where=f"{where}[{index}]")
    else:
        assert actual == expected, where


def recorded(name: str, replacing: dict[str, str]) -> Any:
    """What the reference applied, with its constants replaced by this cluster's values."""
    vector = next(v for v in load("statefulsets") if v["name"] == name)
    return _replaced(vector["applied"], replacing)


def _replaced(value: Any, replacing: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _replaced(one, replacing) for key, one in value.items()}
    if isinstance(value, list):
        return [_replaced(one, replacing) for one in value]
    return replacing.get(value, value) if isinstance(value, str) else value


async def test_the_sample_gives_exactly_what_the_documentation_shows(sets: Sets) -> None:
    await sets.create(MANIFEST)
    [lws] = await sets.available(SAMPLE)

    pods = await sets.pods(SAMPLE)
    assert sorted(pods) == PODS
    assert all(is_ready(pod) for pod in pods.values())
    assert {pod["metadata"]["labels"][NAME] for pod in pods.values()} == {SAMPLE}
    owned = await sets.owned(SAMPLE)
    assert owned["statefulsets"] == [SAMPLE, *(f"{SAMPLE}-{i}" for i in range(3))]
    assert owned["services"] == [SAMPLE]

    [revision] = await sets.revisions(SAMPLE)
    await _assert_revision(sets, revision, lws)
    await _assert_objects(sets, lws, key=revision["metadata"]["labels"][REVISION_KEY], pods=pods)
    await _assert_events(sets, key=revision["metadata"]["labels"][REVISION_KEY], revision=revision)
    _assert_status(lws)
    await _assert_scale_and_table(sets)


async def _assert_revision(sets: Sets, revision: Json, lws: Json) -> None:
    recorded_data = next(v for v in load("statefulsets") if v["name"] == "worker: documentation sample")["revisionData"]
    name = revision["metadata"]["name"]
    path = f"/apis/apps/v1/namespaces/{sets.namespace}/controllerrevisions/{name}"
    _, answer = await sets.api.send("GET", path)
    assert f'"data":{recorded_data}'.encode() in answer, "the data are not the bytes that the reference writes"
    key = key_of(recorded_data.encode())
    assert name == f"{SAMPLE}-{key}-1"
    assert revision["revision"] == 1
    assert revision["metadata"]["labels"] == {NAME: SAMPLE, REVISION_KEY: key}
    assert revision["metadata"]["ownerReferences"] == [_owner(lws, "leaderworkerset.x-k8s.io/v1", "LeaderWorkerSet")]


def _owner(owner: Json, version: str, kind: str) -> Json:
    meta = owner["metadata"]
    return {
        "apiVersion": version,
        "kind": kind,
        "name": meta["name"],
        "uid": meta["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


async def _assert_objects(sets: Sets, lws: Json, *, key: str, pods: dict[str, Json]) -> None:
    replacing = {"11111111-1111-1111-1111-111111111111": lws["metadata"]["uid"], "default": sets.namespace, "abc": key}
    leader_set = await sets.statefulset(SAMPLE)
    expected = recorded("leader: documentation sample", replacing)
    assert_contains(leader_set, expected)
    _assert_same_metadata(leader_set, expected)
    assert {entry["manager"] for entry in leader_set["metadata"]["managedFields"] if "subresource" not in entry} == {
        "lws"
    }

    leader = pods[f"{SAMPLE}-0"]
    replacing |= {"pod-uid-0": leader["metadata"]["uid"], "gk0": leader["metadata"]["labels"][f"{PREFIX}group-key"]}
    worker_set = await sets.statefulset(f"{SAMPLE}-0")
    expected = recorded("worker: documentation sample", replacing)
    assert_contains(worker_set, expected)
    _assert_same_metadata(worker_set, expected)

    service = await sets.api.get(core("services", sets.namespace, SAMPLE))
    assert service["metadata"]["labels"] == {NAME: SAMPLE}
    assert service["metadata"]["ownerReferences"] == [_owner(lws, "leaderworkerset.x-k8s.io/v1", "LeaderWorkerSet")]
    assert service["spec"]["clusterIP"] == "None"
    assert service["spec"]["publishNotReadyAddresses"] is True
    assert service["spec"]["selector"] == {NAME: SAMPLE}
    assert "ports" not in service["spec"]

    worker = pods[f"{SAMPLE}-2-3"]
    environment = [(e["name"], e["value"]) for e in worker["spec"]["containers"][0]["env"]]
    assert environment == [
        ("LWS_LEADER_ADDRESS", f"{SAMPLE}-2.{SAMPLE}.{sets.namespace}"),
        ("LWS_GROUP_SIZE", "4"),
        ("LWS_WORKER_INDEX", "3"),
    ]


def _assert_same_metadata(actual: Json, expected: Json) -> None:
    """No label or annotation more than the reference's, neither on the object nor in the template."""
    for one, other in ((actual, expected), (actual["spec"]["template"], expected["spec"]["template"])):
        for part in ("labels", "annotations"):
            assert one["metadata"].get(part) == other["metadata"].get(part), part


async def _assert_events(sets: Sets, *, key: str, revision: Json) -> None:
    assert Counter(await sets.notes(SAMPLE)) == Counter(
        [
            (
                "Normal",
                "CreatingRevision",
                f"Creating revision with key {key} for a newly created LeaderWorkerSet",
            ),
            ("Normal", "GroupsProgressing", f"Created leader statefulset {SAMPLE}"),
            ("Normal", "GroupsProgressing", "Replicas are progressing, with 0 groups ready of total 3 groups"),
            *(
                ("Normal", "GroupsProgressing", f"Created worker statefulset for leader pod {SAMPLE}-{i}")
                for i in range(3)
            ),
            ("Normal", "AllGroupsReady", "All replicas are ready, with 3 groups ready of total 3 groups"),
        ]
    )
    events = await sets.events(SAMPLE)
    assert {e["reportingController"] for e in events} == {"leaderworkerset"}
    assert all(e["reportingInstance"].startswith("leaderworkerset-") for e in events)
    created = next(e for e in events if e["reason"] == "CreatingRevision")
    assert (created["related"]["kind"], created["related"]["name"]) == (
        "ControllerRevision",
        revision["metadata"]["name"],
    )
    workers = [e for e in events if "Created worker" in e["note"]]
    assert sorted(e["related"]["name"] for e in workers) == [f"{SAMPLE}-{i}" for i in range(3)]


def _assert_status(lws: Json) -> None:
    status = lws["status"]
    counts = {key: value for key, value in status.items() if key != "conditions"}
    assert counts == {
        "replicas": 3,
        "readyReplicas": 3,
        "updatedReplicas": 3,
        "observedGeneration": 1,
        "hpaPodSelector": f"{NAME}={SAMPLE},{PREFIX}worker-index=0",
    }
    assert conditions_of(lws) == {"Progressing": "False", "Available": "True"}
    assert {(c["type"], c["reason"], c["message"]) for c in status["conditions"]} == {
        ("Available", "AllGroupsReady", "All replicas are ready"),
        ("Progressing", "GroupsProgressing", "Replicas are progressing"),
    }
    assert {c["observedGeneration"] for c in status["conditions"]} == {1}


async def _assert_scale_and_table(sets: Sets) -> None:
    path = leaderworkersets(sets.namespace, SAMPLE)
    scale = await sets.api.get(f"{path}/scale")
    assert scale["spec"] == {"replicas": 3}
    assert scale["status"] == {"replicas": 3, "selector": f"{NAME}={SAMPLE},{PREFIX}worker-index=0"}
    leaders = await sets.api.items(core("pods", sets.namespace), labels=scale["status"]["selector"])
    assert sorted(p["metadata"]["labels"][GROUP_INDEX] for p in leaders) == ["0", "1", "2"]

    table = await sets.api.table(path)
    assert [c["name"] for c in table["columnDefinitions"]] == ["Name", "Ready", "Desired", "Up-to-date", "Age"]
    assert [row["cells"][:4] for row in table["rows"]] == [[SAMPLE, 3, 3, 3]]
