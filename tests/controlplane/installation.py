"""Install our CRD and webhook configurations into the test control plane.

The webhooks are reached by URL on loopback instead of through a Service (there is no cluster network); everything else
is as in production (spec 10.1).
"""

import base64
from pathlib import Path
from typing import Any, Final

import yaml

from tests.controlplane.api import CRDS, Api, eventually

Json = dict[str, Any]

CRD_FILE: Final = Path(__file__).parents[2] / "deploy" / "crd" / "leaderworkersets.yaml"
CRD_NAME: Final = "leaderworkersets.leaderworkerset.x-k8s.io"
_CONFIGURATIONS: Final = "/apis/admissionregistration.k8s.io/v1"
MUTATING: Final = f"{_CONFIGURATIONS}/mutatingwebhookconfigurations"
VALIDATING: Final = f"{_CONFIGURATIONS}/validatingwebhookconfigurations"
MUTATING_NAME: Final = "lws-mutating-webhook-configuration"
VALIDATING_NAME: Final = "lws-validating-webhook-configuration"

_SETS: Final = (["leaderworkerset.x-k8s.io"], "leaderworkersets", "leaderworkerset-x-k8s-io-v1-leaderworkerset")
_PODS: Final = ([""], "pods", "-v1-pod")
_NAMED: Final = {"matchExpressions": [{"key": "leaderworkerset.sigs.k8s.io/name", "operator": "Exists"}]}


def crd() -> Json:
    """Our CRD as it is checked in."""
    manifest: Json = yaml.safe_load(CRD_FILE.read_text())
    return manifest


async def install_crd(api: Api, manifest: Json) -> None:
    """Apply the CRD and wait until its resources are served."""
    await api.apply(f"{CRDS}/{CRD_NAME}", manifest)

    async def established() -> bool:
        conditions = (await api.get(f"{CRDS}/{CRD_NAME}"))["status"]["conditions"] or []
        return any(c["type"] == "Established" and c["status"] == "True" for c in conditions)

    await eventually(established, what="the CRD to be established")
    # The API server answers 404 for a moment after that, until its handlers are swapped.
    served = "/apis/leaderworkerset.x-k8s.io/v1/leaderworkersets"
    await eventually(lambda: api.find(served), what="LeaderWorkerSets to be served")


async def install_webhooks(api: Api, *, url: str, authority_pem: bytes, pods: bool = True) -> None:
    """Apply both webhook configurations; ``url`` is scheme, host and port, ``pods`` whether pods pass the hooks too."""
    client = {"url": url, "caBundle": base64.b64encode(authority_pem).decode()}
    mutating = [_webhook("mleaderworkerset.kb.io", "mutate", _SETS, ["CREATE", "UPDATE"], client)]
    validating = [_webhook("vleaderworkerset.kb.io", "validate", _SETS, ["CREATE", "UPDATE"], client)]
    if pods:
        mutating.append({**_webhook("mpod.kb.io", "mutate", _PODS, ["CREATE"], client), "objectSelector": _NAMED})
        validating.append(
            {**_webhook("vpod.kb.io", "validate", _PODS, ["CREATE", "UPDATE"], client), "objectSelector": _NAMED}
        )
    for collection, name, kind, webhooks in (
        (MUTATING, MUTATING_NAME, "MutatingWebhookConfiguration", mutating),
        (VALIDATING, VALIDATING_NAME, "ValidatingWebhookConfiguration", validating),
    ):
        manifest = {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": kind,
            "metadata": {"name": name},
            "webhooks": webhooks,
        }
        await api.apply(f"{collection}/{name}", manifest)


async def remove_webhooks(api: Api) -> None:
    """Delete both webhook configurations."""
    await api.delete(f"{MUTATING}/{MUTATING_NAME}")
    await api.delete(f"{VALIDATING}/{VALIDATING_NAME}")


def _webhook(
    name: str, verb: str, what: tuple[list[str], str, str], operations: list[str], client: dict[str, str]
) -> Json:
    groups, plural, suffix = what
    return {
        "name": name,
        "clientConfig": {"url": f"{client['url']}/{verb}-{suffix}", "caBundle": client["caBundle"]},
        "rules": [{"apiGroups": groups, "apiVersions": ["v1"], "resources": [plural], "operations": operations}],
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "failurePolicy": "Fail",
    }
