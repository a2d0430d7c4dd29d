"""Kubernetes Events about a set and about who leads, as users of the reference know them (spec 1.7, 10.7)."""

import hashlib
from typing import Any, Final

import msgspec

from adapters.kubernetes import resources
from adapters.kubernetes.pace import micro_time
from lws_events.commands import RecordEvent
from lws_events.subjects import SetName

REPORTING_CONTROLLER: Final = "leaderworkerset"
NOTE_BYTES_MAX: Final = 1024
_REPORTER_CHARACTERS_MAX: Final = 63
"""The API server wants a qualified name as the reporter."""
_INSTANCE_CHARACTERS_MAX: Final = 128
_SET_NAME_CHARACTERS_SHOWN: Final = 200
"""An Event's name is a DNS subdomain of at most 253 characters."""

_RELATED: Final = {
    "Pod": resources.PODS,
    "ControllerRevision": resources.CONTROLLER_REVISIONS,
    "StatefulSet": resources.STATEFUL_SETS,
    "Service": resources.SERVICES,
}


def event_object(
    event: RecordEvent, *, command_id: str, set_name: SetName, instance: str, now_ms: int, related_uid: str = ""
) -> bytes:
    """The Event to POST. Its name derives from the command and the set: posting it twice makes one.

    ``related_uid`` is used where the event itself does not know the uid of what it is related to.
    """
    digest = hashlib.sha256(f"{command_id} {set_name} {event.reason}".encode()).hexdigest()[:16]
    body: dict[str, Any] = {
        "apiVersion": resources.EVENTS.api_version,
        "kind": resources.EVENTS.kind,
        "metadata": {
            "namespace": set_name.namespace,
            "name": f"{set_name.name[:_SET_NAME_CHARACTERS_SHOWN]}.{digest}",
        },
        "eventTime": micro_time(now_ms),
        "reportingController": REPORTING_CONTROLLER,
        "reportingInstance": f"{REPORTING_CONTROLLER}-{instance}"[:_INSTANCE_CHARACTERS_MAX],
        "type": event.type,
        "reason": event.reason,
        "action": event.action,
        "note": cut(event.note, bytes_max=NOTE_BYTES_MAX),
        "regarding": _reference(resources.LEADER_WORKER_SETS, set_name.namespace, set_name.name, event.regarding_uid),
    }
    if event.related_kind and event.related_name:
        resource = _RELATED[event.related_kind]
        uid = event.related_uid or related_uid
        body["related"] = _reference(resource, set_name.namespace, event.related_name, uid)
    return msgspec.json.encode(body)


def leadership_event(identity: str, *, lease: str, namespace: str, now_ms: int) -> bytes:
    """The Event on a Lease that tells who leads from now on."""
    reporter = identity[:_REPORTER_CHARACTERS_MAX]
    body = {
        "apiVersion": resources.EVENTS.api_version,
        "kind": resources.EVENTS.kind,
        "metadata": {"namespace": namespace, "name": f"{lease}.{now_ms:x}"},
        "eventTime": micro_time(now_ms),
        "reportingController": reporter,
        "reportingInstance": reporter,
        "type": "Normal",
        "reason": "LeaderElection",
        "action": "LeaderElection",
        "note": f"{identity} became leader",
        "regarding": _reference(resources.LEASES, namespace, lease, ""),
    }
    return msgspec.json.encode(body)


def cut(text: str, *, bytes_max: int) -> str:
    """The longest beginning that fits, in whole characters."""
    return text.encode()[:bytes_max].decode(errors="ignore")


def _reference(resource: resources.Resource, namespace: str, name: str, uid: str) -> dict[str, str]:
    reference = {"apiVersion": resource.api_version, "kind": resource.kind, "namespace": namespace, "name": name}
    return {**reference, "uid": uid} if uid else reference
