"""Objects and answers that the admission tests share."""

import base64
import json
from typing import Any

from lws_events import names


def a_set(name: str = "set", **spec: Any) -> dict[str, Any]:
    """A small valid set as the schema leaves it; ``spec`` overrides whole fields, ``template`` the group's template."""
    template = {
        "restartPolicy": "RecreateGroupOnPodRestart",
        "size": 4,
        "workerTemplate": {"spec": {"containers": [{"name": "c", "image": "i"}]}},
        **spec.pop("template", {}),
    }
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"replicas": 2, "startupPolicy": "LeaderCreated", "leaderWorkerTemplate": template, **spec},
    }


def budgets(unavailable: Any, surge: Any, partition: int = 0) -> dict[str, Any]:
    """A rollout strategy."""
    configuration = {"maxUnavailable": unavailable, "maxSurge": surge, "partition": partition}
    return {"type": "RollingUpdate", "rollingUpdateConfiguration": configuration}


def review(operation: str, new: Any, old: Any = None, **request: Any) -> dict[str, Any]:
    """An AdmissionReview as the API server posts it."""
    return {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "request-uid",
            "operation": operation,
            "namespace": "default",
            "object": new,
            "oldObject": old,
            "userInfo": {"username": "alice", "groups": ["team", "system:authenticated"], "uid": "7"},
            **request,
        },
    }


def patched(value: Any, answer: dict[str, Any]) -> Any:
    """The object after the patch of an answered review, applied as RFC 6902 says."""
    encoded = answer["response"].get("patch")
    result = json.loads(json.dumps(value))
    for operation in json.loads(base64.b64decode(encoded)) if encoded else []:
        result = _applied(result, operation)
    return result


def _applied(root: Any, operation: dict[str, Any]) -> Any:
    tokens = [token.replace("~1", "/").replace("~0", "~") for token in operation["path"].split("/")[1:]]
    parent = root
    for token in tokens[:-1]:
        parent = parent[int(token)] if isinstance(parent, list) else parent[token]
    key: Any = int(tokens[-1]) if isinstance(parent, list) else tokens[-1]
    match operation["op"]:
        case "remove":
            del parent[key]
        case "add":
            assert isinstance(parent, dict)
            assert key not in parent
            parent[key] = operation["value"]
        case "replace":
            assert parent[key] is not ...
            parent[key] = operation["value"]
    return root


def without_empty(value: Any) -> Any:
    """The value without empty structs at any depth: the reference prints some that mean nothing."""
    if isinstance(value, dict):
        pruned = {key: without_empty(member) for key, member in value.items()}
        return {key: member for key, member in pruned.items() if member != {}}
    return [without_empty(member) for member in value] if isinstance(value, list) else value
