"""What the machine wants done: small, idempotent imperatives that carry all they need, and their preconditions.

A command names the object it is about by ``target`` (kind and name; a command is always about an object in its set's
namespace). At most one command per target is in flight. The executor turns commands into API calls and reports one
outcome for each; timers are no API calls and have none, their firing is the outcome.
"""

from typing import Final

import msgspec

from lws_events.views import NOT_RECORDED

TEMPLATE_CHANGED: Final = "TemplateChanged"
"""Reason of a failed ``CreateControllerRevision``: the live template is not the one that would be recorded."""


class Command(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, tag_field="command"):
    """Common to all."""


class CreateControllerRevision(Command, frozen=True, omit_defaults=True, kw_only=True, tag="CreateControllerRevision"):
    """POST a ControllerRevision (spec 2.5). One of the same name, owner and data counts as created.

    With ``template``: only if the leader StatefulSet's pod template does not certainly differ from it; else the outcome
    is a failure with reason ``TEMPLATE_CHANGED`` (spec D26).
    """

    name: str
    manifest: msgspec.Raw
    leader_set: str = ""
    """Name of the leader StatefulSet whose template is compared."""
    template: msgspec.Raw = NOT_RECORDED


class ApplyLeaderStatefulSet(Command, frozen=True, omit_defaults=True, kw_only=True, tag="ApplyLeaderStatefulSet"):
    """Server-side apply of the leader StatefulSet with field manager ``lws``, forced (spec 2.2).

    Before the first apply of a set, and where it ``adopts``, the executor reads the object: one that another controller
    owns is not touched, the outcome is a failure with reason ``Foreign`` (spec D33). One that is already as the apply
    would leave it counts as applied without a request.
    """

    name: str
    owner_uid: str
    """The set's uid: the only controller owner that an existing StatefulSet may have."""
    uid: str = ""
    """The uid that the existing StatefulSet must have; empty: there should be none."""
    inputs: str = ""
    """Digest of what went into the manifest: the next decision compares it to see whether anything changed."""
    adopts: bool = False
    """Somebody else, the reference for instance, has made or changed this StatefulSet since we have last applied it."""
    manifest: msgspec.Raw


class CreateWorkerStatefulSet(Command, frozen=True, omit_defaults=True, kw_only=True, tag="CreateWorkerStatefulSet"):
    """POST the worker StatefulSet of one group (spec 2.3). One with the same owner uid counts as created."""

    name: str
    owner_uid: str
    """uid of the leader pod."""
    manifest: msgspec.Raw


class CreateService(Command, frozen=True, omit_defaults=True, kw_only=True, tag="CreateService"):
    """POST a headless Service (spec 2.7).

    One of the name counts as created if it has the same owner uid, or has no controller owner, or is headless with
    the same selector (spec D33).
    """

    name: str
    owner_uid: str
    manifest: msgspec.Raw


class ApplyWorkerMetadata(Command, frozen=True, omit_defaults=True, kw_only=True, tag="ApplyWorkerMetadata"):
    """Server-side apply of labels and annotations, and nothing else, to a worker StatefulSet (spec D31).

    Gone already, or replaced by another uid: the outcome is a failure with reason ``NotFound`` or ``Conflict``.
    """

    name: str
    uid: str
    manifest: msgspec.Raw
    dropped_labels: tuple[str, ...] = ()
    """Labels that the set has no longer: whoever created the object may own them, so they are removed by name."""
    dropped_annotations: tuple[str, ...] = ()


class DeleteLeaderPod(Command, frozen=True, omit_defaults=True, kw_only=True, tag="DeleteLeaderPod"):
    """DELETE the leader pod of a group in foreground, with its uid as precondition (spec 4.7).

    Gone already, or replaced by another uid: the outcome is a failure with reason ``NotFound`` or ``Conflict``.
    """

    name: str
    uid: str


class DeleteControllerRevision(Command, frozen=True, omit_defaults=True, kw_only=True, tag="DeleteControllerRevision"):
    """DELETE a revision that no group uses any more, with its uid as precondition (spec 2.5, truncation)."""

    name: str
    uid: str


class UpdateSetStatus(Command, frozen=True, omit_defaults=True, kw_only=True, tag="UpdateSetStatus"):
    """Replace the set's status (subresource), provided that the set still has this uid."""

    name: str
    uid: str
    status: msgspec.Raw


class RecordEvent(Command, frozen=True, omit_defaults=True, kw_only=True, tag="RecordEvent"):
    """POST an ``events.k8s.io/v1`` Event about the set (spec 1.7). Its name derives from the command's id."""

    type: str
    """``Normal`` or ``Warning``."""
    reason: str
    action: str
    note: str
    regarding_uid: str
    related_kind: str = ""
    """``Pod`` or ``ControllerRevision``; empty: nothing is related."""
    related_name: str = ""
    related_uid: str = ""
    about: str = ""
    """Of a Warning: the target that it is about. The same is not repeated until the target has succeeded."""


class CreatePodGroup(Command, frozen=True, omit_defaults=True, kw_only=True, tag="CreatePodGroup"):
    """POST the PodGroup of one group (spec 4.9). One with the same owner uid counts as created (spec D32)."""

    name: str
    leader: str
    """Name of the leader pod."""
    owner_uid: str
    """uid of the leader pod."""
    manifest: msgspec.Raw


class SetTimer(Command, frozen=True, omit_defaults=True, kw_only=True, tag="SetTimer"):
    """Have ``TimerFired`` recorded at a time. A timer of the same name is replaced."""

    timer: str
    fire_at_ms: int


class MarkLeaderPod(Command, frozen=True, omit_defaults=True, kw_only=True, tag="MarkLeaderPod"):
    """PATCH annotations and labels of our own onto a leader pod, provided that it still has this uid.

    Nothing else of the pod is written. Gone already, or replaced: a failure with reason ``NotFound`` or ``Conflict``.
    """

    name: str
    uid: str
    annotations: dict[str, str] = {}
    labels: dict[str, str] = {}


def status_target(set_name: str) -> str:
    """Target of the status writes of a set."""
    return f"setstatus/{set_name}"


def pod_group_target(name: str) -> str:
    """Target of the creation of a PodGroup."""
    return f"podgroup/{name}"


def target(command: Command) -> str:
    """The object that a command is about, as ``<kind>/<name>``. Events of one set do not wait for each other."""
    match command:
        case CreateControllerRevision() | DeleteControllerRevision():
            return f"revision/{command.name}"
        case ApplyLeaderStatefulSet() | CreateWorkerStatefulSet():
            return f"statefulset/{command.name}"
        case CreateService():
            return f"service/{command.name}"
        case CreatePodGroup():
            return pod_group_target(command.name)
        case DeleteLeaderPod():
            return f"pod/{command.name}"
        case ApplyWorkerMetadata():
            return f"metadata/{command.name}"
        case MarkLeaderPod():
            return f"mark/{command.name}"  # apart from the deletion, which must not wait for a mark that is refused
        case UpdateSetStatus():
            return status_target(command.name)
        case RecordEvent():
            return f"event/{command.reason}/{command.about or command.related_name}"
        case SetTimer():
            return f"timer/{command.timer}"
        case _:
            raise TypeError(f"not a command: {command!r}")


AnyCommand = (
    CreateControllerRevision
    | ApplyLeaderStatefulSet
    | CreateWorkerStatefulSet
    | CreateService
    | DeleteLeaderPod
    | DeleteControllerRevision
    | UpdateSetStatus
    | RecordEvent
    | SetTimer
    | CreatePodGroup
    | MarkLeaderPod
    | ApplyWorkerMetadata
)
