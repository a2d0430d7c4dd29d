"""Facts: what was observed in the cluster, what came of a command, and what time it is.

An event is one message of the EVENTS stream. Its subject (see ``subjects``) says which set and which object it is
about; its body is an ``Envelope``: when it was recorded, and one fact in the past tense. Observations are *reduced
views*: what the state machine, an audit or a person needs, nothing else, so that a kubelet's heartbeat is no event.
Templates stay the raw JSON that the API server sent.

This module decides nothing. A released shape is never changed in place (``docs/decisions/0006``).
"""

from typing import Final

import msgspec

from lws_events.errors import UnknownShapeError

SCHEMA: Final = 1
"""Highest ``Envelope.schema`` that this release reads."""


class View(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What every observation carries. ``uid`` and ``resource_version`` order two views of one object name."""

    uid: str
    resource_version: str
    deleting_since: str | None = None
    """``metadata.deletionTimestamp`` (RFC 3339) of an object on its way out."""


class Owner(msgspec.Struct, frozen=True, omit_defaults=True):
    """The controller owner reference of an object."""

    kind: str
    name: str
    uid: str


class SetObserved(View, frozen=True, omit_defaults=True, kw_only=True, tag="SetObserved"):
    """A LeaderWorkerSet's metadata and spec. Its status is a fact of its own (``SetStatusObserved``)."""

    generation: int
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    """All but kubectl's last-applied copy, which nothing here reads (spec D39)."""
    spec: msgspec.Raw = msgspec.Raw(b"{}")


class SetStatusObserved(View, frozen=True, omit_defaults=True, kw_only=True, tag="SetStatusObserved"):
    """A LeaderWorkerSet's ``status`` as raw JSON."""

    status: msgspec.Raw = msgspec.Raw(b"{}")


NOT_RECORDED: Final = msgspec.Raw(b"null")
"""In place of JSON that is of no interest, or that an earlier release did not record."""


class StatefulSetObserved(View, frozen=True, omit_defaults=True, kw_only=True, tag="StatefulSetObserved"):
    """A leader or worker StatefulSet (which of them: its owner's kind), without its template."""

    generation: int
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    """Only the keys below ``leaderworkerset.sigs.k8s.io/``."""
    owner: Owner | None = None
    replicas: int = 0
    partition: int | None = None
    """None where the StatefulSet has no ``rollingUpdate`` block."""
    status_replicas: int = 0
    ready_replicas: int = 0
    available_replicas: int = 0
    current_revision: str = ""
    update_revision: str = ""
    claims: msgspec.Raw = NOT_RECORDED
    """``spec.volumeClaimTemplates`` of one that no pod owns, as the API server sent them (a list; spec D10); null where
    they were not recorded."""
    max_unavailable: int | None = None
    """``spec.updateStrategy.rollingUpdate.maxUnavailable``; None where the API server has dropped it (spec D24)."""


class ContainerExit(msgspec.Struct, frozen=True, omit_defaults=True):
    """The latest known end of a container."""

    container: str
    exit_code: int
    reason: str = ""
    """For example ``OOMKilled``, ``Error``, ``Completed``."""


class PodObserved(View, frozen=True, omit_defaults=True, kw_only=True, tag="PodObserved"):
    """A leader or worker pod."""

    labels: dict[str, str] = {}
    """Only the keys below ``leaderworkerset.sigs.k8s.io/`` and ``lws-events.io/``."""
    annotations: dict[str, str] = {}
    """As of the labels."""
    owner: Owner | None = None
    phase: str = "Pending"
    ready: bool = False
    restarts: int = 0
    """Sum of ``restartCount`` over containers and init containers; ephemeral ones do not count (spec 4.7)."""
    last_exit: ContainerExit | None = None
    reason: str = ""
    """``status.reason``, for example ``Evicted``."""
    waiting: str = ""
    """Why the pod is not scheduled (message of ``PodScheduled=False``), or what a container waits for."""
    node: str = ""
    topology: dict[str, str] = {}
    """The node's values of those topology keys that the pod's own annotations name; empty until scheduled."""
    requests_tpus: bool = False
    gang_group: str = ""
    """Name of the PodGroup by which the gang scheduler places the pod; empty where none is configured (spec 4.9)."""
    grace_seconds: int = 30
    """``terminationGracePeriodSeconds``; what is absent is the API's default."""


class ServiceObserved(View, frozen=True, omit_defaults=True, kw_only=True, tag="ServiceObserved"):
    """A Service that carries the set's name label, or has the name of a set."""

    owner: Owner | None = None
    headless: bool = False
    selector: dict[str, str] = {}


class RevisionObserved(View, frozen=True, omit_defaults=True, kw_only=True, tag="RevisionObserved"):
    """A ControllerRevision of a set."""

    key: str
    """Value of the label ``template-revision-hash``."""
    number: int
    owner: Owner | None = None
    data: msgspec.Raw = msgspec.Raw(b"{}")
    """The exact bytes of ``data`` (spec 9.1): they are compared as bytes."""


class Deleted(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
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


class ServiceDeleted(Deleted, frozen=True, omit_defaults=True, kw_only=True, tag="ServiceDeleted"):
    """A Service is gone."""


class RevisionDeleted(Deleted, frozen=True, omit_defaults=True, kw_only=True, tag="RevisionDeleted"):
    """A ControllerRevision is gone."""


class PodGroupObserved(View, frozen=True, omit_defaults=True, kw_only=True, tag="PodGroupObserved"):
    """A PodGroup of a gang scheduler that carries a set's name label."""

    owner: Owner | None = None
    min_member: int = 0
    phase: str = ""
    """``status.phase``, which the scheduler writes: ``Pending``, ``Inqueue``, ``Running``."""


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


class SpecChangeRequested(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, tag="SpecChangeRequested"):
    """A user's change of a set passed admission. Kept for the audit; the machine decides nothing by it."""

    user: str
    groups: tuple[str, ...] = ()
    operation: str = "UPDATE"
    uid: str = ""
    generation: int = 0


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
Fact = Observation | Outcome | TimerFired | SpecChangeRequested | EpochStarted | ObjectNotRecorded | SetChangeMissed


class Envelope(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
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
        raise UnknownShapeError(error) from error
    if envelope.schema > SCHEMA:
        raise UnknownShapeError(f"the schema is {envelope.schema}")
    return envelope
