"""Whether an apply would change a StatefulSet: told from the object itself, and what the API server makes of it.

Storage and API server alone, so that nobody else writes. The StatefulSets are what the reference was recorded to apply.
"""

import copy
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from adapters.kubernetes.settled import changes_nothing, template_difference
from lws_events.names import LAST_APPLIED
from lws_events.objects.leader_statefulset import leader_statefulset
from tests import golden_vectors
from tests.controlplane.api import APPLY_PATCH, NAMESPACES, Api, Json, statefulsets
from tests.controlplane.cluster import BARE, ControlPlane

pytestmark = [pytest.mark.controlplane, pytest.mark.asyncio(loop_scope="module")]

VECTORS = [
    vector
    for vector in golden_vectors.load("statefulsets")
    if vector["kind"] == "leader" and vector.get("applied") and not vector.get("synthetic")
]
NAMESPACE = "applies"
NAME = "taken-over"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api() -> AsyncIterator[Api]:
    async with ControlPlane(components=BARE) as plane, plane.api() as client:
        await client.create(NAMESPACES, {"metadata": {"name": NAMESPACE}})
        yield client


def as_one_set(vector: Json) -> tuple[Json, Json]:
    """What the reference applied, and what we would for the same set, under one name for all."""
    applied = copy.deepcopy(vector["applied"])
    applied["metadata"] |= {"name": NAME, "namespace": NAMESPACE}
    for claim in applied["spec"].get("volumeClaimTemplates", ()):
        claim["metadata"]["namespace"] = NAMESPACE
    ours = leader_statefulset(
        {**vector["lws"], "metadata": vector["lws"]["metadata"] | {"namespace": NAMESPACE}},
        partition=vector["partition"],
        replicas=vector["replicas"],
        revision_key=vector["revisionKey"],
    )
    ours["metadata"]["name"] = NAME
    for manifest in (applied, ours):
        # What is immutable has the set's name in it.
        manifest["spec"]["serviceName"] = NAME
        manifest["spec"]["selector"]["matchLabels"] = {"set": NAME}
        manifest["spec"]["template"]["metadata"]["labels"]["set"] = NAME
    return applied, ours


async def applied_as(api: Api, manifest: Json, *, manager: str = "lws") -> tuple[Json, bytes]:
    """Apply, and return the object, and as the API server sends it."""
    path = statefulsets(NAMESPACE, NAME)
    await api.apply(path, manifest, manager=manager)
    code, body = await api.send("GET", path)
    assert code == 200
    return msgspec.json.decode(body), body


async def is_refused(api: Api, manifest: Json) -> bool:
    """Whether the API server would not take it: invalid claims, or a change of an immutable field."""
    params = {"dryRun": "All", "fieldManager": "lws", "force": "true"}
    path, body = statefulsets(NAMESPACE, NAME), msgspec.json.encode(manifest)
    code, _ = await api.send("PATCH", path, body=body, content_type=APPLY_PATCH, params=params)
    assert code < 300 or code == 422
    return code == 422


def version(found: Json) -> str:
    return str(found["metadata"]["resourceVersion"])


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
async def test_what_the_reference_applied_needs_no_apply_of_ours(api: Api, vector: Json) -> None:
    await api.delete(statefulsets(NAMESPACE, NAME))
    reference, ours = as_one_set(vector)
    if await is_refused(api, reference):
        assert await is_refused(api, ours)
        return
    live, body = await applied_as(api, reference)
    assert changes_nothing(body, ours)
    assert template_difference(body, ours["spec"]["template"]) == ""
    if LAST_APPLIED not in live["metadata"].get("annotations", {}):
        assert version((await applied_as(api, ours))[0]) == version(live)
    # And back: the reference's next pass.
    after, _ = await applied_as(api, reference)
    assert version(after) == version(live) or LAST_APPLIED in live["metadata"]["annotations"]


async def test_an_apply_that_is_said_to_change_nothing_changes_nothing(api: Api) -> None:
    """One object goes through all recorded forms; before each apply it is asked, after it the version tells."""
    await api.delete(statefulsets(NAMESPACE, NAME))
    manifests = [as_one_set(vector)[1] for vector in VECTORS]
    first = next(manifest for manifest in manifests if "volumeClaimTemplates" not in manifest["spec"])
    live, body = await applied_as(api, first)
    said = {True: 0, False: 0}
    for manifest in [twice for each in manifests for twice in (each, each)]:
        expected = changes_nothing(body, manifest)
        if await is_refused(api, manifest):
            assert not expected
            continue
        after, body = await applied_as(api, manifest)
        assert (version(after) == version(live)) == expected, manifest
        said[expected] += 1
        live = after
    assert min(said.values()) > 10, said


