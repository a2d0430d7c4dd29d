"""``kubectl apply -k deploy/`` over a running reference, and back; and the components, built and applied.

On storage and API server alone: what is tried here is what the API server makes of the objects, not what runs. The
objects of the reference are played; kubectl is the real one.
"""

import asyncio
import base64
import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest
import pytest_asyncio
import yaml

from adapters.settings.controller import Settings
from adapters.settings.loading import load_settings
from tests.controlplane.api import Api
from tests.controlplane.build import binaries
from tests.controlplane.certificates import make_authority
from tests.controlplane.cluster import BARE, ControlPlane
from tests.e2e.reference_installation import ACCOUNT, NAMESPACE, SELECTOR, installation

pytestmark = [pytest.mark.controlplane, pytest.mark.asyncio(loop_scope="function")]

Json = dict[str, Any]

DEPLOY: Final = Path(__file__).parents[2] / "deploy"
APPLY: Final = ("apply", "--server-side", "--force-conflicts", "-k")
LEASE: Final = "b8b2488c.x-k8s.io"
RECORDING: Final = "lws-recording-webhook-configuration"
CERTIFICATE: Final = {
    key: base64.b64encode(key.encode()).decode() for key in ("ca.crt", "ca.key", "tls.crt", "tls.key")
}
CONFIGURATIONS: Final = [
    f"/apis/admissionregistration.k8s.io/v1/{kind}webhookconfigurations/lws-{kind}-webhook-configuration"
    for kind in ("mutating", "validating")
]
Key = tuple[str, str]


@pytest_asyncio.fixture
async def plane() -> AsyncIterator[ControlPlane]:
    """An API server of the test's own: its webhook configurations point nowhere."""
    async with ControlPlane(components=BARE) as running:
        yield running


@pytest_asyncio.fixture
async def api(plane: ControlPlane) -> AsyncIterator[Api]:
    """An administrator's client."""
    async with plane.api() as client:
        yield client


