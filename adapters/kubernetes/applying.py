"""Server-side apply of StatefulSets: the leader's as a whole, metadata of the workers' (spec 2.2, D31).

What a first apply would leave as it is, is not sent (``settled``): a set can be taken over without a write.
"""

from collections.abc import Awaitable
from typing import Any

import msgspec

from adapters.kubernetes import resources, settled
from adapters.kubernetes.answers import NOT_SENT, Existing, Written, existing_object
from adapters.kubernetes.client import ApiClient
from adapters.kubernetes.errors import ApiError
from lws_events import commands, events, subjects
from lws_events.names import FIELD_MANAGER


async def require_template(client: ApiClient, namespace: str, command: commands.CreateControllerRevision) -> None:
    """Raise ``ApiError`` where the leader StatefulSet certainly has another template than would be recorded."""
    existing = await existing_object(client, resources.STATEFUL_SETS, namespace, command.leader_set)
    template = msgspec.json.decode(command.template)
    different = settled.template_difference(existing.body, template) if existing and template else ""
    if different:
        raise ApiError(NOT_SENT, commands.TEMPLATE_CHANGED, f"{different} of {command.leader_set} has changed")


async def apply_leader(
    client: ApiClient, namespace: str, command: commands.ApplyLeaderStatefulSet, *, may_be_stale: bool = False
) -> Written:
    """Server-side apply of the leader StatefulSet, unless the object shows that it would change nothing.

    ``may_be_stale``: the command is from before a crash, and the object has changed since. If the change was not this
    very apply, another controller may have gone on: the command is superseded, and the machine, which has seen the
    object by now, decides anew. An old template that is applied over a newer one would restart groups.

    Raises ``ApiError`` (code 0: a precondition did not hold), ``ApiUnavailable``.
    """
    uid, applied = command.uid, msgspec.json.decode(command.manifest)
    if command.adopts or may_be_stale or not uid:
        existing = await existing_object(client, resources.STATEFUL_SETS, namespace, command.name)
        if existing is not None and uid in ("", existing.meta.uid):
            _require_adoptable(existing, command)
            uid = existing.meta.uid
            if settled.changes_nothing(existing.body, applied):
                return Written(subjects.STATEFULSET, existing.body)
            if may_be_stale:
                raise ApiError(NOT_SENT, events.SUPERSEDED, f"StatefulSet {command.name} was changed meanwhile")
    return await _apply(client, namespace, command.name, applied, uid=uid)


async def apply_worker_metadata(client: ApiClient, namespace: str, command: commands.ApplyWorkerMetadata) -> Written:
    """Labels and annotations of a worker StatefulSet. Raises as ``apply_leader``.

    Apply what is there, then remove by name what is not and was not ours to take away (another manager's).
    """
    written = await _apply(client, namespace, command.name, msgspec.json.decode(command.manifest), uid=command.uid)
    gone = {
        part: {key: None for key in dropped if key in (present or {})}
        for part, dropped, present in (
            ("labels", command.dropped_labels, written.meta.labels),
            ("annotations", command.dropped_annotations, written.meta.annotations),
        )
    }
    if not any(gone.values()):
        return written
    patch = msgspec.json.encode({"metadata": {"uid": command.uid, **gone}})
    body = await guarded(
        client.merge(resources.STATEFUL_SETS, namespace, command.name, patch, field_manager=FIELD_MANAGER)
    )
    return Written(subjects.STATEFULSET, body)


async def _apply(client: ApiClient, namespace: str, name: str, applied: dict[str, Any], *, uid: str) -> Written:
    """Server-side apply to the StatefulSet of this uid, which the API server compares; empty: to a new one."""
    if uid:
        applied["metadata"]["uid"] = uid
    manifest = msgspec.json.encode(applied)
    body = await guarded(client.apply(resources.STATEFUL_SETS, namespace, name, manifest, field_manager=FIELD_MANAGER))
    return Written(subjects.STATEFULSET, body)


async def guarded(request: Awaitable[bytes]) -> bytes:
    """A request that names a uid: where it is another object's, the refusal is a conflict."""
    try:
        return await request
    except ApiError as error:
        if any(cause.field == "metadata.uid" for cause in error.causes):
            # The uid of an existing object is compared as an immutable field, so the answer is Invalid.
            raise ApiError(409, "Conflict", error.message) from error
        raise


def _require_adoptable(existing: Existing, command: commands.ApplyLeaderStatefulSet) -> None:
    """Raise ``ApiError`` for a StatefulSet that belongs to somebody else, or is on its way out."""
    owner = existing.meta.controller
    if owner is not None and owner.uid != command.owner_uid:
        message = f"StatefulSet {command.name} belongs to {owner.kind} {owner.name} (uid {owner.uid})"
        raise ApiError(NOT_SENT, "Foreign", message)
    if existing.meta.deletion_timestamp is not None:
        raise ApiError(NOT_SENT, "Terminating", f"StatefulSet {command.name} is being deleted")
