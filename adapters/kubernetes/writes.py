"""One attempt to carry out one command: the API call, its preconditions, and what counts as done already.

The letter of this is in the docstrings of ``lws_events.commands``. A command may have been carried out before by an
attempt whose answer was lost, so an object that is already as wanted is a success. What the API server, or a
precondition, refuses is an ``ApiError``; whether to try again is the executor's business.
"""

from collections.abc import Callable
from typing import Final

import msgspec
import structlog

from adapters.kubernetes import resources, wire
from adapters.kubernetes.announcements import event_object
from adapters.kubernetes.answers import Existing, Written, existing_object
from adapters.kubernetes.applying import apply_leader, apply_worker_metadata, guarded, require_template
from adapters.kubernetes.client import JSON_PATCH, ApiClient
from adapters.kubernetes.errors import ApiError
from adapters.kubernetes.kinds import BY_KIND
from adapters.kubernetes.pace import Clock
from adapters.kubernetes.unreadable import UNREADABLE
from lws_events import commands, subjects
from lws_events.commands import AnyCommand
from lws_events.foreign_json import UnreadableJsonError, read_json
from lws_events.names import FIELD_MANAGER
from lws_events.subjects import SetName

_log = structlog.get_logger(__name__)

NOT_SERVED: Final = (
    f"the API server does not serve {resources.POD_GROUPS.plural} of {resources.POD_GROUPS.api_version}: install the "
    "gang scheduler, or run without --gang-provider"
)


_ONE_AT_A_TIME: Final = (
    "the API server has dropped maxUnavailable of a leader StatefulSet, so rolling updates replace one leader at a "
    "time: to have more replaced at once, enable the feature gate MaxUnavailableStatefulSet of API server and "
    "controller manager"
)

_SERVICE: Final = msgspec.json.Decoder(wire.Service)
_STATEFUL_SET: Final = msgspec.json.Decoder(wire.StatefulSet)
_REVISION: Final = msgspec.json.Decoder(wire.ControllerRevision)


