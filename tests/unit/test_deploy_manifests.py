"""The manifests of ``deploy/`` parse, are complete, ask for no more than is used, and keep the reference's names."""

import tomllib
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from adapters.admission_requests import wire as requests_wire
from adapters.admission_requests.authority import CONFIG_MAP
from adapters.kubernetes.election import LEASE_NAME
from adapters.settings.loading import load_settings
from adapters.webhooks import manifests
from adapters.webhooks.configuration import MUTATING, RECORDING, SECRET, SERVICE, VALIDATING

Json = dict[str, Any]
Rights = dict[tuple[str, str], tuple[set[str], set[str]]]

DEPLOY: Final = Path(__file__).parents[2] / "deploy"
MANIFESTS: Final = DEPLOY / "manifests"

# Spec 10.2, last column, less what this program does without: it patches no Event, nothing of a StatefulSet is owned
# with blockOwnerDeletion, and secrets and configurations are read by name. Resource: verbs, names.
CLUSTER_RIGHTS: Final[Rights] = {
    ("", "pods"): ({"get", "list", "watch", "delete", "patch"}, set()),
    ("", "pods/finalizers"): ({"update"}, set()),
    ("", "services"): ({"get", "list", "watch", "create"}, set()),
    ("", "nodes"): ({"get", "list", "watch"}, set()),
    ("apps", "statefulsets"): ({"get", "list", "watch", "create", "patch"}, set()),
    ("apps", "controllerrevisions"): ({"get", "list", "watch", "create", "delete"}, set()),
    ("leaderworkerset.x-k8s.io", "leaderworkersets"): ({"get", "list", "watch"}, set()),
    ("leaderworkerset.x-k8s.io", "leaderworkersets/status"): ({"patch"}, set()),
    ("leaderworkerset.x-k8s.io", "leaderworkersets/finalizers"): ({"update"}, set()),
    ("events.k8s.io", "events"): ({"create"}, set()),
}
CONFIGURATION_RIGHTS: Final[Rights] = {
    ("admissionregistration.k8s.io", "mutatingwebhookconfigurations"): ({"get", "update"}, {MUTATING}),
    ("admissionregistration.k8s.io", "validatingwebhookconfigurations"): ({"get", "update"}, {VALIDATING, RECORDING}),
    ("apps", "statefulsets"): ({"get"}, set()),
}
REVIEW_RIGHTS: Final[Rights] = {
    ("authentication.k8s.io", "tokenreviews"): ({"create"}, set()),
    ("authorization.k8s.io", "subjectaccessreviews"): ({"create"}, set()),
}
CONTROLLER: Final = "lws-controller-manager"
WEBHOOK_SERVER: Final = "lws-webhook-server"
# Spec 10.2, and our own: the Roles and ClusterRoles that each account is bound to, and nothing else.
BOUND: Final = {
    CONTROLLER: {
        ("ClusterRole", "lws-manager-role"),
        ("Role", "lws-leader-election-role"),
        ("ClusterRole", "lws-proxy-role"),
        ("ClusterRole", "lws-metrics-reader"),
        ("Role", "lws-admission-requests-taker-role"),
    },
    WEBHOOK_SERVER: {
        ("Role", "lws-webhook-certificate-role"),
        ("ClusterRole", "lws-webhook-configuration-role"),
        ("ClusterRole", "lws-proxy-role"),
        ("Role", "lws-admission-requests-sender-role"),
        ("ClusterRole", "lws-admission-requests-sender"),
    },
}

