"""Facts: what was observed in the cluster, what came of a command, and what time it is.

An event is one message of the EVENTS stream. Its subject (see ``subjects``) says which set and which object it is
about; its body is an ``Envelope``: when it was recorded, and one fact in the past tense. Observations are reduced
``views`` of objects.

This module decides nothing. A released shape is never changed in place (``docs/decisions/0006``).
"""

from collections.abc import Callable
from typing import Final

import msgspec

from lws_events.differences import DifferenceFound
from lws_events.errors import UnknownShapeError
from lws_events.requests import DeletionRequested, SpecChangeRequested
from lws_events.views import (
    NOT_RECORDED,
    ContainerExit,
    Disruption,
    FieldManager,
    Owner,
    PodGroupObserved,
    PodObserved,
    RevisionObserved,
    ServiceObserved,
    SetObserved,
    SetStatusObserved,
    StatefulSetObserved,
    View,
)

__all__ = [
    "NOT_DONE",
    "NOT_RECORDED",
    "SCHEMA",
    "SUPERSEDED",
    "CommandFailed",
    "CommandSucceeded",
    "ContainerExit",
    "Deleted",
    "DeletionRequested",
    "DifferenceFound",
    "Disruption",
    "Envelope",
    "EpochStarted",
    "Fact",
    "FieldManager",
    "LogCaptured",
    "ObjectNotRecorded",
    "Observation",
    "Outcome",
    "Owner",
    "PodDeleted",
    "PodGroupDeleted",
    "PodGroupObserved",
    "PodObserved",
    "RevisionDeleted",
    "RevisionObserved",
    "ServiceDeleted",
    "ServiceObserved",
    "SetChangeMissed",
    "SetDeleted",
    "SetObserved",
    "SetStatusObserved",
    "SpecChangeRequested",
    "StatefulSetDeleted",
    "StatefulSetObserved",
    "TimerFired",
    "View",
    "decode",
    "encode",
]

SCHEMA: Final = 1
"""Highest ``Envelope.schema`` that this release reads."""

UPCASTERS: Final[dict[int, Callable[[dict[str, msgspec.Raw]], dict[str, msgspec.Raw]]]] = {}
"""Schema → what makes the next schema's fact of a fact of it: one for each before ``SCHEMA``, for ever. Values stay as
they were recorded, byte for byte, unless they are replaced."""


class Deleted(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, gc=False):
    """An object is gone."""

    uid: str
    resource_version: str
    """Of the deletion; where it was inferred, the version of the listing that no longer had the object."""
    inferred: bool = False
    """True where nobody saw the deletion: a listing no longer had the object, or had another of its name."""


class SetDeleted(Deleted, frozen=True, omit_defaults=True, kw_only=True, tag="SetDeleted"):
    """A LeaderWorkerSet is gone."""


class StatefulSetDeleted(Deleted, frozen=True, omit_defaults=True, kw_only=True, tag="StatefulSetDeleted"):
    """A leader or worker StatefulSet is gone."""


class PodDeleted(Deleted, frozen=True, omit_defaults=True, kw_only=True, tag="PodDeleted"):
    """A pod is gone. Its last exit, where the deletion brought one, is the cause that a person looks for."""

    last_exit: ContainerExit | None = None
    reason: str = ""
    disruption: Disruption | None = None


class ServiceDeleted(Deleted, frozen=True, omit_defaults=True, kw_only=True, tag="ServiceDeleted"):
    """A Service is gone."""


class RevisionDeleted(Deleted, frozen=True, omit_defaults=True, kw_only=True, tag="RevisionDeleted"):
    """A ControllerRevision is gone."""


class PodGroupDeleted(Deleted, frozen=True, omit_defaults=True, kw_only=True, tag="PodGroupDeleted"):
    """A PodGroup is gone."""


class CommandSucceeded(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, tag="CommandSucceeded"):
    """The API server carried out a command, now or in an earlier attempt whose answer was lost."""

    command_id: str
    target: str
    """``commands.target`` of the command: the object it was about."""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    """Of the object that the API server answered with; 0 where it has none."""


SUPERSEDED: Final = "Superseded"
"""``reason`` of a command whose place another one took: it was not sent, and there is nothing to try again."""

NOT_DONE: Final = "NotDone"
"""``reason`` of a command of a shadow, which sends none: whoever is in charge has not done the same in time."""


