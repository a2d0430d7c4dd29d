"""Decisions: what one event led to, as one message of the DECISIONS stream.

A decision holds its cause's sequence, the machine's version, the commands and the lifecycle facts, so that it is
written whole or not at all. State is a function of the events *and the recorded decisions*: a restarted controller,
also one of a newer version, goes on from what was decided, and ``verify`` recomputes it to compare.
"""

from typing import Final

import msgspec

from lws_events.commands import AnyCommand, RecordEvent
from lws_events.errors import UnknownShapeError

MACHINE_VERSION: Final = "2"
"""Raised by any change that makes the machine decide differently on some journal."""


class Issued(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A command with its identity, and the Kubernetes Event to be posted once it has succeeded."""

    id: str
    """``<epoch>-<sequence of the cause>-<index>``: the same for the same decision, whoever makes it, however often."""
    command: AnyCommand
    announce: RecordEvent | None = None
    announce_next: tuple[RecordEvent, ...] = ()
    """Further Events, of other reasons, to be posted after ``announce`` in this order."""

    @property
    def announcements(self) -> tuple[RecordEvent, ...]:
        """All Events that go with the command's success."""
        return (() if self.announce is None else (self.announce,)) + self.announce_next


class GroupChanged(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, tag="GroupChanged"):
    """A group moved from one state of its life to another (see ``lifecycle``)."""

    group: str
    before: str
    after: str
    because: str = ""


class GroupRecreationStarted(
    msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, tag="GroupRecreationStarted"
):
    """A failure of one pod ends its whole group: the leader is to be deleted, and everything with it (spec 4.7)."""

    group: str
    leader: str
    leader_uid: str
    failed_pod: str
    failed_uid: str
    failure: str
    """In words: ``container restarted``, ``deleted``, ``failed (Evicted)``."""
    attempt: int = 0
    """Number of the recreation in a row, where the set's annotations ask for counting; 0: not counted."""


class RevisionChosen(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, tag="RevisionChosen"):
    """Groups are to have this revision from now on."""

    key: str
    revision: str
    """Name of the ControllerRevision."""


class FailureLeftAlone(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, tag="FailureLeftAlone"):
    """A pod failed or vanished, and the group goes on as it is: the reason is part of the record."""

    group: str
    pod: str
    pod_uid: str
    failure: str
    because: str


class ConditionChanged(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, tag="ConditionChanged"):
    """A condition of the set became True or False (spec 1.6)."""

    condition: str
    status: str


class ObjectLeftAlone(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, tag="ObjectLeftAlone"):
    """An object of the expected name belongs to somebody else, or is on its way out: nothing is done about it."""

    kind: str
    name: str
    because: str
    uid: str = ""
    """Of the object, where it has been seen; empty where a refused command told of it."""


class RolloutStepped(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, tag="RolloutStepped"):
    """The leader StatefulSet is to have another partition or number of replicas (spec 4.5)."""

    key: str
    """Of the revision that groups are to have."""
    partition_before: int
    partition: int
    replicas_before: int
    replicas: int
    because: str


class RolloutBlocked(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, tag="RolloutBlocked"):
    """A rollout waits for groups below the partition that are not ready: they use up the budget (spec D9)."""

    key: str
    partition: int
    groups: tuple[str, ...]
    """Names of those groups, the first few of them."""
    count: int
    """How many they are in all."""


class LeaderReplacementStarted(
    msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, tag="LeaderReplacementStarted"
):
    """A leader pod that is down anyway is deleted so that a rollout can go on (spec D9, D24). No failure led to it."""

    group: str
    leader_uid: str
    partition: int
    because: str


class GroupRecreationPostponed(
    msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, tag="GroupRecreationPostponed"
):
    """A failure will end its group at ``until_ms`` (annotation ``restart-backoff``); again when that time changes."""

    group: str
    leader: str
    leader_uid: str
    failed_pod: str
    failed_uid: str
    failure: str
    """In words, as in ``GroupRecreationStarted``."""
    failed_ms: int
    """When the failure was decided about."""
    until_ms: int
    attempt: int
    """Number of the recreation in a row that is waited for."""


class GroupKept(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, tag="GroupKept"):
    """A group has failed too often in a row and is kept as it is for debugging (annotation ``restart-limit``)."""

    group: str
    leader: str
    leader_uid: str
    failed_pod: str
    failed_uid: str
    failure: str
    failed_ms: int
    recreations: int
    """How often it was recreated in a row before."""


class GroupTerminationOverdue(
    msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, tag="GroupTerminationOverdue"
):
    """A group is still terminating a minute after all its pods should have ended (spec D5)."""

    group: str
    leader: str
    leader_uid: str
    pods: tuple[str, ...]
    """Those that are still there, each with its node, for example ``sample-1-1 on node rack-2-node-0``."""
    since_ms: int


LifecycleFact = (
    RevisionChosen
    | GroupChanged
    | GroupRecreationStarted
    | FailureLeftAlone
    | ConditionChanged
    | ObjectLeftAlone
    | RolloutStepped
    | RolloutBlocked
    | LeaderReplacementStarted
    | GroupRecreationPostponed
    | GroupKept
    | GroupTerminationOverdue
)


class Decision(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The body of one message of the DECISIONS stream."""

    epoch: str
    cause: int
    """Sequence in the EVENTS stream of the event that led to this."""
    machine: str
    commands: tuple[Issued, ...] = ()
    facts: tuple[LifecycleFact, ...] = ()

    @property
    def message_id(self) -> str:
        """Identity in the DECISIONS stream: one decision for one event."""
        return f"{self.epoch}-{self.cause}"


_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(Decision)


def encode(decision: Decision) -> bytes:
    """One JSON object, without white space."""
    return _ENCODER.encode(decision)


def decode(data: bytes) -> Decision:
    """Read a body.

    Raises ``msgspec.DecodeError`` for anything else, and of these ``UnknownShapeError`` for what a newer release wrote.
    """
    try:
        return _DECODER.decode(data)
    except msgspec.ValidationError as error:
        raise UnknownShapeError(error) from error
