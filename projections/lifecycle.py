"""Lifecycle facts as CloudEvents 1.0: what a decision says about a set and its groups, for programs of others.

One event for each fact of a recorded decision, with the event that led to it and a sentence for people. Its id says
which fact of which decision it is, so that whoever computes it, whenever, gives the same event the same id; consumers
recognise by it what they have seen. How events are carried (``adapters.lifecycle_events``) is nobody's business here.
"""

import re
from collections.abc import Sequence
from typing import Any, Final, NamedTuple, assert_never, get_args
from urllib.parse import quote

import msgspec

from lws_events.decisions import (
    ConditionChanged,
    FailureLeftAlone,
    GroupChanged,
    GroupKept,
    GroupRecreationPostponed,
    GroupRecreationStarted,
    GroupTerminationOverdue,
    LeaderReplacementStarted,
    LifecycleFact,
    ObjectLeftAlone,
    RevisionChosen,
    RolloutBlocked,
    RolloutStepped,
)
from lws_events.subjects import SetName, lifecycle_subject, parse
from projections.explain import explain_fact, explain_lifecycle, timestamp
from projections.groups import group_of_target, group_token
from projections.journal import RecordedDecision, RecordedEvent

CONTENT_TYPE: Final = "application/cloudevents+json"
TYPE_PREFIX: Final = "io.lws-events."
TYPE_SUFFIX: Final = ".v1"
"""Raised for a kind when a field of its data changes its meaning or goes; new fields may come at any time."""

_DECISION_DIGITS: Final = 12
_INDEX_DIGITS: Final = 6
"""Of the extension ``sequence``, which is compared as text."""

_SEQUENCE_DIGITS_MAX: Final = 18
"""As many as fit into 64 bits; Python refuses to read very long numbers."""

_SOURCE_SAFE: Final = "-._~"


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """The event of the journal that led to the decision."""

    sequence: int
    """In EVENTS: the number that ``why``, ``timeline`` and ``replay`` show."""
    fact: str = ""
    """Its kind, for example ``PodDeleted``; empty where the journal does not have the event any more."""
    object: str = ""
    """Name of the object that it is about."""
    what: str = ""
    """The same in words."""


class LifecycleData(msgspec.Struct, frozen=True, kw_only=True):
    """``data`` of each event."""

    cluster: str
    namespace: str
    set: str
    group: str | msgspec.UnsetType = msgspec.UNSET
    """Index of the group; absent where it is about the whole set."""
    what: str
    """In words, for people: no part of the contract."""
    cause: Cause
    decision: int
    """Sequence in DECISIONS."""
    fact: LifecycleFact


class CloudEvent(msgspec.Struct, frozen=True, kw_only=True):
    """CloudEvents 1.0 in its JSON format, with the extension ``sequence``."""

    specversion: str = "1.0"
    id: str
    """``<epoch>-<sequence of the cause>-<index of the fact>``."""
    source: str
    type: str
    subject: str | msgspec.UnsetType = msgspec.UNSET
    """The leader pod of the group, or the object, that it is about; absent for the set as a whole."""
    time: str
    """When the cause was recorded."""
    datacontenttype: str = "application/json"
    sequence: str
    """Orders the events of a cluster by comparison as text."""
    data: LifecycleData


class EventId(NamedTuple):
    """An id taken apart."""

    epoch: str
    cause: int
    fact_index: int

    def __str__(self) -> str:
        return f"{self.epoch}-{self.cause}-{self.fact_index}"


class About(NamedTuple):
    """What a fact is about. Either is empty for the set as a whole."""

    subject: str
    group: str


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which events a consumer asks for. Without anything: all."""

    namespace: str = ""
    set: str = ""
    group: str = ""
    """Its index, or the name of its leader pod."""
    types: tuple[str, ...] = ()
    """Names of types (``type_name``), or their beginnings: ``group`` is every type ``group.…``."""

    def has(self, set_name: SetName, fact: LifecycleFact) -> bool:
        """Whether the event of a fact belongs to it."""
        return (
            self.namespace in ("", set_name.namespace)
            and self.set in ("", set_name.name)
            and (not self.group or group_token(set_name, self.group) == about(set_name, fact).group)
            and (not self.types or any(_is_below(type_name(type(fact)), wanted) for wanted in self.types))
        )


def type_name(kind: type[LifecycleFact]) -> str:
    """The part of an event's type that tells the kind: ``group.recreation.started`` for ``GroupRecreationStarted``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", ".", kind.__name__).lower()


TYPE_NAMES: Final = tuple(type_name(kind) for kind in get_args(LifecycleFact))
"""Of all kinds."""


def is_type(wanted: str) -> bool:
    """Whether there are types of this name or beginning."""
    return any(_is_below(name, wanted) for name in TYPE_NAMES)


