"""Why a group was recreated: the causal chain from the failed pod to the group that is ready again, with elapsed times.

Also of a group whose leader was down, and was deleted so that a rolling update could go on.

Each link is an event or a decision of the journal, so that every sentence can be looked up. It follows recreations that
the controller decided; a leader that somebody else deleted takes its group along by ownership and has no chain here.
"""

from collections.abc import Iterable, Iterator

import msgspec

from lws_events.commands import DeleteLeaderPod, target
from lws_events.decisions import (
    Decision,
    GroupKept,
    GroupRecreationPostponed,
    GroupRecreationStarted,
    LeaderReplacementStarted,
    LifecycleFact,
)
from lws_events.events import CommandFailed, CommandSucceeded, Outcome, PodDeleted, PodObserved
from lws_events.machine.state import is_older
from lws_events.subjects import SetName
from projections.explain import explain_command, explain_exit, explain_fact, explain_failure, timestamp
from projections.groups import group_of_object, group_of_target, group_token, size_of
from projections.journal import RecordedEvent, Step, about


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """One cause or effect. ``elapsed_ms`` counts from the failure."""

    sequence: int
    """In the EVENTS stream; for the decision, of its cause."""
    at_ms: int
    elapsed_ms: int
    what: str


class Recreation(msgspec.Struct, frozen=True, kw_only=True):
    """One recreation of a group, complete or as far as the journal goes."""

    group: str
    leader: str
    failed_pod: str
    failure: str
    complete: bool
    """True once all pods of the new group were ready."""
    held: str = ""
    """Why the failed group is not recreated yet, in words; empty once its recreation has begun."""
    links: tuple[Link, ...]

    @property
    def elapsed_ms(self) -> int:
        """From the failure to the last link."""
        return self.links[-1].elapsed_ms


_Beginning = GroupRecreationStarted | GroupRecreationPostponed | GroupKept
"""What a chain begins with: a failure that ends the group at once, later, or when a person wants it."""


class _Open:
    """A recreation that is still going on, or waits to begin."""

    def __init__(self, started: _Beginning, group: str, failure: RecordedEvent) -> None:
        self.started = started
        self.group = group
        self.command_id = ""
        self.new_leader_uid = ""
        self.held = ""
        self.began_ms = failure.envelope.at_ms
        self.links: list[Link] = []

    def link(self, event: RecordedEvent, what: str) -> None:
        at_ms = event.envelope.at_ms
        elapsed_ms = at_ms - self.began_ms
        self.links.append(Link(sequence=event.sequence, at_ms=at_ms, elapsed_ms=elapsed_ms, what=what))

    def is_about(self, fact: _Beginning) -> bool:
        """Whether it is the failure that this chain has waited for."""
        waits = not self.command_id and not self.new_leader_uid
        mine = (self.started.leader_uid, self.started.failed_uid, self.started.failure)
        return waits and mine == (fact.leader_uid, fact.failed_uid, fact.failure)

    def result(self, *, complete: bool) -> Recreation:
        return Recreation(
            group=self.group,
            leader=self.started.leader,
            failed_pod=self.started.failed_pod,
            failure=self.started.failure,
            complete=complete,
            held=self.held,
            links=tuple(self.links),
        )


