"""The webhook configurations, as objects of the Kubernetes API: the reference's two (spec 10.1), and one of our own.

Names, order and paths of the two are those of the reference, so that applying them over its manifests replaces them.
The validating pod webhook asks for CREATE alone: with updates in it no pod of a set could even be labelled while this
program is down (D52).

Our own one only tells us who asks for what. It can neither change nor refuse anything, and nothing waits for it longer
than a second: where it does not answer the request goes on (``failurePolicy: Ignore``).
"""

from typing import Any, Final

from lws_events import names
from lws_events.admission.requests import RECORD
from lws_events.admission.review import MUTATE_POD, MUTATE_SET, VALIDATE_POD, VALIDATE_SET

MUTATING: Final = "lws-mutating-webhook-configuration"
VALIDATING: Final = "lws-validating-webhook-configuration"
RECORDING: Final = "lws-recording-webhook-configuration"
"""Ours, beside the reference's. Without this program it does nothing, and may be deleted."""
RECORDING_SECONDS_MAX: Final = 1
"""What a request may wait for us, if we hang; the least that the API server can be told."""
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


def recording_configuration(client: dict[str, Any], *, pods: bool = False) -> dict[str, Any]:
    """Our own configuration: deletions of sets and their subresource ``scale``; with ``pods`` those of pods, too.

    These cost a call for each deletion of a pod of a set, and for each eviction in the cluster: an Eviction has no
    label by which the API server could choose.
    """
    webhooks = [_recording("rleaderworkerset.lws-events.io", client, recorded_rules())]
    return _configuration(
        "ValidatingWebhookConfiguration", RECORDING, webhooks + (pod_webhooks(client) if pods else [])
    )


def recorded_rules() -> list[dict[str, Any]]:
    """What of sets is told us beside what the reference's webhooks are asked about."""
    return [_rule(names.GROUP, names.PLURAL, "DELETE"), _rule(names.GROUP, f"{names.PLURAL}/scale", "UPDATE")]


def pod_webhooks(client: dict[str, Any]) -> list[dict[str, Any]]:
    """Deletions and evictions of pods: ``deploy/components/record-deletions`` adds these."""
    return [
        _recording("rpod.lws-events.io", client, [_rule("", "pods", "DELETE")], of_sets=True),
        _recording("reviction.lws-events.io", client, [_rule("", "pods/eviction", "CREATE")]),
    ]


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


def _recording(
    name: str, client: dict[str, Any], rules: list[dict[str, Any]], *, of_sets: bool = False
) -> dict[str, Any]:
    webhook = _webhook(name, client, RECORD, rules[0], of_sets=of_sets)
    # To record is a side effect; of a dry run nothing is recorded.
    held = {"failurePolicy": "Ignore", "sideEffects": "NoneOnDryRun", "timeoutSeconds": RECORDING_SECONDS_MAX}
    return webhook | held | {"rules": rules}


def _at(client: dict[str, Any], path: str) -> dict[str, Any]:
    if "url" in client:
        return {"url": client["url"] + path}
    return {"service": {**client["service"], "path": path}}


def _rule(group: str, resource: str, *operations: str) -> dict[str, Any]:
    return {"apiGroups": [group], "apiVersions": ["v1"], "resources": [resource], "operations": list(operations)}