def short_type(text: str) -> str:
    """A type as a person may write it, in full or not, without what all types have in common."""
    return text.removeprefix(TYPE_PREFIX).removesuffix(TYPE_SUFFIX).removesuffix(".*")


def parse_id(text: str) -> EventId | None:
    """Take an id apart; None for what is none."""
    parts = text.rsplit("-", 2)
    if len(parts) != 3 or not parts[0]:
        return None
    epoch, cause, index = parts
    return EventId(epoch, int(cause), int(index)) if is_sequence(cause) and is_sequence(index) else None


def is_sequence(text: str) -> bool:
    """Whether a text is a number that a sequence could have."""
    return text.isascii() and text.isdecimal() and len(text) <= _SEQUENCE_DIGITS_MAX


def cloud_events(
    recorded: RecordedDecision,
    cause: RecordedEvent | None,
    *,
    recorded_ms: int,
    wanted: Wanted | None = None,
    after_index: int = -1,
) -> tuple[CloudEvent, ...]:
    """The events of a decision, in the order of its facts.

    ``cause``: None where the journal does not have it any more; then ``recorded_ms``, when the decision was recorded,
    is the time. ``after_index``: without the facts up to this one.
    """
    address = parse(recorded.subject)
    assert address is not None, f"{recorded.subject} is about no set"
    decision, set_name = recorded.decision, address.set_name
    described = _described(recorded, cause)
    found: list[CloudEvent] = []
    for index, fact in enumerate(decision.facts):
        if index <= after_index or (wanted is not None and not wanted.has(set_name, fact)):
            continue
        subject, group = about(set_name, fact)
        event = CloudEvent(
            id=str(EventId(decision.epoch, decision.cause, index)),
            source=source(address.cluster, set_name),
            type=f"{TYPE_PREFIX}{type_name(type(fact))}{TYPE_SUFFIX}",
            subject=subject or msgspec.UNSET,
            time=timestamp(recorded_ms if cause is None else cause.envelope.at_ms),
            sequence=f"{recorded.sequence:0{_DECISION_DIGITS}d}.{index:0{_INDEX_DIGITS}d}",
            data=LifecycleData(
                cluster=address.cluster,
                namespace=set_name.namespace,
                set=set_name.name,
                group=group or msgspec.UNSET,
                what=explain_lifecycle(fact),
                cause=described,
                decision=recorded.sequence,
                fact=fact,
            ),
        )
        found.append(event)
    return tuple(found)


def source(cluster: str, set_name: SetName) -> str:
    """``source`` of all events about a set."""
    sets = f"namespaces/{set_name.namespace}/leaderworkersets"
    return f"/lws-events/{quote(cluster, safe=_SOURCE_SAFE)}/{sets}/{set_name.name}"


def nats_subject(event: CloudEvent) -> str:
    """Where an event is published on NATS."""
    data = event.data
    return lifecycle_subject(data.cluster, SetName(data.namespace, data.set), type_name(type(data.fact)))


def about(set_name: SetName, fact: LifecycleFact) -> About:
    """Subject and group of a fact."""
    match fact:
        case (
            GroupChanged()
            | GroupRecreationStarted()
            | GroupRecreationPostponed()
            | GroupKept()
            | GroupTerminationOverdue()
            | LeaderReplacementStarted()
        ):
            return About(fact.group, group_token(set_name, fact.group))
        case FailureLeftAlone():
            return About(fact.pod, group_token(set_name, fact.group))
        case ObjectLeftAlone():
            return About(fact.name, group_of_target(set_name, f"{fact.kind.lower()}/{fact.name}"))
        case RevisionChosen():
            return About(fact.revision, "")
        case ConditionChanged():
            return About(fact.condition, "")
        case RolloutStepped() | RolloutBlocked():
            return About("", "")
        case _:
            assert_never(fact)


def encode(event: CloudEvent) -> bytes:
    """In the JSON format of CloudEvents, on one line."""
    return _ENCODER.encode(event)


def schema() -> dict[str, Any]:
    """JSON Schema of an event, for who makes types of it."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | msgspec.json.schema(CloudEvent)


def fields_of(kind: type[LifecycleFact]) -> Sequence[str]:
    """Names of the fields that ``data.fact`` may have, for documentation."""
    return [field.encode_name for field in msgspec.structs.fields(kind)]


_ENCODER: Final = msgspec.json.Encoder()


def _described(recorded: RecordedDecision, cause: RecordedEvent | None) -> Cause:
    sequence = recorded.decision.cause
    if cause is None:
        return Cause(sequence=sequence)
    name = "" if cause.address is None else cause.address.name
    fact = cause.envelope.fact
    return Cause(sequence=sequence, fact=type(fact).__name__, object=name, what=explain_fact(fact, name))


def _is_below(name: str, wanted: str) -> bool:
    return name == wanted or name.startswith(f"{wanted}.")
