"""From a change to the message that records it: subject, identity, body."""

import hashlib
from typing import cast

import msgspec

from adapters.journal.port import Message
from adapters.kubernetes.known import Change
from lws_events import events, subjects


def to_message(cluster: str, change: Change, *, at_ms: int) -> Message:
    """The message of a change.

    Its id is uid, resourceVersion and kind of fact: whoever observes the same state of an object, by watch, listing or
    answer to a write, makes the same message, and the stream keeps one. The topology is not the pod's own but its
    node's, and whether a PodGroup counts is a setting, so both are part of the identity.
    """
    key, fact = change
    parts = [fact.uid, fact.resource_version, type(fact).__name__]
    if isinstance(fact, events.PodObserved) and fact.topology:
        parts.append(hashlib.sha256(msgspec.json.encode(fact.topology, order="sorted")).hexdigest()[:12])
    if isinstance(fact, events.PodObserved) and fact.gang_group:
        parts.append(fact.gang_group)
    return Message(
        subjects.event_subject(cluster, key.set_name, key.kind, key.name),
        events.encode(events.Envelope(at_ms=at_ms, fact=cast(events.Observation, fact))),
        ":".join(parts),
    )
