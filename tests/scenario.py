"""A set's life told as facts, for tests of the machine: no journal, no cluster, a clock that the test moves.

Plays as much of a cluster as a sentence of a test needs: ``carry_out`` answers what was commanded, ``run_group`` makes
a group's pods run. Everything goes through ``Fleet.step``, as in the live controller.
"""

from typing import Any, TypeVar

import msgspec

from lws_events import commands, events, names, subjects
from lws_events.decisions import Decision, Issued
from lws_events.fleet import Fleet
from lws_events.gang import leader_of
from lws_events.machine.state import Aggregate, Group
from lws_events.subjects import SetName

C = TypeVar("C", bound=commands.Command)

SAMPLE_SPEC: dict[str, Any] = {
    "replicas": 2,
    "startupPolicy": "LeaderCreated",
    "rolloutStrategy": {
        "type": "RollingUpdate",
        "rollingUpdateConfiguration": {"maxUnavailable": 1, "maxSurge": 0, "partition": 0},
    },
    "networkConfig": {"subdomainPolicy": "Shared"},
    "leaderWorkerTemplate": {
        "size": 3,
        "restartPolicy": "RecreateGroupOnPodRestart",
        "workerTemplate": {"metadata": {}, "spec": {"containers": [{"name": "c", "image": "i", "resources": {}}]}},
    },
}