async def _kubectl(*arguments: str, plane: ControlPlane | None = None, given: str = "") -> str:
    """What kubectl prints; it must succeed."""
    kubectl = binaries() / "kubectl"
    assert kubectl.is_file(), f"{kubectl} is missing: add it to the folder of KUBEBUILDER_ASSETS"
    connection = [] if plane is None else ["--kubeconfig", str(plane.kubeconfig)]
    process = await asyncio.create_subprocess_exec(
        *(str(kubectl), *connection, *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate(given.encode())
    assert process.returncode == 0, f"kubectl {' '.join(arguments)}: {errors.decode()}"
    return output.decode()


def _documents(text: str) -> dict[Key, Json]:
    return {(one["kind"], one["metadata"]["name"]): one for one in yaml.safe_load_all(text) if one}


async def _live(plane: ControlPlane, objects: dict[Key, Json]) -> dict[Key, Json]:
    """The same objects as the API server has them."""
    given = yaml.safe_dump_all(objects.values())
    found = json.loads(await _kubectl("get", "-f", "-", "-o", "json", plane=plane, given=given))
    return {(one["kind"], one["metadata"]["name"]): one for one in found["items"]}


async def _play_the_reference(plane: ControlPlane, api: Api, *, manager: str) -> dict[Key, Json]:
    """Its installation, and what the running program has written; returns the objects as they are then."""
    objects = {(one["kind"], one["metadata"]["name"]): one for one in installation()}
    owner = ("--server-side", "--force-conflicts", f"--field-manager={manager}")
    await _kubectl("apply", *owner, "-f", "-", plane=plane, given=yaml.safe_dump_all(objects.values()))
    as_program = {"fieldManager": "lws"}
    secret = f"/api/v1/namespaces/{NAMESPACE}/secrets/lws-webhook-server-cert"
    await api.call("PUT", secret, await api.get(secret) | {"data": CERTIFICATE}, params=as_program)
    bundle = base64.b64encode(make_authority().pem).decode()
    for path in CONFIGURATIONS:
        configuration = await api.get(path)
        for webhook in configuration["webhooks"]:
            webhook["clientConfig"]["caBundle"] = bundle
        await api.call("PUT", path, configuration, params=as_program)
    lease = {"metadata": {"name": LEASE}, "spec": {"holderIdentity": "reference", "leaseDurationSeconds": 15}}
    leases = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases"
    if await api.find(f"{leases}/{LEASE}") is None:
        await api.create(leases, {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", **lease})
    return await _live(plane, objects)


def _bundles(objects: dict[Key, Json]) -> list[str]:
    return [
        webhook["clientConfig"].get("caBundle", "")
        for (kind, name), one in objects.items()
        if kind.endswith("WebhookConfiguration") and name != RECORDING
        for webhook in one["webhooks"]
    ]


@pytest.mark.parametrize("manager", ["kubectl", "helm"])
async def test_it_replaces_the_reference_in_place_and_is_replaced_by_it(
    plane: ControlPlane, api: Api, manager: str
) -> None:
    """``helm`` stands for whoever else owns the fields: what they set and we do not name stays."""
    ours = _documents(await _kubectl("kustomize", str(DEPLOY)))
    before = await _play_the_reference(plane, api, manager=manager)
    await _kubectl(*APPLY, str(DEPLOY), plane=plane)
    after = await _live(plane, ours)

    assert before.keys() <= ours.keys() == after.keys(), "nothing of the reference is left without a successor"
    for key, one in before.items():
        assert after[key]["metadata"]["uid"] == one["metadata"]["uid"], key
    assert after["Secret", "lws-webhook-server-cert"]["data"] == CERTIFICATE
    assert set(_bundles(before)) == set(_bundles(after)) != {""}
    for key in after:
        if key[0] in ("ClusterRole", "Role"):
            assert after[key]["rules"] == _normal(ours[key]["rules"]), key
    _check_the_deployment(after["Deployment", ACCOUNT], alone=manager == "kubectl")
    for name in ("lws-webhook-service", "lws-controller-manager-metrics-service"):
        live, wanted = after["Service", name]["spec"], ours["Service", name]["spec"]
        assert live["selector"] == wanted["selector"]
        assert [(port["port"], port["targetPort"]) for port in live["ports"]] == [
            (port["port"], port["targetPort"]) for port in wanted["ports"]
        ]

    again = await _play_the_reference(plane, api, manager=manager)
    assert again["Deployment", ACCOUNT]["metadata"]["uid"] == before["Deployment", ACCOUNT]["metadata"]["uid"]
    container = again["Deployment", ACCOUNT]["spec"]["template"]["spec"]["containers"][0]
    assert container["image"].startswith("registry.k8s.io/lws/lws:")
    assert container["args"] == ["--config=/controller_manager_config.yaml", "--zap-log-level=2"]
    text = " ".join((DEPLOY.parent / "docs" / "operations.md").read_text().split())
    for kind, name in ours.keys() - before.keys():
        assert f"{kind.lower()}/{name}" in text, "what only we have is named where the way back is described"


def _check_the_deployment(deployment: Json, *, alone: bool) -> None:
    """``alone``: nobody else owns parts of it, so that nothing else is there."""
    spec = deployment["spec"]
    assert spec["selector"]["matchLabels"] == SELECTOR
    assert spec["replicas"] == 1
    [container] = spec["template"]["spec"]["containers"]
    assert container["image"] == "lws-events:0.1.0"
    assert container["command"] == ["/manager"]
    requests = "--admission-requests-bind-address=:9444"
    assert container["args"] == ["--config=/controller_manager_config.yaml", "--no-webhooks", requests]
    mounted = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
    assert mounted.items() >= {
        ("/controller_manager_config.yaml", "manager-config"),
        ("/var/lib/lws-events", "journal"),
    }
    volumes = {volume["name"] for volume in spec["template"]["spec"]["volumes"]}
    assert volumes == {"manager-config", "journal"} | (set() if alone else {"cert"})
    ports = {port["containerPort"] for port in container["ports"]}
    assert ports == {9444, 8443, 8081} | (set() if alone else {9443})


def _normal(rules: list[Json]) -> list[Json]:
    """As the API server gives them back."""
    return [{key: list(value) for key, value in rule.items()} for rule in rules]


async def _built(directory: Path, *components: str) -> dict[Key, Json]:
    """What an overlay of one's own makes of the folder and these components."""
    shutil.copytree(DEPLOY, directory / "deploy")
    overlay = directory / "overlay"
    overlay.mkdir()
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": ["../deploy"],
        "components": [f"../deploy/components/{name}" for name in components],
    }
    (overlay / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    return _documents(await _kubectl("kustomize", str(overlay)))


def _configured(objects: dict[Key, Json], directory: Path) -> Settings:
    file = directory / "controller_manager_config.yaml"
    file.write_text(objects["ConfigMap", "lws-manager-config"]["data"]["controller_manager_config.yaml"])
    return load_settings(flags={}, config=file)


async def test_certificates_by_cert_manager(tmp_path: Path) -> None:
    """Spec 10.8; each Secret has one owner (D62)."""
    plain = _documents(await _kubectl("kustomize", str(DEPLOY)))
    built = await _built(tmp_path, "cert-manager")
    assert {key for key in plain if key not in built} == {
        ("Secret", "lws-webhook-server-cert"),
        ("Role", "lws-webhook-certificate-role"),
        ("RoleBinding", "lws-webhook-certificate-rolebinding"),
        ("ClusterRole", "lws-webhook-configuration-role"),
        ("ClusterRoleBinding", "lws-webhook-configuration-rolebinding"),
    }
    for kind, what in (("Mutating", "mutating"), ("Validating", "validating"), ("Validating", "recording")):
        metadata = built[f"{kind}WebhookConfiguration", f"lws-{what}-webhook-configuration"]["metadata"]
        assert metadata["annotations"] == {"cert-manager.io/inject-ca-from": f"{NAMESPACE}/lws-serving-cert"}
    settings = _configured(built, tmp_path)
    assert settings.manage_certificates is False
    made = {one["spec"]["secretName"] for (kind, _), one in built.items() if kind == "Certificate"}
    assert ("Issuer", "lws-selfsigned-issuer") in built
    for name, places in (
        ("lws-webhook-server", {settings.certificate_directory, settings.metrics_cert_dir}),
        (ACCOUNT, {settings.metrics_cert_dir}),
    ):
        pod = built["Deployment", name]["spec"]["template"]["spec"]
        secrets = {volume["name"]: volume["secret"]["secretName"] for volume in pod["volumes"] if "secret" in volume}
        mounts = {Path(m["mountPath"]): m["name"] for m in pod["containers"][0]["volumeMounts"] if m["name"] in secrets}
        assert mounts.keys() == places
        assert set(secrets.values()) <= made
    service = built["Certificate", "lws-serving-cert"]["spec"]["dnsNames"]
    assert f"lws-webhook-service.{NAMESPACE}.svc" in service


async def test_a_monitor_for_the_prometheus_operator(tmp_path: Path) -> None:
    built = await _built(tmp_path, "prometheus")
    spec = built["ServiceMonitor", "lws-controller-manager-metrics-monitor"]["spec"]
    [endpoint] = spec["endpoints"]
    [expression] = spec["selector"]["matchExpressions"]
    found = {
        name
        for (kind, name), one in built.items()
        if kind == "Service"
        and one["metadata"]["labels"].get("control-plane") in expression["values"]
        and spec["selector"]["matchLabels"].items() <= one["metadata"]["labels"].items()
        and endpoint["port"] in [port["name"] for port in one["spec"]["ports"]]
    }
    assert found == {"lws-controller-manager-metrics-service", "lws-webhook-server-metrics-service"}
    subjects = built["RoleBinding", "lws-prometheus-k8s"]["subjects"]
    assert {subject["namespace"] for subject in subjects} == {"monitoring"}


async def test_all_components_together_are_accepted(plane: ControlPlane, tmp_path: Path) -> None:
    """Kinds that no bare cluster serves are left out."""
    components = sorted(path.name for path in (DEPLOY / "components").iterdir())
    assert components == [
        "capture-logs",
        "cert-manager",
        "prometheus",
        "record-deletions",
        "ui",
        "user-roles",
        "volcano",
    ]
    built = await _built(tmp_path, *components)
    foreign = ("cert-manager.io/", "monitoring.coreos.com/")
    served = [one for one in built.values() if not one["apiVersion"].startswith(foreign)]
    assert len(built) - len(served) == 4
    given = yaml.safe_dump_all(served)
    printed = await _kubectl("apply", "--server-side", "-f", "-", plane=plane, given=given)
    assert len(printed.splitlines()) == len(served)
    recorded = [webhook["name"] for webhook in built["ValidatingWebhookConfiguration", RECORDING]["webhooks"]]
    assert sorted(recorded) == [f"r{what}.lws-events.io" for what in ("eviction", "leaderworkerset", "pod")]
    editor = built["ClusterRole", "leaderworkerset-editor-role"]["metadata"]["labels"]
    assert editor["rbac.authorization.k8s.io/aggregate-to-edit"] == "true"
