"""Small journals written by hand: what is observed, what was decided by it, what came of it.

    journal = JournalBuilder()
    journal.pod("sample-0-1", uid="w1", node="n1", ready=True)
    journal.later(milliseconds=500).pod_deleted("sample-0-1", uid="w1")
    journal.decided(facts=[...], commands=[...])  # about the event before

It decides nothing by itself: a decision is what the test says it is, or what ``machine`` decides where one is given.
"""

import itertools
from collections.abc import Sequence
from typing import Any, Self

import msgspec

from lws_events import names, subjects
from lws_events.commands import AnyCommand, CreateControllerRevision, CreateService, SetTimer, target
from lws_events.decisions import MACHINE_VERSION, Decision, Issued, LifecycleFact
from lws_events.events import (
    CommandFailed,
    CommandSucceeded,
    Envelope,
    EpochStarted,
    Fact,
    Owner,
    PodDeleted,
    PodObserved,
    RevisionObserved,
    ServiceObserved,
    SetObserved,
    SetStatusObserved,
    SpecChangeRequested,
    StatefulSetObserved,
)
from lws_events.fleet import Fleet
from lws_events.subjects import SetName
from projections.journal import RecordedDecision, RecordedEvent, Step, pair

CLUSTER = "default"
SAMPLE = SetName("default", "sample")
COMMANDS_MAX = 1000
RECREATE = "RecreateGroupOnPodRestart"
START_MS = 1_767_225_600_000
"""2026-01-01T00:00:00Z"""


