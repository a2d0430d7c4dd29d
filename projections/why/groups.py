"""The ends of groups, as chains: a failure or a deleted leader, what was decided, and the group that is ready again.

A chain begins with what happened to a pod, also where the decision came later or by another event. It goes on through
the decision, the command, its outcome and the new leader, until all pods of the new group are ready; where no new group
is to come (scaled down, the set deleted), until the last pod is gone.
"""

from collections.abc import Iterable
from typing import Final

from lws_events import subjects
from lws_events.commands import DeleteLeaderPod, target
from lws_events.decisions import (
    Decision,
    GroupRecreationStarted,
    GroupTerminationOverdue,
    LeaderReplacementStarted,
)
from lws_events.events import (
    CommandFailed,
    CommandSucceeded,
    DeletionRequested,
    LogCaptured,
    Outcome,
    PodDeleted,
    PodObserved,
)
from projections.explain import (
    explain_command,
    explain_fact,
    explain_failure,
    explain_lifecycle,
    explain_log,
)
from projections.groups import group_of_object, group_of_target, group_token, size_of
from projections.journal import RecordedEvent
from projections.why import causes
from projections.why.model import ENDED, RECREATION, REPLACEMENT, Chain, Log
from projections.why.open_end import Beginning, OpenEnd, continues, decided_words, is_deletion, told
from projections.why.rules import Policies, rule_of_command, rule_of_fact
from projections.why.surroundings import End, Surroundings

_ASKED_FOR: Final = (causes.SCALED_DOWN, causes.ROLLED_OUT)
"""The StatefulSet controller did it, as a step of ours asked it to."""


