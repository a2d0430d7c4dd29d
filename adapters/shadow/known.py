"""Differences from the reference that are meant: each with its number, as in ``docs/compatibility.md``.

They are told all the same: a list of them is what somebody who wants to switch has come for. What is not recognised
here is a difference that nobody has explained.
"""

from lws_events import commands, names
from lws_events.commands import AnyCommand
from lws_events.decisions import FailureLeftAlone, GroupRecreationStarted
from lws_events.differences import FieldDifference
from lws_events.machine.state import Aggregate

_ENDED = ("failed", "succeeded")
_GONE = ("deleted", "replaced")


def missing(state: Aggregate, command: AnyCommand, fields: tuple[FieldDifference, ...]) -> str:
    """Number of the reason for which the reference does not do this; empty where none is known."""
    match command:
        case commands.DeleteLeaderPod():
            group = state.groups.get(command.name)
            return _missed_recreation(group.recreation if group is not None else None)
        case commands.ApplyWorkerMetadata():
            return "D31"
        case commands.MarkLeaderPod():
            return "D4"
        case commands.DeleteControllerRevision():
            revision = state.revisions.get(command.name)
            return "D12" if revision is not None and revision.key == state.target_key else ""
        case commands.UpdateSetStatus():
            return _status(state, fields)
        case commands.CreateControllerRevision() | commands.ApplyLeaderStatefulSet():
            return "D10" if state.claims_disputed else ""
        case _:
            return ""


def values(command: AnyCommand, fields: tuple[FieldDifference, ...]) -> str:
    """The same for content that differs: a number if it explains all of it."""
    found = {_of_field(command, field.path) for field in fields}
    return found.pop() if len(found) == 1 else ""


def extra_recreation(left_alone: FailureLeftAlone | None) -> str:
    """The same for a group that is recreated there and not here."""
    is_pending = left_alone is not None and "still pending" in left_alone.because
    return "D3" if is_pending else ""


def extra_revision(state: Aggregate, *, is_duplicate: bool) -> str:
    """The same for a revision: another of the same key was there before it, or claims cannot be changed."""
    if state.claims_disputed:
        return "D10"
    return "D12" if is_duplicate else ""


def _missed_recreation(recreation: GroupRecreationStarted | None) -> str:
    if recreation is None:
        return "D9"  # a leader that is replaced for a rollout, as the set asks by annotation
    if recreation.failure.startswith(_GONE):
        return "D1"
    return "D2" if recreation.failure.startswith(_ENDED) else ""


def _status(state: Aggregate, fields: tuple[FieldDifference, ...]) -> str:
    paths = {field.path for field in fields}
    if paths <= {"status.readyReplicas"} and any(
        group.leader is not None and group.leader.view.deleting_since is not None for group in state.groups.values()
    ):
        return "D8"
    counted = {"status.readyReplicas", "status.updatedReplicas", "status.replicas"}
    strangers = any(name.startswith(f"{state.name.name}-") for name in state.strangers_told.values())
    return "D7" if paths <= counted and strangers else ""


def _of_field(command: AnyCommand, path: str) -> str:
    if isinstance(command, commands.CreatePodGroup) and path.startswith("spec.minResources"):
        return "D65"
    if "volumeClaimTemplates" in path and not isinstance(command, commands.UpdateSetStatus):
        return "D11"
    if path == f"metadata.annotations.{names.LAST_APPLIED}":
        return "D39"
    return ""