class JournalBuilder:
    """A journal of one cluster, mostly about one set. Sequences and resource versions count up by themselves."""

    def __init__(
        self, set_name: SetName = SAMPLE, *, epoch: str = "e1", begin: bool = True, machine: Fleet | None = None
    ) -> None:
        self.set_name = set_name
        self.epoch = epoch
        self.now_ms = START_MS
        self.sequence = 0
        self.events: list[RecordedEvent] = []
        self.decisions: list[RecordedDecision] = []
        self._machine = machine
        self._unanswered: list[Issued] = []
        self._revision_labels: dict[str, str] = {}
        if begin:
            self.epoch_started(epoch)

    @property
    def steps(self) -> list[Step]:
        """Events with their decisions."""
        return list(pair(self.events, self.decisions))

    @property
    def _owner(self) -> Owner:
        return Owner(names.KIND, self.set_name.name, "lws")

    def later(self, *, milliseconds: int) -> Self:
        """Let time pass."""
        self.now_ms += milliseconds
        return self

    def about(self, set_name: SetName) -> Self:
        """Go on about another set."""
        self.set_name = set_name
        return self

    def fact(self, kind: str, name: str, fact: Fact) -> RecordedEvent:
        """Record any fact about an object of the set."""
        return self._record(subjects.event_subject(CLUSTER, self.set_name, kind, name), fact)

    def epoch_started(self, epoch: str) -> RecordedEvent:
        self.epoch = epoch
        return self._record(subjects.epoch_subject(CLUSTER), EpochStarted(epoch=epoch))

    def lws(self, *, uid: str = "lws", generation: int = 1, replicas: int = 1, size: int = 2) -> RecordedEvent:
        """The LeaderWorkerSet itself, with one container in each pod."""
        template = {"spec": {"containers": [{"name": "main", "image": "nginx"}]}}
        spec = {
            "replicas": replicas,
            "leaderWorkerTemplate": {"size": size, "workerTemplate": template, "restartPolicy": RECREATE},
        }
        return self.fact(
            subjects.SET,
            self.set_name.name,
            SetObserved(uid=uid, resource_version=self._version(), generation=generation, spec=raw(spec)),
        )

    def lws_status(self, status: dict[str, Any]) -> RecordedEvent:
        fact = SetStatusObserved(uid="lws", resource_version=self._version(), status=raw(status))
        return self.fact(subjects.SET_STATUS, self.set_name.name, fact)

    def spec_change(self, user: str) -> RecordedEvent:
        return self.fact(subjects.REQUEST, self.set_name.name, SpecChangeRequested(user=user))

    def pod(self, name: str, *, uid: str, size: int = 2, worker: bool = False, **view: Any) -> RecordedEvent:
        """A pod as observed now. ``worker`` sets the labels of one; else it is a leader."""
        fact = PodObserved(
            uid=uid,
            resource_version=view.pop("resource_version", self._version()),
            labels={names.WORKER_INDEX: "1" if worker else "0"} | self._revision_labels,
            annotations={names.SIZE: str(size)},
            **view,
        )
        return self.fact(subjects.POD, name, fact)

    def running(self, name: str, *, uid: str, node: str = "node-1", size: int = 2) -> RecordedEvent:
        """A pod that is Running and ready."""
        return self.pod(name, uid=uid, size=size, phase="Running", ready=True, node=node)

    def pod_deleted(self, name: str, *, uid: str, **fact: Any) -> RecordedEvent:
        return self.fact(subjects.POD, name, PodDeleted(uid=uid, resource_version=self._version(), **fact))

    def statefulset(self, name: str, *, uid: str, leader: str = "", leader_uid: str = "", **view: Any) -> RecordedEvent:
        """A leader StatefulSet, or the worker StatefulSet of the pod ``leader``."""
        owner = Owner("Pod", leader, leader_uid) if leader else self._owner
        fact = StatefulSetObserved(
            uid=uid,
            resource_version=self._version(),
            generation=1,
            labels={names.SET_NAME: self.set_name.name} | self._revision_labels,
            annotations={names.REPLICAS: str(view.get("replicas", 0))},
            owner=owner,
            **view,
        )
        return self.fact(subjects.STATEFULSET, name, fact)

    def decided(
        self,
        *,
        commands: Sequence[AnyCommand] = (),
        facts: Sequence[LifecycleFact] = (),
        cause: int | None = None,
        machine: str = MACHINE_VERSION,
    ) -> Decision:
        """Record the decision about the event before (or about ``cause``)."""
        cause = self.sequence if cause is None else cause
        issued = tuple(
            Issued(id=f"{self.epoch}-{cause}-{index}", command=command) for index, command in enumerate(commands)
        )
        decision = Decision(epoch=self.epoch, cause=cause, machine=machine, commands=issued, facts=tuple(facts))
        self.record(decision)
        return decision

    def record(self, decision: Decision) -> None:
        """Record a decision made elsewhere."""
        subject = subjects.decision_subject(CLUSTER, self.set_name)
        self.decisions.append(RecordedDecision(len(self.decisions) + 1, subject, decision))

    def succeeded(self, decision: Decision, index: int = 0) -> RecordedEvent:
        """The outcome of a command: done."""
        issued = decision.commands[index]
        fact = CommandSucceeded(command_id=issued.id, target=target(issued.command))
        return self.fact(subjects.OUTCOME, issued.id, fact)

    def failed(self, decision: Decision, index: int = 0, *, code: int, reason: str) -> RecordedEvent:
        """The outcome of a command: refused."""
        issued = decision.commands[index]
        fact = CommandFailed(command_id=issued.id, target=target(issued.command), code=code, reason=reason)
        return self.fact(subjects.OUTCOME, issued.id, fact)

    def answer_commands(self) -> Self:
        """All commands without an outcome succeed, also those that are asked for meanwhile; the small objects that
        they create are observed.
        """
        for answered in itertools.count():
            if not self._unanswered:
                break
            assert answered < COMMANDS_MAX, f"commands without end, now {self._unanswered[0]}"
            issued = self._unanswered.pop(0)
            done = CommandSucceeded(command_id=issued.id, target=target(issued.command), generation=1)
            self.fact(subjects.OUTCOME, issued.id, done)
            if isinstance(issued.command, CreateControllerRevision):
                self._revision(issued.command)
            elif isinstance(issued.command, CreateService):
                service = ServiceObserved(
                    uid="service", resource_version=self._version(), owner=self._owner, headless=True
                )
                self.fact(subjects.SERVICE, issued.command.name, service)
        return self

    def _revision(self, command: CreateControllerRevision) -> None:
        manifest = msgspec.json.decode(command.manifest)
        self._revision_labels = {names.REVISION_KEY: manifest["metadata"]["labels"][names.REVISION_KEY]}
        fact = RevisionObserved(
            uid="made",
            resource_version=self._version(),
            key=self._revision_labels[names.REVISION_KEY],
            number=manifest["revision"],
            owner=self._owner,
            data=raw(manifest["data"]),
        )
        self.fact(subjects.REVISION, command.name, fact)

    def _version(self) -> str:
        return str(100 + self.sequence)

    def _record(self, subject: str, fact: Fact) -> RecordedEvent:
        self.sequence += 1
        event = RecordedEvent(self.sequence, subject, Envelope(at_ms=self.now_ms, fact=fact))
        self.events.append(event)
        if self._machine is not None and (decided := self._machine.step(*event)) is not None:
            self.record(decided[1])
            self._unanswered += [one for one in decided[1].commands if not isinstance(one.command, SetTimer)]
        return event


def raw(value: Any) -> msgspec.Raw:
    """Any value as raw JSON."""
    return msgspec.Raw(msgspec.json.encode(value))