class GroupChains:
    """Fold of one set: each method gives the chains that it completed."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._around = surroundings
        self._set = surroundings.set_name
        self._open: dict[str, OpenEnd] = {}

    def unfinished(self) -> list[Chain]:
        """Those whose new group is not ready yet, in the order in which they began."""
        return [one.result(complete=False) for one in self._open.values()]

    def add_event(self, event: RecordedEvent) -> list[Chain]:
        """Read one event, which ``surroundings`` has read."""
        assert event.address is not None
        name = event.address.name
        fact = event.envelope.fact
        match fact:
            case PodObserved():
                return self._of_pod(event, fact, name)
            case PodDeleted():
                return self._of_gone(event, fact, name)
            case CommandSucceeded() | CommandFailed():
                self._of_outcome(event, fact)
            case LogCaptured():
                self._of_log(event, fact, name)
            case DeletionRequested():
                self._of_request(event, fact)
            case _:
                pass
        return []

    def add_ends(self, ends: Iterable[End]) -> list[Chain]:
        """After the decision about them: a leader that ends without one begins a chain of its own."""
        interrupted: list[Chain] = []
        for end in ends:
            leader = f"{self._set.name}-{end.group}"
            if end.name != leader or end.is_restart or not is_deletion(end):
                continue
            going_on = self._open.get(end.group)
            if going_on is not None and going_on.new_leader_uid != end.uid:
                if going_on.held and going_on.leader_uid == end.uid:
                    going_on.links.cause(end.event, f"pod {end.name}: {end.cause.words}")
                continue
            if going_on is not None:
                interrupted.append(going_on.result(complete=False))
            began = OpenEnd(kind=ENDED, group=end.group, leader=leader, leader_uid=end.uid, began=end.event)
            began.cause, began.failure, began.decided = end.cause, "deleted", True
            step = self._around.step
            if step is not None and end.cause.category in _ASKED_FOR:
                decided = f"decided by version {step.machine}: {explain_lifecycle(step.fact)}"
                began.links.decision(step.event, decided, rule=rule_of_fact(step.fact, Policies(None)))
            self._link_request(began, end)
            began.links.fact(end.event, told(end))
            began.links.cause(end.event, end.cause.words)
            self._open[end.group] = began
        return interrupted

    def add_decision(self, event: RecordedEvent, decision: Decision, policies: Policies) -> list[Chain]:
        """Read what was decided by the event."""
        interrupted: list[Chain] = []
        for fact in decision.facts:
            if isinstance(fact, Beginning):
                interrupted += self._begin(event, decision, fact, policies)
            elif isinstance(fact, GroupTerminationOverdue):
                going_on = self._open.get(group_token(self._set, fact.group))
                if going_on is not None:
                    going_on.links.decision(event, explain_lifecycle(fact), rule=rule_of_fact(fact, policies))
        for issued in decision.commands:
            going = self._open.get(group_of_target(self._set, target(issued.command)))
            if (
                going is not None
                and isinstance(issued.command, DeleteLeaderPod)
                and issued.command.uid == going.leader_uid
            ):
                going.command_id = issued.id
                what = f"command {issued.id}: {explain_command(issued.command)}"
                going.links.command(event, what, rule=rule_of_command(issued.command, policies))
        return interrupted

    def _begin(self, event: RecordedEvent, decision: Decision, fact: Beginning, policies: Policies) -> list[Chain]:
        group = group_token(self._set, fact.group)
        going_on, interrupted = self._open.get(group), []
        if going_on is None or not continues(going_on, fact):
            if going_on is not None:
                interrupted.append(going_on.result(complete=False))
            going_on = self._open[group] = self._opened(event, fact, group)
        elif going_on.held:
            going_on.links.fact(event, explain_fact(event.envelope.fact, event.address.name if event.address else ""))
        ends_now = isinstance(fact, GroupRecreationStarted | LeaderReplacementStarted)
        going_on.decided = ends_now
        going_on.held = "" if ends_now else decided_words(fact, group)
        what = f"decided by version {decision.machine}: {decided_words(fact, group)}"
        going_on.links.decision(event, what, rule=rule_of_fact(fact, policies))
        return interrupted

    def _opened(self, event: RecordedEvent, fact: Beginning, group: str) -> OpenEnd:
        if isinstance(fact, LeaderReplacementStarted):
            pod, uid, failure = (
                fact.group,
                fact.leader_uid,
                f"not ready, replaced for the rolling update: {fact.because}",
            )
            leader, kind, end = fact.group, REPLACEMENT, None
        else:
            pod, uid, failure, leader, kind = fact.failed_pod, fact.failed_uid, fact.failure, fact.leader, RECREATION
            end = self._around.ends.get(uid)
        began = end.event if end is not None else event
        opened = OpenEnd(kind=kind, group=group, leader=leader, leader_uid=fact.leader_uid, began=began)
        opened.failed_pod, opened.failed_uid, opened.failure = pod, uid, failure
        if end is not None:
            opened.cause = end.cause
            self._link_request(opened, end)
            opened.links.fact(end.event, told(end))
            opened.links.cause(end.event, end.cause.words)
        if end is None or end.event.sequence != event.sequence:
            name = event.address.name if event.address is not None else ""
            opened.links.fact(event, explain_fact(event.envelope.fact, name))
        return opened

    def _of_pod(self, event: RecordedEvent, pod: PodObserved, name: str) -> list[Chain]:
        group = group_of_object(self._set, name)
        going_on = self._open.get(group)
        known = self._around.pod(name)
        if going_on is None or known is None or known.uid != pod.uid:
            return []
        if name == going_on.leader and pod.uid != going_on.leader_uid and not going_on.new_leader_uid:
            going_on.new_leader_uid = pod.uid
            going_on.links.effect(event, f"new leader pod {name} was created (uid {pod.uid})")
        if not going_on.new_leader_uid or not self._is_ready(group, going_on):
            return []
        going_on.held = ""
        return self._complete(
            event, going_on, f"group {group} is ready: all {len(self._around.groups[group])} pods are"
        )

    def _of_gone(self, event: RecordedEvent, fact: PodDeleted, name: str) -> list[Chain]:
        group = group_of_object(self._set, name)
        going_on = self._open.get(group)
        if going_on is None:
            return []
        if fact.uid == going_on.leader_uid and fact.uid != going_on.links.first_uid:
            going_on.links.effect(event, explain_fact(fact, name))
        if not going_on.has_successor and not self._around.groups.get(group):
            return self._complete(event, going_on, f"group {group} is gone, and is not to come back")
        return []

    def _complete(self, event: RecordedEvent, going_on: OpenEnd, what: str) -> list[Chain]:
        going_on.links.effect(event, what)
        del self._open[going_on.group]
        return [going_on.result(complete=True)]

    def _of_outcome(self, event: RecordedEvent, outcome: Outcome) -> None:
        going_on = self._open.get(group_of_target(self._set, outcome.target))
        if going_on is not None and going_on.command_id == outcome.command_id:
            accepted = "the API server accepted the deletion"
            failed = f"it failed, {explain_failure(outcome)}" if isinstance(outcome, CommandFailed) else ""
            going_on.links.outcome(event, failed or accepted)

    def _link_request(self, began: OpenEnd, end: End) -> None:
        """Who asked for the deletion of the pod that it began with, if that is what ended it."""
        request = self._around.deletions.event_of(end.uid)
        if request is not None and end.cause.user:
            began.links.cause(request, explain_fact(request.envelope.fact, end.name))

    def _of_request(self, event: RecordedEvent, request: DeletionRequested) -> None:
        """It may be recorded behind the end that it led to."""
        for going_on in self._open.values():
            before = going_on.cause
            if before is not None and (request.kind == subjects.SET or going_on.failed_uid == request.uid):
                going_on.cause = self._around.named(before, going_on.failed_uid)
                if going_on.cause.user != before.user:
                    going_on.links.cause(event, explain_fact(request, request.name))

    def _of_log(self, event: RecordedEvent, fact: LogCaptured, name: str) -> None:
        going_on = self._open.get(group_of_object(self._set, name))
        if going_on is None or going_on.command_id != fact.command_id:
            return
        going_on.links.log(event, explain_log(fact, name))
        going_on.logs.append(
            Log(
                pod=name,
                container=fact.container,
                reference=fact.reference,
                bytes=fact.bytes,
                lines=fact.lines,
                truncated=fact.truncated,
                previous=fact.previous,
                problem=fact.problem,
            )
        )

    def _is_ready(self, group: str, going_on: OpenEnd) -> bool:
        """All pods of the new group are there and ready. The leader's annotation says how many there are."""
        pods = self._around.groups[group]
        leader = pods.get(going_on.leader)
        if leader is None or leader.uid != going_on.new_leader_uid:
            return False
        wanted = size_of(leader, default=1)
        return len(pods) == wanted and all(pod.ready and pod.deleting_since is None for pod in pods.values())