class Scenario:
    """One set called ``default/sample`` and the facts about it."""

    def __init__(self, **spec: Any) -> None:
        self.fleet = Fleet()
        self.name = SetName("default", "sample")
        self.sequence = 0
        self.at_ms = 1_700_000_000_000
        self.version = 100
        self.decisions: list[Decision] = []
        self.recorded: list[tuple[int, str, events.Envelope]] = []
        self.spec = _merged(SAMPLE_SPEC, spec)
        self.generation = 0
        self.annotations: dict[str, str] = {}
        self.set_uid = "set-uid"
        self._record(subjects.epoch_subject("test"), events.EpochStarted(epoch="e1"))

    # What is known and was commanded

    @property
    def state(self) -> Aggregate:
        return self.fleet.aggregates[self.name]

    def group(self, index: int) -> Group:
        return self.state.groups[f"sample-{index}"]

    def issued(self, kind: type[commands.Command] = commands.Command) -> list[Issued]:
        """Commands of a kind that were issued so far, in order."""
        return [each for decision in self.decisions for each in decision.commands if isinstance(each.command, kind)]

    def commanded(self, kind: type[C]) -> list[C]:
        """As ``issued``, the bare commands."""
        return [each.command for each in self.issued(kind) if isinstance(each.command, kind)]

    def facts(self, kind: type) -> list[Any]:
        return [fact for decision in self.decisions for fact in decision.facts if isinstance(fact, kind)]

    # Facts

    def apply_set(
        self,
        *,
        annotations: dict[str, str] | None = None,
        managers: tuple[events.FieldManager, ...] = (),
        **spec: Any,
    ) -> Decision | None:
        """The user creates or changes the set."""
        self.spec = _merged(self.spec, spec)
        self.annotations = self.annotations if annotations is None else annotations
        self.generation += 1
        fact = events.SetObserved(
            uid=self.set_uid,
            resource_version=self.next_version(),
            generation=self.generation,
            annotations=self.annotations,
            spec=msgspec.Raw(msgspec.json.encode(self.spec)),
            managers=managers,
        )
        return self.see(subjects.SET, "sample", fact)

    def see(self, kind: str, name: str, fact: events.Fact) -> Decision | None:
        return self._record(subjects.event_subject("test", self.name, kind, name), fact)

    def pod(self, name: str, *, uid: str = "", **view: Any) -> Decision | None:
        """A pod as observed; without further words a running and ready one, of the present revision and incarnation."""
        parent, ordinal = names.pod_ordinal(name)
        is_leader = parent == "sample"
        group = f"sample-{ordinal}" if is_leader else parent
        labels = {names.SET_NAME: "sample", names.REVISION_KEY: self.state.target_key or self._key_of_revision()}
        labels |= {names.GROUP_INDEX: group.rsplit("-", 1)[1], names.WORKER_INDEX: "0" if is_leader else str(ordinal)}
        labels |= {names.GROUP_KEY: f"key-of-{group}"}
        size = str(self.spec["leaderWorkerTemplate"]["size"])
        worker_set = self.state.groups[group].worker_set if group in self.state.groups else None
        owner = (
            events.Owner("StatefulSet", "sample", "leader-set-uid")
            if is_leader
            else events.Owner("StatefulSet", group, worker_set.uid if worker_set is not None else f"{group}-sts")
        )
        defaults: dict[str, Any] = {
            "resource_version": self.next_version(),
            "labels": labels,
            "annotations": {names.SIZE: size},
            "owner": owner,
            "phase": "Running",
            "ready": True,
            "node": "node-1",
        }
        return self.see(subjects.POD, name, events.PodObserved(uid=uid or f"{name}-uid", **(defaults | view)))

    def pod_deleted(self, name: str, *, uid: str = "") -> Decision | None:
        fact = events.PodDeleted(uid=uid or f"{name}-uid", resource_version=self.next_version())
        return self.see(subjects.POD, name, fact)

    def worker_set(
        self, group: str, *, uid: str = "", leader_uid: str = "", available: int | None = None, **view: Any
    ) -> Decision | None:
        """The worker StatefulSet of a group as observed; all workers available unless told."""
        workers = self.spec["leaderWorkerTemplate"]["size"] - 1
        fact = events.StatefulSetObserved(
            uid=uid or f"{group}-sts",
            resource_version=self.next_version(),
            generation=1,
            labels={names.SET_NAME: "sample", names.REVISION_KEY: self.state.target_key},
            owner=events.Owner("Pod", group, leader_uid or f"{group}-uid"),
            replicas=workers,
            available_replicas=workers if available is None else available,
            **view,
        )
        return self.see(subjects.STATEFULSET, group, fact)

    def worker_set_deleted(self, group: str, *, uid: str = "") -> Decision | None:
        fact = events.StatefulSetDeleted(uid=uid or f"{group}-sts", resource_version=self.next_version())
        return self.see(subjects.STATEFULSET, group, fact)

    def pod_group(self, name: str, *, uid: str = "", leader_uid: str = "", **view: Any) -> Decision | None:
        """A PodGroup as observed: that of the leader of its name."""
        leader = leader_of(name, set_name="sample")
        defaults: dict[str, Any] = {"owner": events.Owner("Pod", leader, leader_uid or f"{leader}-uid")}
        fact = events.PodGroupObserved(
            uid=uid or f"{name}-uid", resource_version=self.next_version(), **(defaults | view)
        )
        return self.see(subjects.POD_GROUP, name, fact)

    def pod_group_deleted(self, name: str, *, uid: str = "") -> Decision | None:
        fact = events.PodGroupDeleted(uid=uid or f"{name}-uid", resource_version=self.next_version())
        return self.see(subjects.POD_GROUP, name, fact)

    def leader_set(self, **view: Any) -> Decision | None:
        """The leader StatefulSet as last applied."""
        manifest = msgspec.json.decode(self.commanded(commands.ApplyLeaderStatefulSet)[-1].manifest)
        defaults: dict[str, Any] = {
            "uid": "leader-set-uid",
            "resource_version": self.next_version(),
            "generation": 1,
            "labels": manifest["metadata"]["labels"],
            "annotations": {names.REPLICAS: manifest["metadata"]["annotations"][names.REPLICAS]},
            "owner": events.Owner("LeaderWorkerSet", "sample", self.set_uid),
            "replicas": manifest["spec"]["replicas"],
            "partition": manifest["spec"]["updateStrategy"]["rollingUpdate"]["partition"],
            "status_replicas": manifest["spec"]["replicas"],
            "claims": msgspec.Raw(msgspec.json.encode(manifest["spec"].get("volumeClaimTemplates", []))),
        }
        return self.see(subjects.STATEFULSET, "sample", events.StatefulSetObserved(**(defaults | view)))

    def succeed(
        self, issued: Issued, *, generation: int = 1, uid: str = "", resource_version: str = ""
    ) -> Decision | None:
        """The API server carried out a command."""
        about = commands.target(issued.command)
        fact = events.CommandSucceeded(
            command_id=issued.id, target=about, uid=uid, resource_version=resource_version, generation=generation
        )
        return self.see(subjects.OUTCOME, about, fact)

    def fail(self, issued: Issued, *, code: int, reason: str, message: str = "") -> Decision | None:
        about = commands.target(issued.command)
        fact = events.CommandFailed(command_id=issued.id, target=about, code=code, reason=reason, message=message)
        return self.see(subjects.OUTCOME, about, fact)

    def fire(self, timer: str) -> Decision | None:
        self.at_ms = max(self.at_ms, self.state.timers[timer])
        return self.see(subjects.TIMER, timer, events.TimerFired(timer=timer))

    # Longer passages

    def carry_out(self) -> None:
        """Answer every command in flight with success, and let the objects that it creates be seen."""
        for _ in range(50):
            pending = list(self.state.in_flight.values())
            if not pending:
                return
            for issued in pending:
                self.show_result(issued)
                self.succeed(issued)
        raise AssertionError(f"commands never end: {self.state.in_flight}")

    def run(self) -> None:
        """Bring the set up: every group complete, running and ready."""
        self.apply_set()
        self.carry_out()
        for index in range(self.spec["replicas"]):
            self.run_group(index)

    def run_group(self, index: int, *, incarnation: str = "") -> None:
        """Bring one group up, its pods under uids of the given incarnation."""
        group = f"sample-{index}"
        self.pod(group, uid=f"{group}-uid{incarnation}")
        self.carry_out()
        size = self.spec["leaderWorkerTemplate"]["size"]
        for worker in range(1, size):
            self.pod(f"{group}-{worker}", uid=f"{group}-{worker}-uid{incarnation}")
        if size > 1:
            current = self.group(index).worker_set
            assert current is not None
            self.worker_set(group, uid=current.uid, leader_uid=f"{group}-uid{incarnation}")
        self.carry_out()

    def show_result(self, issued: Issued) -> None:
        """The watch shows what a command made."""
        command = issued.command
        match command:
            case commands.CreateControllerRevision():
                manifest = msgspec.json.decode(command.manifest)
                fact = events.RevisionObserved(
                    uid=f"{command.name}-uid",
                    resource_version=self.next_version(),
                    key=manifest["metadata"]["labels"][names.REVISION_KEY],
                    number=manifest["revision"],
                    owner=events.Owner("LeaderWorkerSet", "sample", self.set_uid),
                    data=msgspec.Raw(self.state.wanted_data.encode()),
                )
                self.see(subjects.REVISION, command.name, fact)
            case commands.ApplyLeaderStatefulSet():
                self.leader_set()
            case commands.CreateWorkerStatefulSet():
                uid = f"{command.name}-sts-of-{command.owner_uid}"
                self.worker_set(command.name, uid=uid, leader_uid=command.owner_uid, available=0)
            case commands.CreateService():
                manifest = msgspec.json.decode(command.manifest)
                owner = manifest["metadata"]["ownerReferences"][0]
                fact_ = events.ServiceObserved(
                    uid=f"{command.name}-svc-of-{command.owner_uid}",
                    resource_version=self.next_version(),
                    owner=events.Owner(owner["kind"], owner["name"], owner["uid"]),
                    headless=True,
                    selector=manifest["spec"]["selector"],
                )
                self.see(subjects.SERVICE, command.name, fact_)
            case commands.CreatePodGroup():
                self.pod_group(command.name, uid=f"{command.name}-of-{command.owner_uid}", leader_uid=command.owner_uid)
            case _:
                pass

    def _key_of_revision(self) -> str:
        return next((revision.key for revision in self.state.revisions.values()), "k")

    def _record(self, subject: str, fact: events.Fact) -> Decision | None:
        self.sequence += 1
        envelope = events.decode(events.encode(events.Envelope(at_ms=self.at_ms, fact=fact)))
        self.recorded.append((self.sequence, subject, envelope))
        stepped = self.fleet.step(self.sequence, subject, envelope)
        if stepped is None:
            return None
        self.decisions.append(stepped[1])
        return stepped[1]

    def next_version(self) -> str:
        """The next resourceVersion of the cluster."""
        self.version += 1
        return str(self.version)


def _merged(base: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in change.items():
        below = merged.get(key)
        merged[key] = _merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged
