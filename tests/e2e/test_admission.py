"""Our hooks behind a real API server: what a client gets is what it got from the reference.

The server runs with certificates of its own making, kept in a Secret and injected into webhook configurations that are
reached by URL, as in local use.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from typing import Any, NamedTuple

import msgspec
import pytest
import pytest_asyncio

from adapters.kubernetes.client import ApiClient
from adapters.kubernetes.credentials import FixedCredentials
from adapters.webhooks.certificates import ServerIdentity
from adapters.webhooks.cluster import KubernetesSecretStore, KubernetesWebhookConfigurations
from adapters.webhooks.configuration import SECRET, url_client, webhook_configurations
from adapters.webhooks.relay import RequestRelay
from adapters.webhooks.rotation import CertificateRotator
from adapters.webhooks.server import AdmissionServer
from adapters.webhooks.tls import LiveCertificate
from lws_events import names
from lws_events.admission import AdmissionRequest
from lws_events.requests import SpecChangeRequested
from tests.controlplane.api import Api, core, eventually, leaderworkersets
from tests.controlplane.cluster import ControlPlane
from tests.controlplane.installation import MUTATING, VALIDATING
from tests.golden_vectors import load
from tests.unit.admission.objects import a_set, without_empty
from tests.unit.admission.test_golden_sets import as_meant, expected, joined

pytestmark = [pytest.mark.controlplane, pytest.mark.asyncio(loop_scope="module")]

Json = dict[str, Any]

# Recorded through a real API server, not with handlers alone; generated names are random.
SETS = [v for v in load("lws_admission") if "client" in v and not v.get("skipDefaulting")]
DENIED = 'admission webhook "vleaderworkerset.kb.io" denied the request: '


class Hooked(NamedTuple):
    """A cluster whose requests pass our hooks."""

    api: Api
    changes: list[AdmissionRequest]
    rotator: CertificateRotator


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hooked(control_plane: ControlPlane) -> AsyncIterator[Hooked]:
    connection = control_plane.connection
    trust = ssl.create_default_context(cafile=str(connection.authority_file))
    credentials = FixedCredentials(connection.server, token=connection.token, tls=trust)
    changes: list[AdmissionRequest] = []

    async def keep(requests: Sequence[AdmissionRequest]) -> None:
        changes.extend(requests)

    live, relay = LiveCertificate(), RequestRelay(keep)
    async with ApiClient(credentials) as client, control_plane.api() as api:
        rotator = CertificateRotator(
            KubernetesSecretStore(client, namespace="default", name=SECRET),
            KubernetesWebhookConfigurations(client),
            live,
            identity=ServerIdentity(dns_names=("localhost",), ip_addresses=("127.0.0.1",)),
        )
        await rotator.ensure()
        relaying = asyncio.create_task(relay.run())
        async with AdmissionServer(live, host="127.0.0.1", port=0, requests=relay) as server:
            configurations = webhook_configurations(url_client(f"https://127.0.0.1:{server.port}"))
            for collection, configuration in zip((MUTATING, VALIDATING), configurations, strict=True):
                await api.create(collection, configuration)
            await rotator.ensure()
            await _until_effective(api)
            yield Hooked(api, changes, rotator)
            for collection, configuration in zip((MUTATING, VALIDATING), configurations, strict=True):
                await api.delete(f"{collection}/{configuration['metadata']['name']}")
        relaying.cancel()
        await api.delete(core("secrets", "default", SECRET))


async def _until_effective(api: Api) -> None:
    """The API server takes a new configuration up with a delay, each of the two by itself."""

    async def effective() -> bool:
        code, answer = await _create(api, a_set("probe", replicas=1), dryRun="All")
        denied, _ = await _create(api, a_set("probe", template={"size": 0}), dryRun="All")
        return code == 201 and "networkConfig" in answer["spec"] and denied == 403

    await eventually(effective, what="the hooks to be asked")


async def _create(api: Api, manifest: Any, **params: str) -> tuple[int, Json]:
    body = msgspec.json.encode(manifest)
    code, answer = await api.send("POST", leaderworkersets("default"), body=body, params=params)
    return code, msgspec.json.decode(answer)


async def _submit(api: Api, vector: Json) -> tuple[int, Json, bool]:
    """The answer to the vector's request, and whether it was an update that could be made at all."""
    if vector["operation"] == "CREATE":
        return *await _create(api, vector["new"]), True
    code, stored = await _create(api, vector["old"])
    if code != 201:
        return code, stored, False
    path = leaderworkersets("default", stored["metadata"]["name"])
    manifest = {**vector["new"], "metadata": {**vector["new"]["metadata"]}}
    manifest["metadata"]["resourceVersion"] = stored["metadata"]["resourceVersion"]
    code, answer = await api.send("PUT", path, body=msgspec.json.encode(manifest))
    return code, msgspec.json.decode(answer), True


@pytest.mark.parametrize("vector", SETS, ids=[v["name"] for v in SETS])
async def test_a_client_hears_what_the_reference_says(vector: Json, hooked: Hooked) -> None:
    code, answer, sent = await _submit(hooked.api, vector)
    try:
        if not sent:  # the old object is one that only the absence of hooks lets in
            assert code in (403, 422), answer
        elif vector.get("refusedByMutatingHook"):
            assert code in (400, 422), answer
        elif vector.get("schemaErrors"):
            assert code == 422, answer
        elif texts := expected(vector)[1]:
            assert (code, answer["message"]) == (403, DENIED + joined(texts))
        else:
            assert code in (200, 201), answer
            assert without_empty(answer["spec"]) == without_empty(as_meant(vector)["spec"])
    finally:
        name = (vector.get("old") or vector["new"])["metadata"].get("name", "")
        path = leaderworkersets("default", name)
        if name and (stored := await hooked.api.find(path)) is not None:
            if stored["metadata"].get("finalizers"):
                await hooked.api.merge(path, {"metadata": {"finalizers": None}})
            await hooked.api.delete(path)


