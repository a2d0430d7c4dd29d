"""Kubernetes Events about a set: who is related, what type (spec 1.7). Texts are written where they are decided."""

from typing import Final

from lws_events.commands import RecordEvent

_NOTE_BYTES_MAX: Final = 1024
"""The API server refuses longer notes (spec D57)."""


def about_set(uid: str, *, reason: str, action: str, note: str) -> RecordEvent:
    """A Normal event related to nothing."""
    return RecordEvent(type="Normal", reason=reason, action=action, note=note, regarding_uid=uid)


def warning(
    uid: str, *, about: str, reason: str, action: str, note: str, pod: str = "", pod_uid: str = ""
) -> RecordEvent:
    """A Warning about a command's target, related to a pod if one is named."""
    return RecordEvent(
        type="Warning",
        reason=reason,
        action=action,
        note=note.encode()[:_NOTE_BYTES_MAX].decode(errors="ignore"),
        regarding_uid=uid,
        related_kind="Pod" if pod else "",
        related_name=pod,
        related_uid=pod_uid,
        about=about,
    )


def leader_warning(uid: str, *, leader: str, leader_uid: str, reason: str, action: str, note: str) -> RecordEvent:
    """A Warning about a group, by its leader pod."""
    return warning(uid, about=f"pod/{leader}", reason=reason, action=action, note=note, pod=leader, pod_uid=leader_uid)


def revision_event(
    uid: str, *, reason: str, action: str, note: str, revision: str, revision_uid: str = ""
) -> RecordEvent:
    """A Normal event related to a ControllerRevision; without uid: the one that is being written."""
    return RecordEvent(
        type="Normal",
        reason=reason,
        action=action,
        note=note,
        regarding_uid=uid,
        related_kind="ControllerRevision",
        related_name=revision,
        related_uid=revision_uid,
    )


def pod_event(uid: str, *, reason: str, action: str, note: str, pod: str, pod_uid: str) -> RecordEvent:
    """A Normal event related to a leader pod."""
    return RecordEvent(
        type="Normal",
        reason=reason,
        action=action,
        note=note,
        regarding_uid=uid,
        related_kind="Pod",
        related_name=pod,
        related_uid=pod_uid,
    )