class Writes:
    """Carries out commands. ``instance`` is this host's name, which Events report."""

    def __init__(self, client: ApiClient, *, instance: str, clock: Clock) -> None:
        self._client = client
        self._instance = instance
        self._clock = clock
        self._has_told_of_dropped_field = False

    async def carry_out(
        self,
        set_name: SetName,
        command_id: str,
        command: AnyCommand,
        *,
        again: bool = False,
        may_be_stale: bool = False,
    ) -> Written:
        """One attempt. ``again``: an earlier one may have been carried out, its answer was lost.

        ``may_be_stale``: since it was decided, somebody else may have acted, too (see ``apply_leader``).
        Raises ``ApiError`` (code 0: a precondition did not hold), ``ApiUnavailable``.
        """
        namespace = set_name.namespace
        match command:
            case commands.CreateControllerRevision():
                return await self._create_revision(namespace, command)
            case commands.ApplyLeaderStatefulSet():
                written = await apply_leader(self._client, namespace, command, may_be_stale=may_be_stale)
                self._tell_of_dropped_field(set_name, written)
                return written
            case commands.CreateWorkerStatefulSet():
                return await self._create_worker(namespace, command)
            case commands.CreateService():
                return await self._create_service(namespace, command)
            case commands.CreatePodGroup():
                return await self._create_pod_group(namespace, command)
            case commands.DeleteLeaderPod():
                return await self._delete_leader(namespace, command, again=again)
            case commands.MarkLeaderPod():
                return await self._mark_leader(namespace, command)
            case commands.ApplyWorkerMetadata():
                return await apply_worker_metadata(self._client, namespace, command)
            case commands.DeleteControllerRevision():
                body = await self._client.delete(
                    resources.CONTROLLER_REVISIONS, namespace, command.name, uid=command.uid
                )
                return Written("", body)
            case commands.UpdateSetStatus():
                return await self._update_status(namespace, command)
            case commands.RecordEvent():
                await self.announce(set_name, command_id, command)
                return Written("", b'{"metadata":{}}')
            case _:
                raise TypeError(f"no API call: {type(command).__name__}")

    def _tell_of_dropped_field(self, set_name: SetName, written: Written) -> None:
        """Once: it is a matter of the API server, and so of all sets (spec D24)."""
        if self._has_told_of_dropped_field:
            return
        try:
            strategy = _STATEFUL_SET.decode(written.body).spec.update_strategy
        except UNREADABLE:
            return  # the observer tells of that
        if strategy is None or strategy.rolling_update is None or strategy.rolling_update.max_unavailable is None:
            self._has_told_of_dropped_field = True
            _log.warning(_ONE_AT_A_TIME, set=str(set_name))

    async def announce(
        self, set_name: SetName, command_id: str, event: commands.RecordEvent, *, related_uid: str = ""
    ) -> None:
        """Post an Event; one that is there already was posted by an earlier attempt. Raises as ``carry_out``."""
        body = event_object(
            event,
            command_id=command_id,
            set_name=set_name,
            instance=self._instance,
            now_ms=self._clock.now_ms(),
            related_uid=related_uid,
        )
        try:
            await self._client.create(resources.EVENTS, set_name.namespace, body)
        except ApiError as error:
            if error.reason != "AlreadyExists":
                raise

    async def _delete_leader(self, namespace: str, command: commands.DeleteLeaderPod, *, again: bool) -> Written:
        """A leader that an earlier attempt has deleted is terminating under the same uid: it is not deleted twice."""
        if again:
            existing = await existing_object(self._client, resources.PODS, namespace, command.name)
            is_it = existing is not None and existing.meta.uid == command.uid
            if existing is not None and is_it and existing.meta.deletion_timestamp is not None:
                return Written(subjects.POD, existing.body)
        body = await self._client.delete(
            resources.PODS, namespace, command.name, uid=command.uid, propagation="Foreground"
        )
        return Written(subjects.POD, body)

    async def _mark_leader(self, namespace: str, command: commands.MarkLeaderPod) -> Written:
        metadata = {"uid": command.uid, "annotations": command.annotations, "labels": command.labels}
        patch = msgspec.json.encode({"metadata": metadata})
        merging = self._client.merge(resources.PODS, namespace, command.name, patch, field_manager=FIELD_MANAGER)
        return Written(subjects.POD, await guarded(merging))

    async def _create_revision(self, namespace: str, command: commands.CreateControllerRevision) -> Written:
        if command.leader_set:
            await require_template(self._client, namespace, command)
        wanted = _REVISION.decode(command.manifest)
        owner = wanted.metadata.controller

        def accepted(existing: Existing) -> bool:
            if existing.owner_uid != (owner.uid if owner else ""):
                return False
            try:
                return bool(read_json(_REVISION.decode(existing.body).data) == read_json(wanted.data))
            except (UnreadableJsonError, *UNREADABLE):
                return False

        return await self._create(subjects.REVISION, namespace, command.name, command.manifest, accepted=accepted)

    async def _create_worker(self, namespace: str, command: commands.CreateWorkerStatefulSet) -> Written:
        return await self._create(
            subjects.STATEFULSET,
            namespace,
            command.name,
            command.manifest,
            accepted=lambda existing: existing.owner_uid == command.owner_uid,
        )

    async def _create_service(self, namespace: str, command: commands.CreateService) -> Written:
        def accepted(existing: Existing) -> bool:
            if existing.owner_uid in ("", command.owner_uid):
                return True
            found, wanted = _SERVICE.decode(existing.body).spec, _SERVICE.decode(command.manifest).spec
            return found.cluster_ip == "None" and (found.selector or {}) == (wanted.selector or {})

        return await self._create(subjects.SERVICE, namespace, command.name, command.manifest, accepted=accepted)

    async def _create_pod_group(self, namespace: str, command: commands.CreatePodGroup) -> Written:
        try:
            return await self._create(
                subjects.POD_GROUP,
                namespace,
                command.name,
                command.manifest,
                accepted=lambda existing: existing.owner_uid == command.owner_uid,
            )
        except ApiError as error:
            if error.code == 404 and "namespaces" not in error.message:  # the namespace may be gone, too
                raise ApiError(404, "NotServed", NOT_SERVED) from error
            raise

    async def _create(
        self, kind: str, namespace: str, name: str, manifest: msgspec.Raw, *, accepted: Callable[[Existing], bool]
    ) -> Written:
        """POST; an object that is there already counts if it is accepted and not on its way out."""
        resource = BY_KIND[kind].resource
        try:
            body = await self._client.create(resource, namespace, bytes(manifest), field_manager=FIELD_MANAGER)
        except ApiError as error:
            if error.reason != "AlreadyExists":
                raise
            existing = await existing_object(self._client, resource, namespace, name)
            if existing is None:
                raise  # gone since: the next try creates it
            if existing.meta.deletion_timestamp is not None:
                raise ApiError(409, "AlreadyExists", f"{resource.kind} {name} exists and is being deleted") from error
            if not accepted(existing):
                owner = existing.meta.controller
                of = f"belongs to {owner.kind} {owner.name} (uid {owner.uid})" if owner else "has other content"
                raise ApiError(409, "AlreadyExists", f"{resource.kind} {name} exists and {of}") from error
            return Written(kind, existing.body)
        return Written(kind, body)

    async def _update_status(self, namespace: str, command: commands.UpdateSetStatus) -> Written:
        """A JSON patch: it replaces the status whole, and tests the uid.

        A merge patch can do neither: it keeps what it does not name, and the status subresource ignores metadata.
        """
        status = {"op": "add", "path": "/status", "value": command.status}
        test = {"op": "test", "path": "/metadata/uid", "value": command.uid}
        resource = resources.LEADER_WORKER_SETS
        try:
            body = await self._client.patch_status(
                resource,
                namespace,
                command.name,
                msgspec.json.encode([test, status]),
                content_type=JSON_PATCH,
                field_manager=FIELD_MANAGER,
            )
        except ApiError as error:
            if error.code != 422:
                raise
            # A failed test looks like an invalid status; the set itself tells which it was.
            existing = await existing_object(self._client, resource, namespace, command.name)
            if existing is not None and existing.meta.uid != command.uid:
                raise ApiError(409, "Conflict", f"{command.name} is another set (uid {existing.meta.uid})") from error
            raise
        return Written(subjects.SET, body)
