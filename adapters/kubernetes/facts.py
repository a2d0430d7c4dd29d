"""From a change to the message that records it (subject, identity, body), and the way that it takes."""

import asyncio
import hashlib
from typing import Protocol, cast

import msgspec

from adapters.journal.port import Message
from adapters.kubernetes.known import Change
from lws_events import events, subjects


class FactWriter(Protocol):
    """The way into the EVENTS stream (``adapters.journal.group_commit.GroupCommit``)."""

    async def submit(self, message: Message) -> asyncio.Future[int]:
        """Queue the message, waiting for room; the order of calls is the order in the stream."""


def to_message(cluster: str, change: Change, *, at_ms: int) -> Message:
    """The message of a change.

    Its id is uid, resourceVersion and kind of fact: whoever observes the same state of an object, by watch, listing or
    answer to a write, makes the same message, and the stream keeps one. The topology is not the pod's own but its
    node's, so it is part of the identity. What is told anew of a version that is on record already, and may be what was
    told of it a minute ago, has the time in its id.
    """
    key, fact = change.key, change.fact
    parts = [fact.uid, fact.resource_version, type(fact).__name__]
    if isinstance(fact, events.PodObserved) and fact.topology:
        parts.append(hashlib.sha256(msgspec.json.encode(fact.topology, order="sorted")).hexdigest()[:12])
    if change.again:
        parts.append(str(at_ms))
    return Message(
        subjects.event_subject(cluster, key.set_name, key.kind, key.name),
        events.encode(events.Envelope(at_ms=at_ms, fact=cast(events.Observation, fact))),
        ":".join(parts),
    )