# Spec 10.9 and 10.2: an installation of the reference is replaced in place, and comes back in place.
NAMES_OF_THE_REFERENCE: Final = {
    ("Namespace", "lws-system"),
    ("CustomResourceDefinition", "leaderworkersets.leaderworkerset.x-k8s.io"),
    ("ServiceAccount", "lws-controller-manager"),
    ("ClusterRole", "lws-manager-role"),
    ("ClusterRoleBinding", "lws-manager-rolebinding"),
    ("Role", "lws-leader-election-role"),
    ("RoleBinding", "lws-leader-election-rolebinding"),
    ("ClusterRole", "lws-proxy-role"),
    ("ClusterRoleBinding", "lws-proxy-rolebinding"),
    ("ClusterRole", "lws-metrics-reader"),
    ("ClusterRoleBinding", "lws-metrics-reader-rolebinding"),
    ("ConfigMap", "lws-manager-config"),
    ("Deployment", "lws-controller-manager"),
    ("Secret", "lws-webhook-server-cert"),
    ("Service", "lws-webhook-service"),
    ("Service", "lws-controller-manager-metrics-service"),
    ("MutatingWebhookConfiguration", "lws-mutating-webhook-configuration"),
    ("ValidatingWebhookConfiguration", "lws-validating-webhook-configuration"),
}
OUR_OWN: Final = {
    ("PersistentVolumeClaim", "lws-journal"),
    ("Deployment", "lws-webhook-server"),
    ("PodDisruptionBudget", "lws-webhook-server"),
    ("ServiceAccount", "lws-webhook-server"),
    ("Service", "lws-webhook-server-metrics-service"),
    ("ClusterRole", "lws-webhook-configuration-role"),
    ("ClusterRoleBinding", "lws-webhook-configuration-rolebinding"),
    ("Role", "lws-webhook-certificate-role"),
    ("RoleBinding", "lws-webhook-certificate-rolebinding"),
    ("ValidatingWebhookConfiguration", "lws-recording-webhook-configuration"),
    ("ConfigMap", "lws-admission-requests-authority"),
    ("Service", "lws-admission-requests-service"),
    ("Role", "lws-admission-requests-taker-role"),
    ("RoleBinding", "lws-admission-requests-taker-rolebinding"),
    ("Role", "lws-admission-requests-sender-role"),
    ("RoleBinding", "lws-admission-requests-sender-rolebinding"),
    ("ClusterRole", "lws-admission-requests-sender"),
    ("ClusterRoleBinding", "lws-admission-requests-sender-binding"),
}
SELECTOR_OF_THE_REFERENCE: Final = {
    "app.kubernetes.io/name": "lws",
    "app.kubernetes.io/instance": "lws",
    "control-plane": "controller-manager",
}
CLUSTER_WIDE: Final = {
    "Namespace",
    "CustomResourceDefinition",
    "ClusterRole",
    "ClusterRoleBinding",
    "MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration",
}


def _documents(path: Path) -> list[Json]:
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


def _files(directory: Path) -> list[Path]:
    """The files that a kustomization lists, those of folders that it lists included."""
    found: list[Path] = []
    for name in _documents(directory / "kustomization.yaml")[0]["resources"]:
        path = directory / name
        found += _files(path) if path.is_dir() else [path]
    return found


OBJECTS: Final = {
    (document["kind"], document["metadata"]["name"]): document
    for path in _files(DEPLOY)
    for document in _documents(path)
}
DEPLOYMENTS: Final = [name for kind, name in OBJECTS if kind == "Deployment"]


def _pod(deployment: str) -> Json:
    template: Json = OBJECTS["Deployment", deployment]["spec"]["template"]
    return template


def _rights(kind: str, name: str) -> Rights:
    found: Rights = {}
    for rule in OBJECTS[kind, name]["rules"]:
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                verbs, names = found.setdefault((group, resource), (set(), set()))
                verbs.update(rule["verbs"])
                names.update(rule.get("resourceNames", ()))
    return found


def test_the_kustomization_lists_every_file() -> None:
    there = {path for path in MANIFESTS.glob("*.yaml") if path.name != "kustomization.yaml"}
    assert {path for path in _files(DEPLOY) if path.parent == MANIFESTS} == there
    assert DEPLOY / "crd" / "leaderworkersets.yaml" in _files(DEPLOY)


