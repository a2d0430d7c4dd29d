"""A cluster that answers commands at once and whose news arrive in any order between the watches.

Each kind of object has a watch of its own, outcomes have another; each keeps its order, and chance says whose turn
it is, and when old news are repeated. No journal, no API: as much of Kubernetes as decides about groups.
"""

import random
from collections import deque
from typing import Any

import msgspec

from lws_events import commands, events, names, subjects
from lws_events.decisions import Decision, Issued
from lws_events.fleet import Fleet
from lws_events.machine.state import Aggregate
from lws_events.subjects import SetName
from tests.scenario import SAMPLE_SPEC

GOING = "2024-01-01T00:00:00Z"
SIZE: int = SAMPLE_SPEC["leaderWorkerTemplate"]["size"]
STEPS_MAX = 5_000
REPEATED = 0.3
"""How often old news are told again before the next."""

News = tuple[str, str, events.Fact]


class ReorderingCluster:
    """One set called ``default/sample``. ``seed`` decides which watch speaks next, and what it repeats."""

    def __init__(self, seed: int, *, refusals: frozenset[int] = frozenset()) -> None:
        self.fleet = Fleet()
        self.name = SetName("default", "sample")
        self.at_ms = 1_700_000_000_000
        self.journal: list[tuple[int, str, events.Envelope, Decision | None]] = []
        self.deleted: list[str] = []
        """uid of each leader whose deletion was carried out, in order."""
        self.deleted_again: list[str] = []
        """uid of each leader that was to be deleted although it had been."""
        self.worker_sets_made: list[str] = []
        """uid of the leader of each worker StatefulSet that was made, in order."""
        self.made_again: list[str] = []
        """Names of worker StatefulSets that were to be made although they were there, for the same leader."""
        self._chance = random.Random(seed)
        self._refusals = refusals
        """Which of the commands, counted from 0, are refused with an internal error."""
        self._commanded = 0
        self._watches: dict[str, deque[News]] = {}
        self._told: list[News] = []
        self._version = 0
        self._replicas = 0
        self._leaders: dict[int, str] = {}
        self._worker_sets: dict[int, str] = {}
        self._incarnation = 0
        self._restarts: dict[str, int] = {}
        self._pods: dict[str, str] = {}
        self._key = ""
        self._data = b"{}"
        self._record(subjects.epoch_subject("test"), events.EpochStarted(epoch="e1"))

    @property
    def state(self) -> Aggregate:
        return self.fleet.aggregates[self.name]

    def leader_uid(self, index: int) -> str:
        return self._leaders[index]

    # What happens in the cluster

    def apply_set(self, *, annotations: dict[str, str] | None = None, **spec: Any) -> None:
        self._set_spec = {**getattr(self, "_set_spec", SAMPLE_SPEC), **spec}
        self._generation = getattr(self, "_generation", 0) + 1
        raw = msgspec.Raw(msgspec.json.encode(self._set_spec))
        self._tell(
            subjects.SET,
            "sample",
            events.SetObserved,
            uid="set",
            generation=self._generation,
            annotations=annotations or {},
            spec=raw,
        )

    def force_delete(self, index: int, worker: int) -> None:
        """The API server removes a worker at once, and its StatefulSet puts another one in its place."""
        name = f"sample-{index}-{worker}"
        self._gone(subjects.POD, name, events.PodDeleted, uid=self._pods[name])
        self._new_pod(name)

    def restart(self, name: str) -> None:
        """A container restarts."""
        self._restarts[name] = self._restarts.get(name, 0) + 1
        self._tell_pod(name)

    def evict(self, index: int, worker: int) -> None:
        name = f"sample-{index}-{worker}"
        self._tell_pod(name, phase="Failed", ready=False, reason="Evicted")
        self.force_delete(index, worker)

    def delete_leader(self, index: int) -> None:
        """Somebody deletes a leader; the garbage collector comes after the new leader (spec 5.6)."""
        worker_set = self._worker_sets.pop(index, "")
        self._replace_leader(index)
        if worker_set:
            self._gone(subjects.STATEFULSET, f"sample-{index}", events.StatefulSetDeleted, uid=worker_set)
        for worker in range(1, SIZE):
            self._remove_pod(f"sample-{index}-{worker}")

    # How news get to the machine

    def settle(self) -> None:
        """Deliver all news, in the order that the schedule says, and let timers fire, until nothing is left."""
        for _ in range(STEPS_MAX):
            waiting = sorted(kind for kind, watch in self._watches.items() if watch)
            if waiting:
                if self._told and self._chance.random() < REPEATED:
                    self._deliver(self._chance.choice(self._told))
                news = self._watches[self._chance.choice(waiting)].popleft()
                self._told.append(news)
                self._deliver(news)
            elif self.state.timers:
                timer = min(self.state.timers, key=lambda name: (self.state.timers[name], name))
                self.at_ms = max(self.at_ms, self.state.timers[timer])
                self._deliver((subjects.TIMER, timer, events.TimerFired(timer=timer)))
            else:
                return
        raise AssertionError("the cluster does not settle")

    def _deliver(self, news: News) -> None:
        kind, name, fact = news
        decision = self._record(subjects.event_subject("test", self.name, kind, name), fact)
        for issued in decision.commands if decision is not None else ():
            if not isinstance(issued.command, commands.SetTimer):
                self._carry_out(issued)

    def _record(self, subject: str, fact: events.Fact) -> Decision | None:
        sequence = len(self.journal) + 1
        self.at_ms += 1
        envelope = events.decode(events.encode(events.Envelope(at_ms=self.at_ms, fact=fact)))
        stepped = self.fleet.step(sequence, subject, envelope)
        decision = stepped[1] if stepped is not None else None
        self.journal.append((sequence, subject, envelope, decision))
        return decision

    # The API server, the StatefulSet controller and the garbage collector

    def _carry_out(self, issued: Issued) -> None:
        command = issued.command
        target = commands.target(command)
        self._commanded += 1
        is_leader_set = isinstance(command, commands.ApplyLeaderStatefulSet)
        uid = "leader-set" if is_leader_set else f"made-by-{issued.id}"
        version = str(self._version + 1)  # of the object that the command makes: the first that there is news about
        refusal = ("InternalError", 500) if self._commanded - 1 in self._refusals else self._effect(command, uid)
        outcome: events.Outcome = events.CommandSucceeded(
            command_id=issued.id, target=target, uid=uid, resource_version=version, generation=1
        )
        if refusal is not None:
            reason, code = refusal
            outcome = events.CommandFailed(command_id=issued.id, target=target, code=code, reason=reason)
        self._watches.setdefault(subjects.OUTCOME, deque()).append((subjects.OUTCOME, target, outcome))

    def _effect(self, command: commands.AnyCommand, uid: str) -> tuple[str, int] | None:
        """What a command does; the reason and code of a refusal."""
        match command:
            case commands.CreateControllerRevision():
                manifest = msgspec.json.decode(command.manifest)
                key = manifest["metadata"]["labels"][names.REVISION_KEY]
                data = msgspec.Raw(self.state.wanted_data.encode())
                self._tell(
                    subjects.REVISION, command.name, events.RevisionObserved, uid=uid, key=key, number=1, data=data
                )
            case commands.ApplyLeaderStatefulSet():
                self._apply(command)
            case commands.CreateService():
                owner = events.Owner("LeaderWorkerSet", "sample", "set")
                self._tell(subjects.SERVICE, command.name, events.ServiceObserved, uid=uid, owner=owner, headless=True)
            case commands.CreateWorkerStatefulSet():
                return self._make_workers(command, uid)
            case commands.DeleteLeaderPod():
                return self._delete_in_foreground(command)
            case _:
                pass
        return None

    def _apply(self, command: commands.ApplyLeaderStatefulSet) -> None:
        manifest = msgspec.json.decode(command.manifest)
        self._key = manifest["metadata"]["labels"][names.REVISION_KEY]
        replicas, self._replicas = manifest["spec"]["replicas"], manifest["spec"]["replicas"]
        self._tell(
            subjects.STATEFULSET,
            "sample",
            events.StatefulSetObserved,
            uid="leader-set",
            generation=1,
            labels=manifest["metadata"]["labels"],
            annotations={names.REPLICAS: manifest["metadata"]["annotations"][names.REPLICAS]},
            owner=events.Owner("LeaderWorkerSet", "sample", "set"),
            replicas=replicas,
            partition=0,
            status_replicas=replicas,
        )
        for index in range(len(self._leaders), replicas):
            self._new_leader(index)

    def _make_workers(self, command: commands.CreateWorkerStatefulSet, uid: str) -> tuple[str, int] | None:
        index = int(command.name.rsplit("-", 1)[1])
        if index in self._worker_sets:
            self.made_again += [command.name] if self._leaders[index] == command.owner_uid else []
            return "AlreadyExists", 409
        self.worker_sets_made.append(command.owner_uid)
        self._tell_workers(command.name, uid, command.owner_uid, available=0)
        if self._leaders[index] != command.owner_uid:
            # Its owner is gone, so the garbage collector takes it.
            self._gone(subjects.STATEFULSET, command.name, events.StatefulSetDeleted, uid=uid)
            return None
        self._worker_sets[index] = uid
        for worker in range(1, SIZE):
            self._new_pod(f"{command.name}-{worker}")
        self._tell_workers(command.name, uid, command.owner_uid, available=SIZE - 1)
        return None

    def _delete_in_foreground(self, command: commands.DeleteLeaderPod) -> tuple[str, int] | None:
        index = int(command.name.rsplit("-", 1)[1])
        if self._leaders[index] != command.uid:
            self.deleted_again += [command.uid] if command.uid in self.deleted else []
            return "Conflict", 409
        self.deleted.append(command.uid)
        self._tell_pod(command.name, deleting_since=GOING)
        worker_set = self._worker_sets.pop(index, "")
        for worker in range(1, SIZE):
            name = f"{command.name}-{worker}"
            if name in self._pods:
                self._tell_pod(name, deleting_since=GOING, worker_set=worker_set)
                self._remove_pod(name)
        if worker_set:
            self._gone(subjects.STATEFULSET, command.name, events.StatefulSetDeleted, uid=worker_set)
        self._replace_leader(index)
        return None

    def _replace_leader(self, index: int) -> None:
        self._remove_pod(f"sample-{index}")
        self._new_leader(index)

    def _new_leader(self, index: int) -> None:
        self._new_pod(f"sample-{index}")
        self._leaders[index] = self._pods[f"sample-{index}"]

    def _new_pod(self, name: str) -> None:
        self._incarnation += 1
        self._pods[name] = f"{name}-uid-{self._incarnation}"
        self._restarts.pop(name, None)
        self._tell_pod(name)

    def _remove_pod(self, name: str) -> None:
        uid = self._pods.pop(name, "")
        if uid:
            self._gone(subjects.POD, name, events.PodDeleted, uid=uid)

    def _tell_pod(self, name: str, *, worker_set: str = "", **view: Any) -> None:
        parent, ordinal = names.pod_ordinal(name)
        is_leader = parent == "sample"
        index = ordinal if is_leader else names.pod_ordinal(parent).ordinal
        owner_uid = "leader-set" if is_leader else worker_set or self._worker_sets[index]
        labels = {names.SET_NAME: "sample", names.REVISION_KEY: self._key, names.GROUP_INDEX: str(index)}
        defaults: dict[str, Any] = {
            "uid": self._pods[name],
            "labels": labels | {names.WORKER_INDEX: "0" if is_leader else str(ordinal)},
            "annotations": {names.SIZE: str(SIZE)},
            "owner": events.Owner("StatefulSet", parent, owner_uid),
            "phase": "Running",
            "ready": True,
            "node": "node",
            "restarts": self._restarts.get(name, 0),
        }
        self._tell(subjects.POD, name, events.PodObserved, **(defaults | view))

    def _tell_workers(self, name: str, uid: str, leader_uid: str, *, available: int) -> None:
        self._tell(
            subjects.STATEFULSET,
            name,
            events.StatefulSetObserved,
            uid=uid,
            generation=1,
            labels={names.SET_NAME: "sample", names.REVISION_KEY: self._key},
            owner=events.Owner("Pod", name, leader_uid),
            replicas=SIZE - 1,
            available_replicas=available,
        )

    def _tell(self, kind: str, name: str, view: type[events.Observation], **fields: Any) -> None:
        self._version += 1
        fact = view(resource_version=str(self._version), **fields)
        self._watches.setdefault(kind, deque()).append((kind, name, fact))

    def _gone(self, kind: str, name: str, view: type[events.Observation], *, uid: str) -> None:
        self._tell(kind, name, view, uid=uid)
