"""Nodes of the rebuilt cluster: from a file, from an API server's list, or made up from what pods have told of them."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from adapters.simulation import nodes
from adapters.simulation.objects import Object


class InventoryError(ValueError):
    """A file of nodes cannot be used; the message says why."""


def read_nodes(path: Path) -> list[Object]:
    """Nodes as ``kubectl get nodes -o yaml`` (or ``-o json``) writes them. Raises ``InventoryError``."""
    try:
        documents = [one for one in yaml.safe_load_all(path.read_text()) if one is not None]
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InventoryError(f"{path} cannot be read: {error}") from error
    found: list[Any] = []
    for document in documents:
        is_list = isinstance(document, dict) and isinstance(document.get("items"), list)
        found += document["items"] if is_list else [document]
    if not found:
        raise InventoryError(f"{path} holds no Node")
    return [_node(one, path) for one in found]


def _node(document: Any, path: Path) -> Object:
    metadata = document.get("metadata") if isinstance(document, dict) else None
    if not isinstance(metadata, dict) or document.get("kind") != "Node" or not metadata.get("name"):
        raise InventoryError(f"{path} holds something that is no Node")
    return as_known(document)


def as_known(node: Mapping[str, Any]) -> Object:
    """A Node as an API server or a file has it, with the parts that count here."""
    metadata, status = node["metadata"], node.get("status") or {}
    name = str(metadata["name"])
    made = nodes.node(name, labels=metadata.get("labels") or {})
    conditions = [one for one in status.get("conditions") or [] if one.get("type") == "Ready"]
    if conditions:
        made["status"]["conditions"] = [dict(conditions[0])]
    pods = (status.get("allocatable") or {}).get("pods")
    if pods is not None:
        made["status"]["allocatable"] = {**made["status"]["allocatable"], "pods": str(pods)}
    spec = {key: value for key, value in (node.get("spec") or {}).items() if key in {"taints", "unschedulable"}}
    return {**made, "spec": spec} if spec else made


def completed_by(
    known: Iterable[Object], told: Mapping[str, Mapping[str, str]], *, needed: Iterable[str]
) -> list[Object]:
    """The nodes that are known, and those that must exist because pods are there; all of those told of if none is."""
    by_name = {one["metadata"]["name"]: one for one in known}
    missing = set(needed) if by_name else {*told, *needed}
    for name in sorted(missing - by_name.keys()):
        by_name[name] = nodes.node(name, labels=told.get(name, {}))
    return [by_name[name] for name in sorted(by_name)]