def test_objects_have_the_names_of_the_reference() -> None:
    assert OBJECTS.keys() == NAMES_OF_THE_REFERENCE | OUR_OWN
    assert (SERVICE, SECRET, LEASE_NAME) == ("lws-webhook-service", "lws-webhook-server-cert", "b8b2488c.x-k8s.io")


@pytest.mark.parametrize("key", sorted(OBJECTS))
def test_an_object_is_in_the_namespace_of_the_installation(key: tuple[str, str]) -> None:
    assert OBJECTS[key]["metadata"].get("namespace") == (None if key[0] in CLUSTER_WIDE else "lws-system")


def test_the_cluster_roles_are_what_the_programs_use() -> None:
    assert _rights("ClusterRole", "lws-manager-role") == CLUSTER_RIGHTS
    assert _rights("ClusterRole", "lws-webhook-configuration-role") == CONFIGURATION_RIGHTS
    assert _rights("ClusterRole", "lws-proxy-role") == REVIEW_RIGHTS
    assert OBJECTS["ClusterRole", "lws-metrics-reader"]["rules"] == [
        {"nonResourceURLs": ["/metrics"], "verbs": ["get"]}
    ]


def test_rights_in_the_own_namespace_are_limited_to_names_where_possible() -> None:
    lease, create = OBJECTS["Role", "lws-leader-election-role"]["rules"]
    assert (lease["resources"], lease["resourceNames"], lease["verbs"]) == (["leases"], [LEASE_NAME], ["get", "update"])
    assert (create["resources"], create["verbs"]) == (["leases"], ["create"])
    secrets = {("", "secrets"): ({"get", "update"}, {SECRET})}
    assert _rights("Role", "lws-webhook-certificate-role") == secrets


@pytest.mark.parametrize("account", BOUND)
def test_an_account_is_bound_to_what_it_needs(account: str) -> None:
    subject = {"kind": "ServiceAccount", "name": account, "namespace": "lws-system"}
    bindings = [document for (kind, _), document in OBJECTS.items() if kind.endswith("Binding")]
    bound = {
        (binding["roleRef"]["kind"], binding["roleRef"]["name"])
        for binding in bindings
        if subject in binding["subjects"]
    }
    assert bound == BOUND[account] <= OBJECTS.keys()
    accounts = {one["name"] for binding in bindings for one in binding["subjects"]}
    assert accounts == set(BOUND)


