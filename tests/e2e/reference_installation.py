"""The objects of an installation of the reference, as its manifests have them (spec 10.1, 10.2, 10.9).

Written from the specification: names, selectors and whatever a replacement meets. Deliberately absent: what belongs to
DisaggregatedSet, and rights in full, which are replaced as a whole.
"""

from typing import Any, Final

from tests.controlplane.installation import crd

Json = dict[str, Any]

NAMESPACE: Final = "lws-system"
ACCOUNT: Final = "lws-controller-manager"
COMMON: Final = {"app.kubernetes.io/name": "lws", "app.kubernetes.io/instance": "lws"}
SELECTOR: Final = COMMON | {"control-plane": "controller-manager"}
_RBAC: Final = "rbac.authorization.k8s.io/v1"
_SETS: Final = ("leaderworkerset.x-k8s.io", "leaderworkersets", "leaderworkerset-x-k8s-io-v1-leaderworkerset")
_PODS: Final = ("", "pods", "-v1-pod")


def installation() -> list[Json]:
    """All objects, in the order in which they can be applied."""
    return [
        _object("v1", "Namespace", NAMESPACE, namespaced=False, labels={"control-plane": "controller-manager"}),
        crd(),
        _object("v1", "ServiceAccount", ACCOUNT),
        *_rights(),
        _object("v1", "ConfigMap", "lws-manager-config", data={"controller_manager_config.yaml": _CONFIGURATION}),
        _object("v1", "Secret", "lws-webhook-server-cert", type="Opaque"),
        _service("lws-webhook-service", {"port": 443, "protocol": "TCP", "targetPort": 9443}),
        _service(
            "lws-controller-manager-metrics-service",
            {"name": "https", "port": 8443, "protocol": "TCP", "targetPort": 8443},
        ),
        _deployment(),
        *_webhooks(),
    ]


_CONFIGURATION: Final = """\
apiVersion: config.lws.x-k8s.io/v1alpha1
kind: Configuration
leaderElection:
  leaderElect: true
internalCertManagement:
  enable: true
"""


def _object(
    version: str, kind: str, name: str, *, namespaced: bool = True, labels: dict[str, str] | None = None, **content: Any
) -> Json:
    metadata: Json = {"name": name, "labels": COMMON | (labels or {})}
    if namespaced:
        metadata["namespace"] = NAMESPACE
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **content}


def _rights() -> list[Json]:
    every = ["get", "list", "watch", "create", "update", "patch", "delete"]
    manager = [
        {"apiGroups": [""], "resources": ["pods", "services", "nodes", "secrets", "events"], "verbs": every},
        {"apiGroups": ["apps"], "resources": ["statefulsets", "controllerrevisions"], "verbs": every},
        {"apiGroups": ["leaderworkerset.x-k8s.io"], "resources": ["*"], "verbs": every},
    ]
    election = [{"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": every}]
    proxy = [{"apiGroups": ["authentication.k8s.io"], "resources": ["tokenreviews"], "verbs": ["create"]}]
    reader = [{"nonResourceURLs": ["/metrics"], "verbs": ["get"]}]
    found = []
    for kind, name, rules in (
        ("ClusterRole", "lws-manager-role", manager),
        ("Role", "lws-leader-election-role", election),
        ("ClusterRole", "lws-proxy-role", proxy),
        ("ClusterRole", "lws-metrics-reader", reader),
    ):
        namespaced = kind == "Role"
        found.append(_object(_RBAC, kind, name, namespaced=namespaced, rules=rules))
        found.append(
            _object(
                _RBAC,
                f"{kind}Binding",
                f"{name.removesuffix('-role')}-rolebinding",
                namespaced=namespaced,
                roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name},
                subjects=[{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": NAMESPACE}],
            )
        )
    return found


def _service(name: str, port: Json) -> Json:
    labels = {"control-plane": "controller-manager"}
    return _object("v1", "Service", name, labels=labels, spec={"ports": [port], "selector": SELECTOR})


def _deployment() -> Json:
    probe = {"port": 8081, "scheme": "HTTP"}
    container = {
        "name": "manager",
        "image": "registry.k8s.io/lws/lws:v0.10.0",
        "imagePullPolicy": "Always",
        "command": ["/manager"],
        "args": ["--config=/controller_manager_config.yaml", "--zap-log-level=2"],
        "ports": [
            {"containerPort": 9443, "name": "webhook-server", "protocol": "TCP"},
            {"containerPort": 8443, "name": "metrics", "protocol": "TCP"},
        ],
        "livenessProbe": {"httpGet": {"path": "/healthz", **probe}, "initialDelaySeconds": 15, "periodSeconds": 20},
        "readinessProbe": {"httpGet": {"path": "/readyz", **probe}, "initialDelaySeconds": 5, "periodSeconds": 10},
        "resources": {"requests": {"cpu": "1", "memory": "1Gi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {
                "mountPath": "/controller_manager_config.yaml",
                "name": "manager-config",
                "subPath": "controller_manager_config.yaml",
            },
            {"mountPath": "/tmp/k8s-webhook-server/serving-certs", "name": "cert", "readOnly": True},
        ],
    }
    pod = {
        "containers": [container],
        "securityContext": {"runAsNonRoot": True},
        "serviceAccountName": ACCOUNT,
        "terminationGracePeriodSeconds": 10,
        "volumes": [
            {"name": "manager-config", "configMap": {"name": "lws-manager-config"}},
            {"name": "cert", "secret": {"secretName": "lws-webhook-server-cert", "defaultMode": 420}},
        ],
    }
    annotations = {"kubectl.kubernetes.io/default-container": "manager"}
    template = {"metadata": {"labels": SELECTOR, "annotations": annotations}, "spec": pod}
    spec = {"replicas": 2, "selector": {"matchLabels": SELECTOR}, "template": template}
    return _object("apps/v1", "Deployment", ACCOUNT, labels={"control-plane": "controller-manager"}, spec=spec)


def _webhooks() -> list[Json]:
    return [
        _configuration("Mutating", "mutate", "m", pod_operations=["CREATE"]),
        _configuration("Validating", "validate", "v", pod_operations=["CREATE", "UPDATE"]),
    ]


def _configuration(kind: str, verb: str, letter: str, *, pod_operations: list[str]) -> Json:
    named = {"matchExpressions": [{"key": "leaderworkerset.sigs.k8s.io/name", "operator": "Exists"}]}
    webhooks = []
    for short, (group, plural, suffix), operations, selector in (
        ("leaderworkerset", _SETS, ["CREATE", "UPDATE"], {}),
        ("pod", _PODS, pod_operations, {"objectSelector": named}),
    ):
        service = {"name": "lws-webhook-service", "namespace": NAMESPACE, "path": f"/{verb}-{suffix}"}
        rule = {"apiGroups": [group], "apiVersions": ["v1"], "resources": [plural], "operations": operations}
        webhooks.append(
            {
                "name": f"{letter}{short}.kb.io",
                "admissionReviewVersions": ["v1"],
                "clientConfig": {"service": service},
                "failurePolicy": "Fail",
                "sideEffects": "None",
                "rules": [rule],
                **selector,
            }
        )
    return _object(
        "admissionregistration.k8s.io/v1",
        f"{kind}WebhookConfiguration",
        f"lws-{kind.lower()}-webhook-configuration",
        namespaced=False,
        webhooks=webhooks,
    )
