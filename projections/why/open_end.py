"""One end of a group while it is going on: what it began with, how far it is, and its words."""

from typing import Final

from lws_events.decisions import (
    GroupKept,
    GroupRecreationPostponed,
    GroupRecreationStarted,
    LeaderReplacementStarted,
)
from lws_events.events import PodObserved
from projections.explain import explain_fact, timestamp
from projections.journal import RecordedEvent
from projections.why import causes
from projections.why.links import Links
from projections.why.model import RECREATION, REPLACEMENT, Cause, Chain, Log
from projections.why.surroundings import End

_WITHOUT_SUCCESSOR: Final = (causes.SCALED_DOWN, causes.SET_DELETED)

Beginning = GroupRecreationStarted | GroupRecreationPostponed | GroupKept | LeaderReplacementStarted
"""A decision that ends a group: at once, later, or when a person wants it."""


class OpenEnd:
    """An end of a group that is going on, or waits to begin."""

    def __init__(self, *, kind: str, group: str, leader: str, leader_uid: str, began: RecordedEvent) -> None:
        self.kind = kind
        self.group = group
        self.leader = leader
        self.leader_uid = leader_uid
        self.failed_pod = leader
        self.failed_uid = leader_uid
        self.failure = ""
        self.cause: Cause | None = None
        self.decided = False
        """The deletion of the leader was decided, or is seen."""
        self.command_id = ""
        self.new_leader_uid = ""
        self.held = ""
        self.links = Links(began)
        self.logs: list[Log] = []

    @property
    def has_successor(self) -> bool:
        return self.cause is None or self.cause.category not in _WITHOUT_SUCCESSOR

    def result(self, *, complete: bool) -> Chain:
        return Chain(
            kind=self.kind,
            what=self._sentence(),
            group=self.group,
            leader=self.leader,
            failed_pod=self.failed_pod,
            failure=self.failure,
            complete=complete,
            held=self.held,
            cause=self.cause,
            logs=tuple(self.logs),
            links=self.links.all,
        )

    def _sentence(self) -> str:
        if self.held:
            return self.held
        what = {RECREATION: "was recreated", REPLACEMENT: "was replaced"}.get(self.kind, "ended")
        because = f"pod {self.failed_pod}: {self.cause.what}" if self.cause is not None else self.failure
        return f"group {self.group} {what}, because of {because}" if because else f"group {self.group} {what}"


def is_deletion(end: End) -> bool:
    """The pod is going or gone, rather than ended by itself."""
    fact = end.event.envelope.fact
    return not (isinstance(fact, PodObserved) and fact.uid == end.uid and fact.deleting_since is None)


def continues(going_on: OpenEnd, fact: Beginning) -> bool:
    """Whether it is the failure that this chain has waited for."""
    if isinstance(fact, LeaderReplacementStarted) or going_on.decided or going_on.new_leader_uid:
        return False
    mine = (going_on.leader_uid, going_on.failed_uid, going_on.failure)
    return mine == (fact.leader_uid, fact.failed_uid, fact.failure)


def decided_words(fact: Beginning, group: str) -> str:
    """What was decided about a group that has failed."""
    match fact:
        case GroupRecreationStarted():
            row = f", recreation {fact.attempt} in a row" if fact.attempt else ""
            return f"group {group} is recreated as a whole ({fact.failure}){row}"
        case LeaderReplacementStarted():
            return f"group {group} is replaced as a whole, because {fact.because}"
        case GroupRecreationPostponed():
            until = timestamp(fact.until_ms)
            return f"recreation {fact.attempt} of group {group} in a row waits until {until} ({fact.failure})"
        case GroupKept():
            return f"group {group} is kept for debugging after {fact.recreations} recreations ({fact.failure})"


def told(end: End) -> str:
    """The fact in words, with the node where the fact does not say it."""
    fact = end.event.envelope.fact
    name = end.event.address.name if end.event.address is not None else ""
    what = explain_fact(fact, name)
    return f"{what}, it was on node {end.cause.node}" if end.cause.node and not isinstance(fact, PodObserved) else what
