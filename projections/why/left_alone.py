"""Failures that were left alone, and objects that were: what was seen, why nothing was done, and what became of it."""

from lws_events.decisions import Decision, FailureLeftAlone, ObjectLeftAlone
from lws_events.events import DeletionRequested, PodObserved
from projections.explain import explain_fact, explain_lifecycle
from projections.groups import group_of_target, group_token
from projections.journal import RecordedEvent
from projections.why.links import Links
from projections.why.model import FAILURE, OBJECT, Cause, Chain
from projections.why.rules import Policies, rule_of_fact
from projections.why.surroundings import Surroundings


class _Open:
    def __init__(self, fact: FailureLeftAlone, *, group: str, links: Links, cause: Cause | None) -> None:
        self.fact = fact
        self.group = group
        self.links = links
        self.cause = cause

    def result(self, *, complete: bool) -> Chain:
        fact = self.fact
        because = f" ({self.cause.what})" if self.cause is not None else ""
        return Chain(
            kind=FAILURE,
            what=f"pod {fact.pod} failed{because} and group {self.group} went on, because {fact.because}",
            group=self.group,
            leader=fact.group,
            failed_pod=fact.pod,
            failure=fact.failure,
            complete=complete,
            cause=self.cause,
            links=self.links.all,
        )


class LeftAloneChains:
    """Fold of one set: each method gives the chains that it completed."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._around = surroundings
        self._set = surroundings.set_name
        self._open: dict[str, _Open] = {}

    def unfinished(self) -> list[Chain]:
        """Those whose pod is not ready again, in the order in which they began."""
        return [one.result(complete=False) for one in self._open.values()]

    def add_event(self, event: RecordedEvent) -> list[Chain]:
        """Read one event, which ``surroundings`` has read: a pod that is ready again ends its chain."""
        fact = event.envelope.fact
        if isinstance(fact, DeletionRequested):
            self._of_request(event, fact)
        if not isinstance(fact, PodObserved) or not self._open or event.address is None:
            return []
        name = event.address.name
        known = self._around.pod(name)
        if name not in self._open or known != fact or not fact.ready or fact.deleting_since is not None:
            return []
        going_on = self._open.pop(name)
        which = "again" if fact.uid == going_on.fact.pod_uid else f"as another one (uid {fact.uid})"
        going_on.links.effect(event, f"pod {name} is ready {which}")
        return [going_on.result(complete=True)]

    def add_decision(self, event: RecordedEvent, decision: Decision, policies: Policies) -> list[Chain]:
        """Read what was decided by the event."""
        finished: list[Chain] = []
        for fact in decision.facts:
            if isinstance(fact, FailureLeftAlone):
                before = self._open.pop(fact.pod, None)
                finished += [] if before is None else [before.result(complete=False)]
                self._open[fact.pod] = self._of_failure(event, decision, fact, policies)
            elif isinstance(fact, ObjectLeftAlone):
                finished.append(self._of_object(event, decision, fact, policies))
        return finished

    def _of_failure(
        self, event: RecordedEvent, decision: Decision, fact: FailureLeftAlone, policies: Policies
    ) -> _Open:
        end = self._around.ends.get(fact.pod_uid)
        links = Links(event if end is None else end.event)
        if end is not None:
            links.fact(end.event, explain_fact(end.event.envelope.fact, end.name))
            links.cause(end.event, end.cause.words)
        if end is None or end.event.sequence != event.sequence:
            links.fact(event, explain_fact(event.envelope.fact, event.address.name if event.address else ""))
        what = f"decided by version {decision.machine}: {explain_lifecycle(fact)}"
        links.decision(event, what, rule=rule_of_fact(fact, policies))
        group = group_token(self._set, fact.group)
        return _Open(fact, group=group, links=links, cause=None if end is None else end.cause)

    def _of_request(self, event: RecordedEvent, request: DeletionRequested) -> None:
        """It may be recorded behind the end that it led to."""
        for one in self._open.values():
            before = one.cause
            if before is not None and one.fact.pod_uid == request.uid:
                one.cause = self._around.named(before, request.uid)
                if one.cause.user != before.user:
                    one.links.cause(event, explain_fact(request, request.name))

    def _of_object(self, event: RecordedEvent, decision: Decision, fact: ObjectLeftAlone, policies: Policies) -> Chain:
        links = Links(event)
        links.fact(event, explain_fact(event.envelope.fact, event.address.name if event.address else ""))
        what = f"decided by version {decision.machine}: {explain_lifecycle(fact)}"
        links.decision(event, what, rule=rule_of_fact(fact, policies))
        group = group_of_target(self._set, f"{fact.kind.lower()}/{fact.name}")
        return Chain(kind=OBJECT, what=explain_lifecycle(fact), group=group, complete=True, links=links.all)