class CommandFailed(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, tag="CommandFailed"):
    """The API server refused a command, or a precondition did not hold."""

    command_id: str
    target: str
    code: int
    """HTTP status; 0 where the command was not sent because its precondition did not hold."""
    reason: str
    """``reason`` of the API server's Status, for example ``AlreadyExists``, ``Conflict``, ``NotFound``, ``Invalid``."""
    message: str = ""


class TimerFired(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, tag="TimerFired"):
    """A point in time that the machine asked for has come."""

    timer: str


class EpochStarted(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, tag="EpochStarted"):
    """A stream began, or began again after losing its tail: its sequences are told apart by the epoch."""

    epoch: str


class ObjectNotRecorded(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, tag="ObjectNotRecorded"):
    """An object of a set cannot be understood, or is too large for the journal: what was known of it stays known."""

    uid: str
    resource_version: str
    kind: str
    """Token of its subject."""
    problem: str


class SetChangeMissed(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, tag="SetChangeMissed"):
    """A set was changed while nobody was watching. Its children as they are now follow, and then the set itself.

    Until then what is known of it is no ground for decisions: another controller may have acted on the change.
    """

    uid: str
    resource_version: str
    """Of the set as it is now."""


class LogCaptured(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, tag="LogCaptured"):
    """The end of a failed container's log was looked for before its group is deleted (``run --capture-logs``).

    Kept for people; the machine decides nothing by it. The text itself is not in the journal: it is stored beside it
    under ``reference``, with what looks like a secret left out.
    """

    pod_uid: str
    command_id: str
    """Of the deletion that waited for it."""
    container: str = ""
    reference: str = ""
    """Where the text is kept; empty where there is none."""
    bytes: int = 0
    lines: int = 0
    truncated: bool = False
    """The log was longer."""
    previous: bool = False
    """Of the container before it restarted."""
    problem: str = ""
    """Why there is no text: the pod is gone, it took too long, it is not allowed."""


Observation = (
    SetObserved
    | SetStatusObserved
    | StatefulSetObserved
    | PodObserved
    | ServiceObserved
    | RevisionObserved
    | SetDeleted
    | StatefulSetDeleted
    | PodDeleted
    | ServiceDeleted
    | RevisionDeleted
    | PodGroupObserved
    | PodGroupDeleted
)
Outcome = CommandSucceeded | CommandFailed
Fact = (
    Observation
    | Outcome
    | TimerFired
    | SpecChangeRequested
    | EpochStarted
    | ObjectNotRecorded
    | SetChangeMissed
    | LogCaptured
    | DifferenceFound
    | DeletionRequested
)


class Envelope(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, gc=False):
    """The body of one message of the EVENTS stream."""

    at_ms: int
    """When the fact was recorded: milliseconds since the Unix epoch, by the recorder's clock."""
    fact: Fact
    schema: int = 1
    """Version of the shape. The default stays 1 for ever: bodies written before there was another have none."""


_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(Envelope)


def encode(envelope: Envelope) -> bytes:
    """One JSON object, without white space."""
    return _ENCODER.encode(envelope)


def decode(data: bytes) -> Envelope:
    """Read a body of any schema up to ``SCHEMA``.

    Raises ``msgspec.DecodeError`` for anything else, and of these ``UnknownShapeError`` for what a newer release wrote.
    """
    try:
        envelope = _DECODER.decode(data)
    except msgspec.ValidationError as error:
        return _brought_up(data, error)
    if envelope.schema > SCHEMA:
        raise UnknownShapeError(f"the schema is {envelope.schema}")
    return envelope if envelope.schema == SCHEMA else _brought_up(data, None)


class _AnyEnvelope(msgspec.Struct):
    at_ms: int
    fact: dict[str, msgspec.Raw]
    schema: int = 1


_ANY_ENVELOPE: Final = msgspec.json.Decoder(_AnyEnvelope)


def _brought_up(data: bytes, complaint: msgspec.ValidationError | None) -> Envelope:
    """A body of an earlier schema in the shape of this one. One of this schema has no other shape."""
    try:
        found = _ANY_ENVELOPE.decode(data)
        if not 0 < found.schema < SCHEMA:
            raise UnknownShapeError(complaint or f"the schema is {found.schema}")
        for earlier in range(found.schema, SCHEMA):
            found.fact = UPCASTERS[earlier](found.fact)
        found.schema = SCHEMA
        return _DECODER.decode(msgspec.json.encode(found))
    except msgspec.ValidationError as error:
        raise UnknownShapeError(complaint or error) from error
