"""What ``why`` answers with: a chain of links, from the cause in the cluster to the recovery.

The shapes are those of ``why -o json`` (docs/why.md): fields are added, never renamed or taken away.
"""

from typing import Final, Literal

import msgspec

RECREATION: Final = "recreation"
"""A failure ended a group, or will, or would if the group were not kept for debugging."""
REPLACEMENT: Final = "replacement"
"""The controller deleted a leader that was down, so that a rolling update could go on."""
ENDED: Final = "ended"
"""A group ended because its leader did, without a decision of the controller."""
FAILURE: Final = "failure"
"""A pod failed and its group went on as it was."""
OBJECT: Final = "object"
"""An object that is not the set's was left alone."""
ROLLOUT: Final = "rollout"
"""Groups got another revision, or another number."""
DECISION: Final = "decision"
"""Any one decision."""
KINDS: Final = (RECREATION, REPLACEMENT, ENDED, FAILURE, OBJECT, ROLLOUT)

LinkKind = Literal["fact", "cause", "decision", "command", "outcome", "effect", "log"]


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """What is known about why a pod failed or ended."""

    category: str
    """One of ``causes.CATEGORIES``."""
    what: str
    """In words."""
    hint: str = ""
    """Where to look for what is not known here."""
    by: str = ""
    """Who ended it, as far as Kubernetes tells: ``kubelet``, ``kube-scheduler``, ``StatefulSet controller``…"""
    pod: str = ""
    node: str = ""
    container: str = ""
    exit_code: int | None = None
    signal: str = ""
    reason: str = ""
    """Kubernetes' own word: ``OOMKilled``, ``Evicted``, ``PreemptionByScheduler``."""
    user: str = ""
    """Who asked for it, where a webhook of ours was told of that."""
    groups: tuple[str, ...] = ()
    """Of that user."""

    @property
    def words(self) -> str:
        """All of it."""
        return f"{self.what}. {self.hint}" if self.hint else self.what


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """One cause or effect. ``elapsed_ms`` counts from the beginning of the chain; before it, it is negative."""

    kind: LinkKind
    sequence: int
    """In the EVENTS stream; of a decision, of its cause."""
    at_ms: int
    elapsed_ms: int
    what: str
    rule: str = ""
    """Of a decision: the rule that led to it, in words."""


class Log(msgspec.Struct, frozen=True, kw_only=True):
    """Where the end of a failed container's log is kept (see ``adapters.journal.logs``)."""

    pod: str
    container: str
    reference: str
    bytes: int
    lines: int
    truncated: bool
    previous: bool
    problem: str = ""


class Chain(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened, complete or as far as the journal goes."""

    kind: str
    """One of ``KINDS``, or ``DECISION``."""
    what: str
    """In a sentence."""
    group: str = ""
    """Token of the group; empty where it is about the whole set."""
    leader: str = ""
    failed_pod: str = ""
    """The pod that it began with."""
    failure: str = ""
    """What was wrong with that pod, in the machine's words."""
    complete: bool = False
    """True once it is over: all pods of the new group are ready, the rollout is done."""
    held: str = ""
    """Why a failed group is not recreated yet, in words; empty once its recreation has begun."""
    cause: Cause | None = None
    logs: tuple[Log, ...] = ()
    links: tuple[Link, ...]

    @property
    def elapsed_ms(self) -> int:
        """From the beginning to the last link."""
        return self.links[-1].elapsed_ms