def test_the_controller_replaces_the_reference_in_place() -> None:
    """A Deployment's selector cannot be changed, so it must be the same."""
    spec = OBJECTS["Deployment", "lws-controller-manager"]["spec"]
    assert spec["selector"]["matchLabels"] == SELECTOR_OF_THE_REFERENCE
    assert spec["template"]["spec"]["containers"][0]["name"] == "manager"
    # Applied on the server over a rolling update, Recreate is refused.
    assert spec["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}
    assert spec["replicas"] == 1, "a second one could not open the journal's directory"


def test_webhooks_have_replicas_that_the_controller_does_not_select() -> None:
    spec = OBJECTS["Deployment", "lws-webhook-server"]["spec"]
    assert spec["replicas"] == 2
    assert spec["selector"]["matchLabels"] == SELECTOR_OF_THE_REFERENCE | {"control-plane": "webhook-server"}
    service = OBJECTS["Service", SERVICE]["spec"]
    assert service["selector"] == spec["selector"]["matchLabels"]
    [port] = service["ports"]
    assert (port["port"], port["targetPort"]) == (443, 9443)


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_a_deployment_selects_its_pods(name: str) -> None:
    selector = OBJECTS["Deployment", name]["spec"]["selector"]["matchLabels"]
    assert selector.items() <= _pod(name)["metadata"]["labels"].items()


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_pods_are_as_the_restricted_standard_wants_them(name: str) -> None:
    spec = _pod(name)["spec"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] == 65532
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    [container] = spec["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert spec["serviceAccountName"] == name
    assert ("ServiceAccount", name) in OBJECTS


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_probes_ask_the_health_port(name: str) -> None:
    [container] = _pod(name)["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert container["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "health"}
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "health"}
    assert load_settings(flags={}).health == ("", ports["health"])
    assert load_settings(flags={}).metrics == ("", ports["metrics"])


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_metrics_are_behind_a_service(name: str) -> None:
    """Spec 10.9: port ``https``, 8443, which the reference's ServiceMonitor and end-to-end suite rely on."""
    service = OBJECTS["Service", f"{name}-metrics-service"]
    assert service["spec"]["selector"] == OBJECTS["Deployment", name]["spec"]["selector"]["matchLabels"]
    assert service["spec"]["ports"] == [{"name": "https", "port": 8443, "targetPort": 8443, "protocol": "TCP"}]
    assert service["metadata"]["labels"]["control-plane"] == service["spec"]["selector"]["control-plane"]


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_volumes_are_there(name: str) -> None:
    spec = _pod(name)["spec"]
    [container] = spec["containers"]
    volumes = {volume["name"]: volume for volume in spec["volumes"]}
    assert {mount["name"] for mount in container["volumeMounts"]} == volumes.keys()
    assert ("ConfigMap", volumes["manager-config"]["configMap"]["name"]) in OBJECTS
    if "journal" in volumes:
        assert ("PersistentVolumeClaim", volumes["journal"]["persistentVolumeClaim"]["claimName"]) in OBJECTS


def test_the_configuration_is_understood_and_the_journal_fits_its_volume(tmp_path: Path) -> None:
    [(name, text)] = OBJECTS["ConfigMap", "lws-manager-config"]["data"].items()
    file = tmp_path / name
    file.write_text(text)
    settings = load_settings(flags={}, config=file)
    [container] = _pod("lws-controller-manager")["spec"]["containers"]
    assert name == "controller_manager_config.yaml"
    assert f"--config=/{name}" in container["args"]
    assert {"mountPath": f"/{name}", "subPath": name, "name": "manager-config", "readOnly": True} in container[
        "volumeMounts"
    ]
    assert str(settings.data_dir) in [mount["mountPath"] for mount in container["volumeMounts"]]
    claimed = OBJECTS["PersistentVolumeClaim", "lws-journal"]["spec"]["resources"]["requests"]["storage"]
    assert 2 * settings.journal_bytes_max < int(claimed.removesuffix("Gi")) * 1024**3


def test_the_empty_secret_brings_no_data() -> None:
    """Applied again it must not undo the certificate."""
    assert "data" not in OBJECTS["Secret", SECRET]
    assert "stringData" not in OBJECTS["Secret", SECRET]


def test_the_webhook_configurations_are_fresh(capsys: pytest.CaptureFixture[str]) -> None:
    assert manifests.main(["check"]) == 0
    for name in (MUTATING, VALIDATING, RECORDING):
        [configuration] = [document for (_, found), document in OBJECTS.items() if found == name]
        for webhook in configuration["webhooks"]:
            assert webhook["clientConfig"]["service"]["name"] == SERVICE
            assert "caBundle" not in webhook["clientConfig"]
    assert capsys.readouterr().err == ""


def test_stale_webhook_configurations_are_found_and_made_anew(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(manifests, "DEPLOY", tmp_path)
    assert manifests.main(["check"]) == 1, "absent"
    for path, text in manifests.manifests().items():
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text(text.replace("Fail", "Ignore"))
    assert manifests.main(["check"]) == 1
    assert "run `make manifests`" in capsys.readouterr().err
    assert manifests.main(["generate"]) == 0
    assert manifests.main(["check"]) == 0


RECORDING_FILES: Final = (MANIFESTS / "webhooks.yaml", DEPLOY / "components" / "record-deletions" / "webhooks.yaml")


@pytest.mark.parametrize("path", RECORDING_FILES, ids=lambda path: path.parent.name)
def test_what_only_records_can_hold_nothing_up(path: Path) -> None:
    [configuration] = [each for each in _documents(path) if each["metadata"]["name"] == RECORDING]
    assert configuration["kind"] == "ValidatingWebhookConfiguration", "one that could change nothing"
    for webhook in configuration["webhooks"]:
        assert (webhook["failurePolicy"], webhook["timeoutSeconds"]) == ("Ignore", 1)
        assert webhook["sideEffects"] == "NoneOnDryRun"
        assert webhook["clientConfig"]["service"]["path"] == "/record-requests"
    named = [webhook["name"] for file in RECORDING_FILES for each in _documents(file) for webhook in each["webhooks"]]
    assert len(named) == len(set(named)), "a patch of the component adds webhooks, and replaces none"


def test_deletions_of_pods_are_told_only_of_sets_and_only_where_that_is_chosen() -> None:
    [default] = [each for each in _documents(RECORDING_FILES[0]) if each["metadata"]["name"] == RECORDING]
    rules = [(rule["resources"], rule["operations"]) for webhook in default["webhooks"] for rule in webhook["rules"]]
    assert rules == [(["leaderworkersets"], ["DELETE"]), (["leaderworkersets/scale"], ["UPDATE"])]
    [chosen] = _documents(RECORDING_FILES[1])
    deletion, eviction = chosen["webhooks"]
    assert deletion["objectSelector"]["matchExpressions"][0]["key"] == "leaderworkerset.sigs.k8s.io/name"
    assert [rule["resources"] for rule in deletion["rules"] + eviction["rules"]] == [["pods"], ["pods/eviction"]]


def test_webhook_servers_find_the_controller_and_are_let_in() -> None:
    controller, webhook_server = (_pod(name)["spec"] for name in (CONTROLLER, WEBHOOK_SERVER))
    [service_port] = OBJECTS["Service", requests_wire.SERVICE]["spec"]["ports"]
    assert service_port["port"] == service_port["targetPort"] == requests_wire.PORT
    url = f"https://{requests_wire.SERVICE}.lws-system.svc:{requests_wire.PORT}"
    assert f"--admission-requests-url={url}" in webhook_server["containers"][0]["args"]
    assert f"--admission-requests-bind-address=:{requests_wire.PORT}" in controller["containers"][0]["args"]
    selector = OBJECTS["Service", requests_wire.SERVICE]["spec"]["selector"]
    assert selector == OBJECTS["Deployment", CONTROLLER]["spec"]["selector"]["matchLabels"]
    [volume] = [each for each in webhook_server["volumes"] if each["name"] == "requests-token"]
    [source] = volume["projected"]["sources"]
    assert source["serviceAccountToken"]["audience"] == requests_wire.AUDIENCE
    [mount] = [each for each in webhook_server["containers"][0]["volumeMounts"] if each["name"] == volume["name"]]
    token_file = Path(mount["mountPath"]) / source["serviceAccountToken"]["path"]
    assert load_settings(flags={}).admission_requests_token_file == token_file
    sender = OBJECTS["ClusterRole", "lws-admission-requests-sender"]
    assert sender["rules"] == [{"nonResourceURLs": [requests_wire.PATH], "verbs": ["post"]}]
    for role, verbs in (("taker", {"get", "update"}), ("sender", {"get"})):
        rights = _rights("Role", f"lws-admission-requests-{role}-role")
        assert rights == {("", "configmaps"): (verbs, {CONFIG_MAP})}
    assert "data" not in OBJECTS["ConfigMap", CONFIG_MAP], "applied again it must not undo the authority"


def test_the_image_runs_as_the_account_of_the_manifests() -> None:
    text = (DEPLOY / "Containerfile").read_text()
    assert "USER 65532:65532" in text
    assert "ln -s /opt/lws-events/bin/manager /manager" in text
    scripts = tomllib.loads((DEPLOY.parent / "pyproject.toml").read_text())["project"]["scripts"]
    assert scripts["manager"] == "adapters.cli.main:manager"
    for name in DEPLOYMENTS:
        [container] = _pod(name)["spec"]["containers"]
        assert container["command"] == ["/manager"]