class Recreations:
    """Fold of one set: ``add`` gives the recreations that a step completed, ``unfinished`` the others."""

    def __init__(self, set_name: SetName, *, group: str | None = None) -> None:
        self._set = set_name
        self._group = None if group is None else group_token(set_name, group)
        self._pods: dict[str, dict[str, PodObserved]] = {}
        self._open: dict[str, _Open] = {}

    def add(self, step: Step) -> list[Recreation]:
        """Read one step, which must be about this set."""
        before = self._failed_view(step)
        finished = self._of_event(step.event)
        if step.decision is not None:
            finished += self._of_decision(step.event, step.decision, before)
        return [one for one in finished if self._group is None or one.group == self._group]

    def unfinished(self) -> list[Recreation]:
        """Those whose new group is not ready yet, in the order in which they began."""
        going_on = [one.result(complete=False) for one in self._open.values()]
        return [one for one in going_on if self._group is None or one.group == self._group]

    def _failed_view(self, step: Step) -> PodObserved | None:
        """The last observation of the pod whose failure this step decides about; it knows the node."""
        if step.decision is None:
            return None
        for each in step.decision.facts:
            fact = _beginning(each)
            if fact is not None:
                return self._pods.get(group_token(self._set, fact.group), {}).get(fact.failed_pod)
        return None

    def _of_event(self, event: RecordedEvent) -> list[Recreation]:
        fact = event.envelope.fact
        address = event.address
        assert address is not None, f"{event.subject} is about no set"
        match fact:
            case PodObserved():
                group = group_of_object(self._set, address.name)
                pods = self._pods.setdefault(group, {})
                if address.name in pods and is_older(fact, pods[address.name]):
                    return []
                pods[address.name] = fact
                return self._of_pod(event, fact, group, address.name)
            case PodDeleted():
                group = group_of_object(self._set, address.name)
                pods = self._pods.get(group, {})
                if address.name in pods and pods[address.name].uid == fact.uid:
                    del pods[address.name]
                    return self._of_gone(event, fact, group)
            case CommandSucceeded() | CommandFailed():
                self._of_outcome(event, fact)
        return []

    def _of_pod(self, event: RecordedEvent, pod: PodObserved, group: str, name: str) -> list[Recreation]:
        going_on = self._open.get(group)
        if going_on is None:
            return []
        if name == going_on.started.leader and pod.uid != going_on.started.leader_uid and not going_on.new_leader_uid:
            going_on.new_leader_uid = pod.uid
            going_on.link(event, f"new leader pod {name} was created (uid {pod.uid})")
        if not going_on.new_leader_uid or not self._ready(group, going_on):
            return []
        going_on.link(event, f"group {group} is ready: all {len(self._pods[group])} pods are")
        del self._open[group]
        return [going_on.result(complete=True)]

    def _of_gone(self, event: RecordedEvent, fact: PodDeleted, group: str) -> list[Recreation]:
        going_on = self._open.get(group)
        if going_on is None or fact.uid != going_on.started.leader_uid:
            return []
        going_on.link(event, explain_fact(fact, going_on.started.leader))
        return []

    def _of_outcome(self, event: RecordedEvent, outcome: Outcome) -> None:
        going_on = self._open.get(group_of_target(self._set, outcome.target))
        if going_on is not None and going_on.command_id == outcome.command_id:
            accepted = "the API server accepted the deletion"
            failed = f"it failed, {explain_failure(outcome)}" if isinstance(outcome, CommandFailed) else ""
            going_on.link(event, failed or accepted)

    def _of_decision(
        self, event: RecordedEvent, decision: Decision, failed_view: PodObserved | None
    ) -> list[Recreation]:
        interrupted: list[Recreation] = []
        for each in decision.facts:
            fact = _beginning(each)
            if fact is None:
                continue
            group = group_token(self._set, fact.group)
            going_on = self._open.get(group)
            if going_on is None or not going_on.is_about(fact):
                if going_on is not None:
                    interrupted.append(going_on.result(complete=False))
                going_on = self._open[group] = _Open(fact, group, event)
                going_on.link(event, _failure(event, fact, failed_view))
            else:
                going_on.link(event, _wake(event))
            going_on.held = "" if isinstance(fact, GroupRecreationStarted) else _decided(fact, group)
            going_on.link(event, f"decided by version {decision.machine}: {_decided(fact, group)}")
        for issued in decision.commands:
            command = issued.command
            going = self._open.get(group_of_target(self._set, target(command)))
            if going is not None and isinstance(command, DeleteLeaderPod) and command.uid == going.started.leader_uid:
                going.command_id = issued.id
                going.link(event, f"command {issued.id}: {explain_command(command)}")
        return interrupted

    def _ready(self, group: str, going_on: _Open) -> bool:
        """All pods of the new group are there and ready. The leader's annotation says how many there are."""
        pods = self._pods[group]
        leader = pods.get(going_on.started.leader)
        if leader is None or leader.uid != going_on.new_leader_uid:
            return False
        wanted = size_of(leader, default=1)
        return len(pods) == wanted and all(pod.ready and pod.deleting_since is None for pod in pods.values())


def recreations(steps: Iterable[Step], set_name: SetName, *, group: str | None = None) -> Iterator[Recreation]:
    """All recreations of a set (or one of its groups), as each completes, then the unfinished ones."""
    fold = Recreations(set_name, group=group)
    for step in about(steps, set_name):
        yield from fold.add(step)
    yield from fold.unfinished()


def _beginning(fact: LifecycleFact) -> _Beginning | None:
    """A fact that a chain begins or goes on with. For a replaced leader the failure is its own not being ready."""
    if isinstance(fact, LeaderReplacementStarted):
        uid, failure = fact.leader_uid, f"not ready, replaced for the rolling update: {fact.because}"
        return GroupRecreationStarted(
            group=fact.group,
            leader=fact.group,
            leader_uid=uid,
            failed_pod=fact.group,
            failed_uid=uid,
            failure=failure,
        )
    return fact if isinstance(fact, _Beginning) else None


def _decided(fact: _Beginning, group: str) -> str:
    """What was decided about a group that has failed."""
    match fact:
        case GroupRecreationStarted():
            row = f", recreation {fact.attempt} in a row" if fact.attempt else ""
            return f"group {group} is recreated as a whole ({fact.failure}){row}"
        case GroupRecreationPostponed():
            until = timestamp(fact.until_ms)
            return f"recreation {fact.attempt} of group {group} in a row waits until {until} ({fact.failure})"
        case GroupKept():
            return f"group {group} is kept for debugging after {fact.recreations} recreations ({fact.failure})"


def _wake(event: RecordedEvent) -> str:
    """Why a group that waited, or was kept, was looked at again."""
    name = "" if event.address is None else event.address.name
    return explain_fact(event.envelope.fact, name)


def _failure(event: RecordedEvent, started: _Beginning, failed_view: PodObserved | None) -> str:
    """The failure in words, with the node where the last observation knew it."""
    fact = event.envelope.fact
    address = event.address
    name = "" if address is None else address.name
    told = explain_fact(fact, name)
    if name == started.failed_pod:
        node = failed_view.node if failed_view is not None and not isinstance(fact, PodObserved) else ""
        return f"{told}, it was on node {node}" if node else told
    last = failed_view.last_exit if failed_view is not None else None
    return f"{told}; pod {started.failed_pod}: {started.failure}{f', {explain_exit(last)}' if last else ''}"
