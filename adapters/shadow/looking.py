"""Reads an object of the cluster itself, where the reduced views of the watches do not suffice: GET, nothing else."""

import asyncio
from typing import Any, Final

import msgspec

from adapters.kubernetes import reduce, resources, wire
from adapters.kubernetes.answers import Existing, existing_object
from adapters.kubernetes.client import ApiClient
from adapters.kubernetes.resources import Resource
from adapters.shadow.comparing import differences
from adapters.shadow.standing import Standing, status_summary
from lws_events import commands
from lws_events.commands import AnyCommand
from lws_events.differences import FieldDifference
from lws_events.machine.state import Aggregate
from lws_events.subjects import SetName

_AT_ONCE: Final = 16
"""Requests: whoever is in charge needs the API server more."""

_STATEFULSET: Final = msgspec.json.Decoder(wire.StatefulSet)
_WITHOUT_COUNTS: Final[dict[str, Any]] = {
    "resource_version": "",
    "status_replicas": 0,
    "ready_replicas": 0,
    "available_replicas": 0,
    "current_revision": "",
    "update_revision": "",
}


class Looking:
    """Needs ``get`` of what sets own."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client
        self._slots = asyncio.Semaphore(_AT_ONCE)

    async def differences(
        self, set_name: SetName, command: AnyCommand, stands: Standing
    ) -> tuple[FieldDifference, ...] | None:
        """The fields in which the object that is there is not what the command would have made.

        None where it has changed since the watch told of it, so that it is to be looked at later. Raises
        ``KubernetesError``.
        """
        resource, manifest = resource_of(command), getattr(command, "manifest", None)
        if not stands.name or resource is None or manifest is None:
            return ()
        existing = await self._get(resource, set_name.namespace, stands.name)
        if existing is None or existing.meta.uid != stands.uid:
            return ()  # it is gone again: what becomes of that is told by the watch
        if stands.generation and existing.meta.generation != stands.generation:
            return None
        is_whole = not isinstance(command, commands.ApplyWorkerMetadata)
        return differences(msgspec.json.decode(manifest), msgspec.json.decode(existing.body), is_whole=is_whole)

    async def is_ahead_of(self, state: Aggregate, command: AnyCommand) -> bool:
        """Whether the cluster itself has moved on from what the watch has told. Raises ``KubernetesError``."""
        resource = resource_of(command)
        if resource is None:
            return False
        existing = await self._get(resource, state.name.namespace, name_of(command))
        match command:
            case commands.DeleteLeaderPod() | commands.DeleteControllerRevision():
                is_there = existing is not None and existing.meta.uid == command.uid
                return not is_there or (existing is not None and existing.meta.deletion_timestamp is not None)
            case commands.ApplyLeaderStatefulSet():
                return self._has_moved_on(state, existing)
            case commands.UpdateSetStatus():
                if existing is None:
                    return True
                status = msgspec.json.decode(existing.body).get("status") or {}
                return status_summary(status) != status_summary(state.status)
            case commands.ApplyWorkerMetadata() | commands.MarkLeaderPod():
                return existing is None or existing.meta.uid != command.uid
            case _:
                return existing is not None

    def _has_moved_on(self, state: Aggregate, existing: Existing | None) -> bool:
        view = state.own_leader_set
        if existing is None or view is None:
            return (existing is None) != (view is None)
        there = reduce.reduce_statefulset(_STATEFULSET.decode(existing.body))
        return msgspec.structs.replace(there, **_WITHOUT_COUNTS) != msgspec.structs.replace(view, **_WITHOUT_COUNTS)

    async def _get(self, resource: Resource, namespace: str, name: str) -> Existing | None:
        async with self._slots:
            return await existing_object(self._client, resource, namespace, name)


def resource_of(command: AnyCommand) -> Resource | None:
    """The resource of the object that a command is about; None for one that is about none."""
    match command:
        case commands.CreateControllerRevision() | commands.DeleteControllerRevision():
            return resources.CONTROLLER_REVISIONS
        case commands.ApplyLeaderStatefulSet() | commands.CreateWorkerStatefulSet() | commands.ApplyWorkerMetadata():
            return resources.STATEFUL_SETS
        case commands.CreateService():
            return resources.SERVICES
        case commands.CreatePodGroup():
            return resources.POD_GROUPS
        case commands.DeleteLeaderPod() | commands.MarkLeaderPod():
            return resources.PODS
        case commands.UpdateSetStatus():
            return resources.LEADER_WORKER_SETS
        case _:
            return None


def name_of(command: AnyCommand) -> str:
    """Name of that object."""
    return str(getattr(command, "name", ""))