async def test_numbers_are_accepted_thanks_to_the_hook(hooked: Hooked) -> None:
    container = {"name": "c", "image": "i", "resources": {"limits": {"cpu": 0.5, "memory": "1024Mi"}}}
    manifest = a_set(
        "numbers", replicas=1, template={"size": 2, "workerTemplate": {"spec": {"containers": [container]}}}
    )
    body = msgspec.json.encode(manifest).replace(b'"replicas":1', b'"replicas":1.0')
    code, answer = await hooked.api.send("POST", leaderworkersets("default"), body=body)
    assert code == 201, answer
    stored = msgspec.json.decode(answer)["spec"]
    worker = stored["leaderWorkerTemplate"]["workerTemplate"]["spec"]
    assert worker["containers"][0]["resources"]["limits"] == {"cpu": "500m", "memory": "1Gi"}
    await hooked.api.delete(leaderworkersets("default", "numbers"))


@pytest.mark.parametrize("spec", [None, {"leaderWorkerTemplate": {"workerTemplate": {}}}], ids=["absent", "empty"])
async def test_what_only_a_hook_can_refuse_is_refused(spec: Json | None, hooked: Hooked) -> None:
    manifest = {**a_set("hollow"), "spec": spec} if spec else {k: v for k, v in a_set("hollow").items() if k != "spec"}
    code, answer = await _create(hooked.api, manifest)
    assert code == 403
    assert answer["message"] == f"{DENIED}spec.leaderWorkerTemplate.workerTemplate.spec.containers: Required value"


async def test_warnings_reach_the_client(hooked: Hooked) -> None:
    worker = {"spec": {"restartPolicy": "OnFailure", "containers": [{"name": "c", "image": "i"}]}}
    body = msgspec.json.encode(a_set("warned", template={"workerTemplate": worker}))
    code, _, warnings = await hooked.api.exchange(
        "POST", leaderworkersets("default"), body=body, params={"dryRun": "All"}
    )
    assert code == 201
    assert [w for w in warnings if "OnFailure is refused by StatefulSets" in w]


async def test_a_pod_of_a_set_is_mutated_and_others_are_not(hooked: Hooked) -> None:
    leader = {
        "metadata": {
            "name": "sample-3",
            "labels": {names.SET_NAME: "sample", names.WORKER_INDEX: "0"},
            "annotations": {names.SIZE: "2", names.EXCLUSIVE_TOPOLOGY: "rack"},
        },
        "spec": {"subdomain": "sample", "containers": [{"name": "c", "image": "i"}]},
    }
    created = await hooked.api.call("POST", core("pods", "default"), leader, params={"dryRun": "All"})
    assert created["metadata"]["labels"][names.GROUP_INDEX] == "3"
    assert created["metadata"]["labels"][names.GROUP_KEY] == names.topology_group_key("default", "sample-3")
    assert created["spec"]["containers"][0]["env"][0] == {
        "name": "LWS_LEADER_ADDRESS",
        "value": "sample-3.sample.default",
    }
    assert created["spec"]["affinity"]["podAffinity"]
    plain = {"metadata": {"name": "plain-3"}, "spec": leader["spec"]}
    created = await hooked.api.call("POST", core("pods", "default"), plain, params={"dryRun": "All"})
    assert "labels" not in created["metadata"]
    del leader["metadata"]["annotations"]
    code, answer = await hooked.api.send("POST", core("pods", "default"), body=msgspec.json.encode(leader))
    assert code == 403
    assert msgspec.json.decode(answer)["message"] == (
        'admission webhook "mpod.kb.io" denied the request: size annotation is unexpectedly missing for pod sample-3'
    )


async def test_the_audit_learns_user_uid_and_generation(hooked: Hooked) -> None:
    hooked.changes.clear()
    created = await hooked.api.create(leaderworkersets("default"), a_set("audited"))
    path = leaderworkersets("default", "audited")
    await hooked.api.merge(path, {"metadata": {"labels": {"a": "b"}}})
    await hooked.api.merge(path, {"spec": {"replicas": 5}})

    async def both() -> bool:
        return len(hooked.changes) == 2

    await eventually(both, what="both changes")
    await hooked.api.delete(path)
    facts = [change.fact for change in hooked.changes if isinstance(change.fact, SpecChangeRequested)]
    assert [(fact.operation, fact.generation) for fact in facts] == [("CREATE", 1), ("UPDATE", 2)]
    assert {fact.uid for fact in facts} == {created["metadata"]["uid"]}
    assert all(fact.user and "system:authenticated" in fact.groups for fact in facts)


async def test_a_settled_cluster_is_not_written(hooked: Hooked) -> None:
    async def versions() -> list[str]:
        paths = [core("secrets", "default", SECRET), f"{MUTATING}/{names_of()[0]}", f"{VALIDATING}/{names_of()[1]}"]
        return [(await hooked.api.get(path))["metadata"]["resourceVersion"] for path in paths]

    before = await versions()
    await hooked.rotator.ensure()
    assert await versions() == before


def names_of() -> list[str]:
    return [configuration["metadata"]["name"] for configuration in webhook_configurations(url_client("https://x"))]
