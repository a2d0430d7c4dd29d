"""What a client asks a cluster about itself: version, groups, resources."""

from typing import Any

from adapters.simulation.kinds import ALL, Kind

_VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]

VERSION = {
    "major": "1",
    "minor": "36",
    "gitVersion": "v1.36.0+simulated",
    "gitCommit": "",
    "gitTreeState": "clean",
    "buildDate": "2026-01-01T00:00:00Z",
    "goVersion": "none",
    "compiler": "none",
    "platform": "simulated/none",
}


def document(path: str) -> dict[str, Any] | None:
    """The discovery document at a path, or ``None`` where there is none."""
    parts = [part for part in path.split("/") if part]
    if parts == ["version"]:
        return dict(VERSION)
    if parts[:2] == ["openapi", "v3"]:
        return _openapi("/".join(parts[2:]))
    if parts == ["api"]:
        return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}
    if parts == ["apis"]:
        groups = sorted({kind.group for kind in ALL if kind.group})
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(group) for group in groups]}
    if len(parts) == 2 and parts[0] == "apis" and any(kind.group == parts[1] for kind in ALL):
        return {"kind": "APIGroup", "apiVersion": "v1", **_group(parts[1])}
    if parts[:1] in (["api"], ["apis"]):
        return _resources("/".join(parts[1:]))
    return None


def _openapi(group_version: str) -> dict[str, Any] | None:
    """As little of OpenAPI as kubectl needs to see before it leaves validation to the server."""
    if not group_version:
        versions = sorted({kind.api_version for kind in ALL if kind.group})
        served = [*(f"apis/{version}" for version in versions), "api/v1"]
        return {"paths": {path: {"serverRelativeURL": f"/openapi/v3/{path}"} for path in served}}
    paths = {}
    for kind in ALL:
        root = f"apis/{kind.api_version}" if kind.group else f"api/{kind.api_version}"
        if root == group_version:
            patch = {
                "parameters": [{"name": "fieldValidation", "in": "query"}],
                "x-kubernetes-group-version-kind": {"group": kind.group, "version": kind.version, "kind": kind.kind},
                "responses": {},
            }
            namespaced = "/namespaces/{namespace}" if kind.namespaced else ""
            paths[f"/{root}{namespaced}/{kind.plural}/{{name}}"] = {"patch": patch}
    return {"openapi": "3.0.0", "info": {"title": "simulated", "version": "1"}, "paths": paths} if paths else None


def _group(group: str) -> dict[str, Any]:
    versions = sorted({kind.version for kind in ALL if kind.group == group})
    listed = [{"groupVersion": f"{group}/{version}", "version": version} for version in versions]
    return {"name": group, "versions": listed, "preferredVersion": listed[-1]}


def _resources(group_version: str) -> dict[str, Any] | None:
    served = [kind for kind in ALL if kind.api_version == group_version]
    if not served:
        return None
    resources = [resource for kind in served for resource in _of_kind(kind)]
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": resources}


def _of_kind(kind: Kind) -> list[dict[str, Any]]:
    base = {"singularName": kind.kind.lower(), "namespaced": kind.namespaced, "kind": kind.kind}
    result = [{"name": kind.plural, **base, "verbs": _VERBS, "shortNames": list(kind.short_names)}]
    if kind.status:
        result.append({"name": f"{kind.plural}/status", **base, "verbs": ["get", "patch", "update"]})
    if kind.scale:
        scale = {"group": "autoscaling", "version": "v1", "kind": "Scale"}
        result.append({"name": f"{kind.plural}/scale", **base, **scale, "verbs": ["get", "patch", "update"]})
    return result
