"""Write sets to the API server: server-side apply, and a template of before put back.

Only the parts that a ControllerRevision covers are put back (spec 2.5), and only while nobody has changed the set
since: what a patch does is exact, whoever else owns fields of it. The groups that the stalled template broke would use
up the budget of the way back, so that way is annotated to replace them first (spec D9), for as long as it lasts. What
was put back belongs to what was applied, so that the next file is applied over it.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from adapters.deploying.manifests import Manifest
from adapters.deploying.ownership import take_over_patched
from adapters.kubernetes import credentials, resources
from adapters.kubernetes.client import APPLY_PATCH, JSON_PATCH, ApiClient
from adapters.kubernetes.errors import ApiError
from lws_events.names import REPLACE_BROKEN_GROUPS_FIRST
from lws_events.subjects import SetName
from projections.difference import Change, difference

FIELD_MANAGER: Final = "lws-events-deploy"

CREATED: Final = "created"
CONFIGURED: Final = "configured"
UNCHANGED: Final = "unchanged"

_NOT_FOUND: Final = 404
_COVERED: Final = ("leaderWorkerTemplate", "networkConfig")
_KEPT_BY_SERVER: Final = frozenset({"creationTimestamp", "generation", "managedFields", "resourceVersion", "uid"})


class Applied(NamedTuple):
    """What became of a set."""

    set_name: SetName
    outcome: str
    """``created``, ``configured`` (also of its metadata, or of who owns a field) or ``unchanged``."""
    uid: str
    generation: int
    generation_before: int
    """0 where it was created."""
    changes: tuple[Change, ...]
    """Of metadata and spec: what it was and what it is; of a created set what is filled in that the manifest leaves."""


class PutBack(NamedTuple):
    """What was done on the way back."""

    generation: int
    is_annotated: bool
    """Whether the annotation ``replace-broken-groups-first`` was added, and not there before."""


async def apply(
    manifest: Manifest,
    *,
    kubeconfig: Path | None,
    force: bool,
    dry_run: bool,
    on_warning: Callable[[str], None],
) -> Applied:
    """Server-side apply of one set. Raises the errors of ``adapters.kubernetes.errors``."""
    query = {"fieldManager": FIELD_MANAGER, "force": "true" if force else "false"}
    if dry_run:
        query["dryRun"] = "All"
    namespace, name = manifest.set_name
    access = await credentials.load(None if kubeconfig is None else str(kubeconfig))
    async with ApiClient(access, component="deploy", on_warning=on_warning) as client:
        before = await _found(client, manifest.set_name)
        answer = await client.request(
            "PATCH",
            resources.LEADER_WORKER_SETS.path(namespace, name),
            query=query,
            body=msgspec.json.encode(manifest.body),
            content_type=APPLY_PATCH,
        )
    stored = msgspec.json.decode(answer)
    changes = difference(_content(manifest.body if before is None else before), _content(stored))
    metadata = stored["metadata"]
    if before is None:
        return Applied(manifest.set_name, CREATED, metadata["uid"], metadata["generation"], 0, changes)
    # The resource version tells nothing: a dry run keeps it, and an apply that changes nothing may be written anew.
    outcome = CONFIGURED if changes or _owners(before) != _owners(stored) else UNCHANGED
    generation_before = before["metadata"]["generation"]
    return Applied(manifest.set_name, outcome, metadata["uid"], metadata["generation"], generation_before, changes)


def restored_parts(present: dict[str, Any], good: dict[str, Any]) -> dict[str, Any]:
    """The covered parts of ``good`` that ``present`` has otherwise; None for one that is to go."""
    return {part: good.get(part) for part in _COVERED if present.get(part) != good.get(part)}


async def put_back(
    set_name: SetName, parts: dict[str, Any], *, uid: str, generation: int, kubeconfig: Path | None
) -> PutBack:
    """Replace parts of the spec of this very generation, and let groups be replaced that are broken.

    Raises the errors of ``adapters.kubernetes.errors``; ``ApiError`` also where somebody has changed the set since.
    """
    operations: list[dict[str, Any]] = [
        {"op": "test", "path": "/metadata/uid", "value": uid},
        {"op": "test", "path": "/metadata/generation", "value": generation},
    ]
    for part, value in parts.items():
        change = {"op": "remove"} if value is None else {"op": "add", "value": value}
        operations.append(change | {"path": f"/spec/{part}"})
    access = await credentials.load(None if kubeconfig is None else str(kubeconfig))
    async with ApiClient(access, component="deploy") as client:
        found = await _found(client, set_name)
        annotations = None if found is None else found["metadata"].get("annotations")
        is_ours = REPLACE_BROKEN_GROUPS_FIRST not in (annotations or {})
        if annotations is None:
            operations.append({"op": "add", "path": "/metadata/annotations", "value": {}})
        if is_ours:
            path = "/metadata/annotations/" + REPLACE_BROKEN_GROUPS_FIRST.replace("~", "~0").replace("/", "~1")
            operations.append({"op": "add", "path": path, "value": "true"})
        answer = await client.request(
            "PATCH",
            resources.LEADER_WORKER_SETS.path(*set_name),
            query={"fieldManager": FIELD_MANAGER},
            body=msgspec.json.encode(operations),
            content_type=JSON_PATCH,
        )
        await take_over_patched(client, set_name, manager=FIELD_MANAGER)
    return PutBack(msgspec.json.decode(answer)["metadata"]["generation"], is_ours)


async def end_replacing(set_name: SetName, *, uid: str, kubeconfig: Path | None) -> None:
    """Take back the annotation of ``put_back``. Raises the errors of ``adapters.kubernetes.errors``."""
    access = await credentials.load(None if kubeconfig is None else str(kubeconfig))
    patch = {"metadata": {"uid": uid, "annotations": {REPLACE_BROKEN_GROUPS_FIRST: None}}}
    async with ApiClient(access, component="deploy") as client:
        await client.merge(
            resources.LEADER_WORKER_SETS, *set_name, msgspec.json.encode(patch), field_manager=FIELD_MANAGER
        )


async def _found(client: ApiClient, set_name: SetName) -> dict[str, Any] | None:
    try:
        body = await client.get(resources.LEADER_WORKER_SETS, *set_name)
    except ApiError as error:
        if error.code == _NOT_FOUND:
            return None
        raise
    found: dict[str, Any] = msgspec.json.decode(body)
    return found


def _content(lws: dict[str, Any]) -> dict[str, Any]:
    """What a person writes of a set."""
    metadata = {key: value for key, value in lws["metadata"].items() if key not in _KEPT_BY_SERVER}
    return {"metadata": metadata, "spec": lws.get("spec", {})}


def _owners(lws: dict[str, Any]) -> list[tuple[str, str, Any]]:
    """Who owns which fields that a person writes."""
    entries = [one for one in lws["metadata"].get("managedFields") or () if "subresource" not in one]
    return sorted(((one["manager"], one["operation"], one["fieldsV1"]) for one in entries), key=lambda one: one[:2])