MUTATIONS: dict[str, Any] = {
    "another image": lambda m: m["spec"]["template"]["spec"]["containers"][0].update(image="other"),
    "another argument": lambda m: m["spec"]["template"]["spec"]["containers"][0].update(args=["b"]),
    "a variable less": lambda m: m["spec"]["template"]["spec"]["containers"][0]["env"].pop(),
    "variables in another order": lambda m: m["spec"]["template"]["spec"]["containers"][0]["env"].reverse(),
    "another field of a reference": lambda m: m["spec"]["template"]["spec"]["containers"][0]["env"][1]["valueFrom"][
        "fieldRef"
    ].update(fieldPath="spec.nodeName"),
    "another amount": lambda m: m["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"].update(cpu="3"),
    "a node selector more": lambda m: m["spec"]["template"]["spec"].update(nodeSelector={"disk": "ssd", "b": "c"}),
    "a label of the template": lambda m: m["spec"]["template"]["metadata"]["labels"].update(more="1"),
    "a toleration less": lambda m: m["spec"]["template"]["spec"].pop("tolerations"),
}


def rich() -> Json:
    """A StatefulSet whose template has every kind of list and of server-side default inside whole values."""
    container = {
        "name": "main",
        "image": "i:1",
        "args": ["a"],
        "env": [
            {"name": "A", "value": "1"},
            {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "CPU", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}},
            {"name": "K", "valueFrom": {"configMapKeyRef": {"name": "m", "key": "k"}}},
        ],
        "ports": [{"containerPort": 80}],
        "resources": {"limits": {"cpu": "2", "example.test/gpu": "1"}},
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
        "readinessProbe": {"httpGet": {"path": "/", "port": 80, "httpHeaders": [{"name": "h", "value": "v"}]}},
    }
    projected = {
        "sources": [
            {"serviceAccountToken": {"path": "token"}},
            {"downwardAPI": {"items": [{"path": "name", "fieldRef": {"fieldPath": "metadata.name"}}]}},
        ]
    }
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": NAME, "namespace": NAMESPACE, "labels": {"a": "b"}},
        "spec": {
            "serviceName": NAME,
            "replicas": 2,
            "selector": {"matchLabels": {"set": NAME}},
            "volumeClaimTemplates": [claim],
            "template": {
                "metadata": {"labels": {"set": NAME}},
                "spec": {
                    "containers": [container, {"name": "side", "image": "s:1", "resources": {}}],
                    "nodeSelector": {"disk": "ssd"},
                    "tolerations": [{"key": "t", "operator": "Exists"}],
                    "volumes": [{"name": "p", "projected": projected}, {"name": "e", "emptyDir": {"sizeLimit": "1Gi"}}],
                    "topologySpreadConstraints": [
                        {
                            "maxSkew": 1,
                            "topologyKey": "rack",
                            "whenUnsatisfiable": "DoNotSchedule",
                            "labelSelector": {"matchLabels": {"set": NAME}},
                        }
                    ],
                },
            },
        },
    }


@pytest.mark.parametrize("what", MUTATIONS)
async def test_every_change_of_a_template_is_noticed(api: Api, what: str) -> None:
    await api.delete(statefulsets(NAMESPACE, NAME))
    _, body = await applied_as(api, rich())
    assert changes_nothing(body, rich())
    assert template_difference(body, rich()["spec"]["template"]) == ""
    other = rich()
    MUTATIONS[what](other)
    assert not changes_nothing(body, other)
    assert template_difference(body, other["spec"]["template"]).startswith("spec.template.") or "order" in what
    assert changes_nothing((await applied_as(api, other))[1], other)


async def test_what_another_manager_made_of_it_is_put_right_by_an_apply(api: Api) -> None:
    await api.delete(statefulsets(NAMESPACE, NAME))
    await applied_as(api, rich())
    scaled = await api.merge(statefulsets(NAMESPACE, NAME), {"spec": {"replicas": 5}})
    assert not changes_nothing(msgspec.json.encode(scaled), rich())
    # A template that somebody changed is certainly another one, whoever it was.
    template = {"spec": {"nodeSelector": {"disk": "hdd"}}}
    edited = await api.merge(statefulsets(NAMESPACE, NAME), {"spec": {"template": template}})
    assert template_difference(msgspec.json.encode(edited), rich()["spec"]["template"])


async def test_what_nobody_has_applied_is_applied(api: Api) -> None:
    await api.delete(statefulsets(NAMESPACE, NAME))
    created = await api.create(statefulsets(NAMESPACE), rich())
    body = msgspec.json.encode(created)
    assert not changes_nothing(body, rich())
    assert template_difference(body, {"spec": {"containers": []}}) == ""  # nothing is certain about it
    _, body = await applied_as(api, rich(), manager="somebody-else")
    assert not changes_nothing(body, rich())
