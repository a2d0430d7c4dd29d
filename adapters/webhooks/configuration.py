"""The two webhook configurations, as objects of the Kubernetes API (spec 10.1).

Names, order and paths are those of the reference, so that applying them over its manifests replaces them. The
validating pod webhook asks for CREATE alone: with updates in it no pod of a set could even be labelled while this
program is down (D52).
"""

from typing import Any, Final

from lws_events import names
from lws_events.admission.review import MUTATE_POD, MUTATE_SET, VALIDATE_POD, VALIDATE_SET

MUTATING: Final = "lws-mutating-webhook-configuration"
VALIDATING: Final = "lws-validating-webhook-configuration"
SERVICE: Final = "lws-webhook-service"
SECRET: Final = "lws-webhook-server-cert"

_API_VERSION: Final = "admissionregistration.k8s.io/v1"


def service_client(namespace: str, *, service: str = SERVICE) -> dict[str, Any]:
    """``clientConfig`` of a server that is reached through a Service, without path."""
    return {"service": {"name": service, "namespace": namespace}}


def url_client(base: str) -> dict[str, Any]:
    """``clientConfig`` of a server that is reached at ``https://<host>:<port>``, without path: for local use."""
    return {"url": base.rstrip("/")}


def webhook_configurations(client: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The mutating and the validating configuration. The bundle is injected later, by whoever has the authority."""
    set_rule = _rule(names.GROUP, names.PLURAL, "CREATE", "UPDATE")
    pod_rule = _rule("", "pods", "CREATE")
    mutating = [
        _webhook("mleaderworkerset.kb.io", client, MUTATE_SET, set_rule),
        _webhook("mpod.kb.io", client, MUTATE_POD, pod_rule, of_sets=True),
    ]
    validating = [
        _webhook("vleaderworkerset.kb.io", client, VALIDATE_SET, set_rule),
        _webhook("vpod.kb.io", client, VALIDATE_POD, pod_rule, of_sets=True),
    ]
    return (
        _configuration("MutatingWebhookConfiguration", MUTATING, mutating),
        _configuration("ValidatingWebhookConfiguration", VALIDATING, validating),
    )


def _configuration(kind: str, name: str, webhooks: list[dict[str, Any]]) -> dict[str, Any]:
    return {"apiVersion": _API_VERSION, "kind": kind, "metadata": {"name": name}, "webhooks": webhooks}


def _webhook(
    name: str, client: dict[str, Any], path: str, rule: dict[str, Any], *, of_sets: bool = False
) -> dict[str, Any]:
    webhook: dict[str, Any] = {
        "name": name,
        "admissionReviewVersions": ["v1"],
        "clientConfig": _at(client, path),
        "failurePolicy": "Fail",
        "sideEffects": "None",
        "rules": [rule],
    }
    if of_sets:
        webhook["objectSelector"] = {"matchExpressions": [{"key": names.SET_NAME, "operator": "Exists"}]}
    return webhook


def _at(client: dict[str, Any], path: str) -> dict[str, Any]:
    if "url" in client:
        return {"url": client["url"] + path}
    return {"service": {**client["service"], "path": path}}


def _rule(group: str, resource: str, *operations: str) -> dict[str, Any]:
    return {"apiGroups": [group], "apiVersions": ["v1"], "resources": [resource], "operations": list(operations)}
