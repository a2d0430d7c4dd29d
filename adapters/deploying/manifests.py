"""Read LeaderWorkerSets from a file of YAML or JSON documents, and refuse whatever else is in it.

What is right in a set is decided by the API server; here only what is needed to address one is looked at.
"""

from typing import Any, NamedTuple

import yaml

from lws_events import names
from lws_events.subjects import SetName

_API_VERSION = f"{names.GROUP}/{names.VERSION}"


class ManifestError(Exception):
    """The file cannot be meant; the message says which document of it, and why."""


class Manifest(NamedTuple):
    """A set as it is to be applied, with its namespace filled in."""

    set_name: SetName
    body: dict[str, Any]


def read_manifests(text: str, *, namespace: str | None, fallback: str, path: str) -> list[Manifest]:
    """All sets of a file, in its order. Those that name no namespace are in ``namespace``, else in ``fallback``.

    Raises ``ManifestError``, also where one names another namespace than ``namespace``.
    """
    try:
        documents = [document for document in yaml.safe_load_all(text) if document is not None]
    except yaml.YAMLError as error:
        raise ManifestError(f"{path} is neither YAML nor JSON: {error}") from error
    found: list[Manifest] = []
    for number, document in enumerate(documents, start=1):
        where = f"{path}, document {number}"
        found.append(_manifest(document, namespace=namespace, fallback=fallback, where=where))
    if not found:
        raise ManifestError(f"{path} holds no LeaderWorkerSet")
    twice = sorted({str(one.set_name) for one in found if [other.set_name for other in found].count(one.set_name) > 1})
    if twice:
        raise ManifestError(f"{path} holds {', '.join(twice)} more than once")
    return found


def _manifest(document: Any, *, namespace: str | None, fallback: str, where: str) -> Manifest:
    if not isinstance(document, dict):
        raise ManifestError(f"{where} is no object")
    kind = (document.get("apiVersion"), document.get("kind"))
    if kind != (_API_VERSION, names.KIND):
        raise ManifestError(f"{where} is {kind[0]} {kind[1]}; only {_API_VERSION} {names.KIND} can be deployed")
    metadata = document.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    if not isinstance(metadata, dict) or not isinstance(name, str) or not name:
        raise ManifestError(f"{where} has no metadata.name")
    own = metadata.get("namespace")
    if own is not None and namespace not in (None, own):
        raise ManifestError(f"{where} is of namespace {own}, not {namespace} as --namespace says")
    chosen = own or namespace or fallback
    body = {key: value for key, value in document.items() if key != "status"}
    body["metadata"] = metadata | {"namespace": chosen}
    return Manifest(SetName(chosen, name), body)
