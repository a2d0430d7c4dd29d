"""Lines of a timeline, what kind of news each is, and the choices by which a reader asks for some of them.

The kinds are for filters and pictures; the words are in ``explain`` and ``transitions``.
"""

from collections.abc import Collection
from typing import Final

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
    RevisionChosen,
    RolloutBlocked,
    RolloutStepped,
)

CLUSTER: Final = "cluster"
CONTROLLER: Final = "controller"
USER: Final = "user"

# Kinds of entries.
POD: Final = "pod"
"""A pod was created, placed, became ready, is gone."""
OBJECT: Final = "object"
"""News of any other object, and what the controller left alone."""
FAILURE: Final = "failure"
"""A container restarted, a pod failed; also a failure that ended no group."""
RESTART: Final = "restart"
"""A group is recreated, or its leader is replaced."""
HELD: Final = "held"
"""The recreation of a group is postponed, or the group is kept for debugging."""
WAIT: Final = "wait"
"""A pod cannot be placed or started, a rollout is blocked, a group does not end."""
ROLLOUT: Final = "rollout"
"""A revision was chosen, a rolling update took a step."""
CHANGE: Final = "change"
"""The set itself was created, changed or deleted, or a user asked for that."""
CONDITION: Final = "condition"
GROUP: Final = "group"
"""A group went from one state of its life to another."""
COMMAND: Final = "command"
"""What the controller asked for, and that it was done."""
REFUSED: Final = "refused"
"""A command failed."""

CHOICES: Final[dict[str, tuple[str, ...]]] = {
    "restarts": (RESTART, HELD),
    "failures": (FAILURE, REFUSED),
    "rollouts": (ROLLOUT, CHANGE),
    "waits": (WAIT, HELD),
    "conditions": (CONDITION,),
    "groups": (GROUP,),
    "pods": (POD, FAILURE, WAIT),
    "commands": (COMMAND, REFUSED),
}
"""What a reader may ask for, in the words of ``timeline --only``."""

_OF_LIFECYCLE: Final[dict[type[LifecycleFact], str]] = {
    GroupChanged: GROUP,
    GroupRecreationStarted: RESTART,
    LeaderReplacementStarted: RESTART,
    FailureLeftAlone: FAILURE,
    GroupRecreationPostponed: HELD,
    GroupKept: HELD,
    GroupTerminationOverdue: WAIT,
    RevisionChosen: ROLLOUT,
    RolloutStepped: ROLLOUT,
    RolloutBlocked: WAIT,
    ConditionChanged: CONDITION,
}


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a timeline."""

    at_ms: int
    sequence: int
    """In the EVENTS stream: of the event itself, or of the event that led to the decision."""
    group: str
    """Token of the group; empty for what concerns the whole set."""
    pod: str = ""
    """Name of the pod, where it is about one."""
    kind: str = OBJECT
    who: str
    """``cluster`` (was observed), ``controller`` (was decided or came of it) or ``user``."""
    what: str
    because: str = ""


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """Which entries a reader asks for. Without anything: all."""

    group: str | None = None
    """Token of a group (``groups.group_token``)."""
    pod: str | None = None
    """A pod, with what is decided about its whole group: it explains what happens to the pod."""
    kinds: Collection[str] | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    from_sequence: int = 0

    def has(self, entry: Entry) -> bool:
        """Whether an entry belongs to it."""
        return (
            entry.sequence >= self.from_sequence
            and (self.since_ms is None or entry.at_ms >= self.since_ms)
            and (self.until_ms is None or entry.at_ms <= self.until_ms)
            and (self.kinds is None or entry.kind in self.kinds)
            and (self.group is None or entry.group == self.group)
            and (self.pod is None or entry.pod in ("", self.pod))
        )


def kind_of(fact: LifecycleFact) -> str:
    """Kind of the entry that tells a lifecycle fact."""
    return _OF_LIFECYCLE.get(type(fact), OBJECT)


def kinds_of(choices: Collection[str]) -> frozenset[str]:
    """Kinds of some ``CHOICES``. Raises ``KeyError`` with the first that is none."""
    return frozenset(kind for choice in choices for kind in CHOICES[choice])
