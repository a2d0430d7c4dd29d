"""A set in a small model of Kubernetes, for rolling updates (spec 4.5.5).

``Rollout`` is a ``Scenario`` whose commands the model carries out. A test changes the set or makes a group ready,
and reads what was written to the leader StatefulSet, which Events were posted, what the StatefulSet controller did.
The leader pod and the worker StatefulSet of a group become ready together; pods go at once.
"""

from typing import Any

import msgspec

from lws_events import commands, events, names, subjects
from lws_events.decisions import Issued
from lws_events.fleet import Fleet
from lws_events.machine import status
from tests.scenario import Scenario

LEADER_SET_UID = "leader-set-uid"


class Template(msgspec.Struct, frozen=True):
    """What of a leader's template tells two of them apart: labels and annotations, and the containers as text."""

    labels: dict[str, str]
    annotations: dict[str, str]
    body: str


class ModelPod(msgspec.Struct):
    """A leader pod."""

    template: Template
    uid: str
    ready: bool = False


class Rollout(Scenario):
    """A set, its leader StatefulSet and the controller of StatefulSets."""

    def __init__(self, *, gate: bool = True, annotations: dict[str, str] | None = None, **spec: Any) -> None:
        super().__init__(**spec)
        self.annotations = annotations or {}
        self.gate = gate
        """Feature gate ``MaxUnavailableStatefulSet``: off, one leader is replaced at a time."""
        self.pods: dict[int, ModelPod] = {}
        self.replicas = 0
        self.partition = 0
        self.max_unavailable = 1
        self.current: Template | None = None
        self.update: Template | None = None
        self.leader_set_generation = 0
        self.metadata: dict[str, Any] = {}
        self.written: list[tuple[int, int]] = []
        """Each partition and number of replicas that was applied."""
        self.notes: list[str] = []
        """Each Event about groups that came or went, or were updated."""
        self.restarted: list[int] = []
        self.created: list[int] = []
        self.deleted: list[int] = []
        self.incarnations = 0
        self.hold_deletions = False
        """Deletions of leaders get no answer."""
        self.hide_leader_set = False
        """The watch of StatefulSets lags behind: our own applies are answered, but not shown."""
        self._shown: dict[str, Any] = {}
        self._bound: dict[str, dict[str, str]] = {}

    # What a test does

    def begin(self) -> None:
        """Create the set and bring all groups up."""
        self.change()
        for index, pod in sorted(self.pods.items()):
            pod.ready = True
            self._show_pod(index)
            self._show_workers(index, available=True)
        self.settle()
        self.forget()

    def change(self, *, annotations: dict[str, str] | None = None, **spec: Any) -> None:
        """The user creates or changes the set."""
        self.apply_set(annotations=annotations, **spec)
        self.settle()

    def roll(self, **rolling: Any) -> None:
        """The user changes the rollout strategy."""
        self.change(rolloutStrategy={"rollingUpdateConfiguration": rolling})

    def template(self, image: str) -> None:
        """The user changes the template."""
        containers = [{"name": "c", "image": image, "resources": {}}]
        self.change(leaderWorkerTemplate={"workerTemplate": {"spec": {"containers": containers}}})

    def make_ready(self, index: int, *, ready: bool = True) -> None:
        """A group becomes ready, leader and workers, or ceases to be."""
        self.pods[index].ready = ready
        self._show_pod(index)
        self._show_workers(index, available=ready)
        self.settle()

    def workers_unready(self, index: int) -> None:
        """The workers of a group cease to be ready, and its leader goes on."""
        self._show_workers(index, available=False)
        self.settle()

    def bind(self, index: int, **topology: str) -> None:
        """The leader's node is known, with its labels: until then a group with exclusive topology gets no workers."""
        self._bound[self.pods[index].uid] = topology
        self._show_pod(index)
        self.settle()

    def conditions(self) -> set[str]:
        """Types of the conditions that are True in the status last written."""
        return {each["type"] for each in self.state.status["conditions"] if each["status"] == "True"}

    def ready_groups(self) -> int:
        """How many groups are ready."""
        return self.state.totals.ready

    def lose_leader(self, index: int) -> None:
        """Somebody deletes a leader."""
        self._delete(index)
        self.settle()

    def see_pod(self, index: int) -> None:
        """The watch shows a leader as it is."""
        self._show_pod(index)

    def find_leader_set(self, changes: dict[str, Any]) -> None:
        """Start anew, and find the leader StatefulSet with some differences."""
        self.partition = changes.get("partition", self.partition)
        found = self.state.leader_set
        assert found is not None
        self.state.leader_set = msgspec.structs.replace(found, resource_version=self.next_version(), **changes)
        self.start_anew()

    def start_anew(self) -> None:
        """The controller ends, its journal is lost, and another one lists what there is: children before their set."""
        before, self.fleet = self.state, Fleet()
        self._record(subjects.epoch_subject("test"), events.EpochStarted(epoch=f"e{self.sequence}"))
        for name, revision in before.revisions.items():
            self.see(subjects.REVISION, name, revision)
        for name, group in before.groups.items():
            if group.leader is not None:
                self.see(subjects.POD, name, group.leader.view)
            if group.worker_set is not None:
                self.see(subjects.STATEFULSET, name, group.worker_set)
        assert before.leader_set is not None
        assert before.set_ is not None
        self.see(subjects.STATEFULSET, "sample", before.leader_set)
        if before.service is not None:
            self.see(subjects.SERVICE, "sample", before.service)
        status = msgspec.Raw(msgspec.json.encode(before.status))
        version = before.set_.resource_version
        told = events.SetStatusObserved(uid=self.set_uid, resource_version=version, status=status)
        self.see(subjects.SET_STATUS, "sample", told)
        self.see(subjects.SET, "sample", before.set_)
        self.settle()

    def forget(self) -> None:
        """Start a new row of a trace."""
        self.written, self.notes, self.restarted, self.created, self.deleted = [], [], [], [], []

    # What the controllers do

    def settle(self) -> None:
        """Carry out what was commanded, let the StatefulSet controller act, until nothing changes."""
        for _ in range(1000):
            self.carry_out()
            if self.hide_leader_set or not self._act():
                break
        else:
            raise AssertionError("the model does not come to rest")
        self.at_ms += 2 * status.COUNTS_INTERVAL_MS
        if status.TIMER in self.state.timers:
            self.fire(status.TIMER)
            self.carry_out()

    def show_result(self, issued: Issued) -> None:
        command = issued.command
        match command:
            case commands.ApplyLeaderStatefulSet():
                self._apply(msgspec.json.decode(command.manifest))
            case commands.CreateWorkerStatefulSet():
                self._workers(command.name, msgspec.json.decode(command.manifest), leader_uid=command.owner_uid)
            case commands.DeleteLeaderPod():
                index = int(command.name.rsplit("-", 1)[1])
                if index in self.pods and self.pods[index].uid == command.uid:
                    self.restarted.append(index)
                    self._delete(index)
            case _:
                super().show_result(issued)

    def carry_out(self) -> None:
        for _ in range(200):
            pending = [issued for issued in self.state.in_flight.values() if not self._is_held(issued)]
            if not pending:
                return
            for issued in pending:
                self.show_result(issued)
                self.notes += [each.note for each in issued.announcements if _is_about_groups(each)]
                self._answer(issued)
        raise AssertionError(f"commands never end: {self.state.in_flight}")

    def _is_held(self, issued: Issued) -> bool:
        return self.hold_deletions and isinstance(issued.command, commands.DeleteLeaderPod)

    def _answer(self, issued: Issued) -> None:
        if isinstance(issued.command, commands.ApplyLeaderStatefulSet):
            version = self.next_version() if self.hide_leader_set else str(self.version)
            generation = self.leader_set_generation
            self.succeed(issued, generation=generation, uid=LEADER_SET_UID, resource_version=version)
        else:
            self.succeed(issued)

    def _apply(self, manifest: dict[str, Any]) -> None:
        spec = manifest["spec"]
        rolling = spec["updateStrategy"]["rollingUpdate"]
        template = Template(
            labels=spec["template"]["metadata"]["labels"],
            annotations=spec["template"]["metadata"].get("annotations", {}),
            body=msgspec.json.encode(spec["template"]["spec"], order="sorted").decode(),
        )
        self.metadata = manifest["metadata"]
        if self.current is None:
            self.current = template
        changed = (rolling["partition"], spec["replicas"], template) != (self.partition, self.replicas, self.update)
        if changed:
            self.written.append((rolling["partition"], spec["replicas"]))
            self.leader_set_generation += 1
        self.partition, self.replicas, self.update = rolling["partition"], spec["replicas"], template
        self.max_unavailable = rolling["maxUnavailable"]
        self.show_leader_set()

    def show_leader_set(self) -> None:
        """The watch shows the leader StatefulSet, where it changed."""
        ready = sum(pod.ready for pod in self.pods.values())
        metadata = self.metadata
        view: dict[str, Any] = {
            "uid": LEADER_SET_UID,
            "generation": self.leader_set_generation,
            "labels": metadata["labels"],
            "annotations": {key: each for key, each in metadata["annotations"].items() if key.startswith(names.PREFIX)},
            "owner": events.Owner("LeaderWorkerSet", "sample", self.set_uid),
            "replicas": self.replicas,
            "partition": self.partition,
            "max_unavailable": self.max_unavailable if self.gate else None,
            "status_replicas": len(self.pods),
            "ready_replicas": ready,
            "available_replicas": ready,
        }
        if view != self._shown.get("sample") and not self.hide_leader_set:
            self._shown["sample"] = view
            fact = events.StatefulSetObserved(resource_version=self.next_version(), **view)
            self.see(subjects.STATEFULSET, "sample", fact)

    def _act(self) -> bool:
        """One pass of the StatefulSet controller; says whether it did anything."""
        if self.update is None:
            return False
        surplus = [index for index in sorted(self.pods, reverse=True) if index >= self.replicas]
        for index in surplus:
            self.deleted.append(index)
            self._delete(index)
        missing = [index for index in range(self.replicas) if index not in self.pods]
        for index in missing:
            self._create(index)
        self.show_leader_set()
        self.carry_out()
        if surplus or missing:
            return True
        pods = [self.pods[index] for index in range(self.replicas)]
        if all(pod.ready and pod.template == self.update for pod in pods):
            self.current = self.update
        due = [index for index in self._due() if self.budget() > 0][:1]
        for index in due:
            self.restarted.append(index)
            self._delete(index)
        return bool(due)

    def budget(self) -> int:
        """How many more leaders the controller may take down."""
        down = sum(not pod.ready for pod in self.pods.values())
        if self.gate:
            return self.max_unavailable - down
        # Without the gate a broken leader may be replaced although it is down, but only after all higher ones are up.
        due = self._due()
        return int(bool(due) and all(self.pods[index].ready for index in range(due[0] + 1, self.replicas)))

    def _due(self) -> list[int]:
        return [index for index in range(self.replicas - 1, self.partition - 1, -1) if self._is_old(index)]

    def _is_old(self, index: int) -> bool:
        return index in self.pods and self.pods[index].template != self.update

    def _create(self, index: int) -> None:
        template = self.current if index < self.partition else self.update
        assert template is not None
        self.incarnations += 1
        self.pods[index] = ModelPod(template, uid=f"sample-{index}-uid-{self.incarnations}")
        if index not in self.restarted:
            self.created.append(index)
        self._show_pod(index)

    def _delete(self, index: int) -> None:
        """The leader goes, with the StatefulSet that it owns; another one comes in the next pass."""
        name, pod = f"sample-{index}", self.pods.pop(index)
        self.pod_deleted(name, uid=pod.uid)
        if self._shown.pop(name, None) is not None:
            self.worker_set_deleted(name, uid=f"{name}-sts-of-{pod.uid}")

    def _show_pod(self, index: int) -> None:
        pod = self.pods[index]
        owner = events.Owner("StatefulSet", "sample", LEADER_SET_UID)
        labels = pod.template.labels | {names.GROUP_INDEX: str(index), names.GROUP_KEY: f"key-of-sample-{index}"}
        annotations = {key: each for key, each in pod.template.annotations.items() if key.startswith(names.PREFIX)}
        view: dict[str, Any] = {"labels": labels, "annotations": annotations, "owner": owner, "ready": pod.ready}
        if names.EXCLUSIVE_TOPOLOGY in annotations:
            bound = self._bound.get(pod.uid)
            view |= {"node": "node-1" if bound else "", "topology": bound or {}}
        self.pod(f"sample-{index}", uid=pod.uid, **view)

    def _workers(self, name: str, manifest: dict[str, Any], *, leader_uid: str) -> None:
        self._shown[name] = manifest["metadata"]["labels"], manifest["spec"]["replicas"], leader_uid
        self._see_workers(name, available=0)

    def _show_workers(self, index: int, *, available: bool) -> None:
        name = f"sample-{index}"
        if name in self._shown:
            self._see_workers(name, available=self._shown[name][1] if available else 0)

    def _see_workers(self, name: str, *, available: int) -> None:
        labels, replicas, leader_uid = self._shown[name]
        fact = events.StatefulSetObserved(
            uid=f"{name}-sts-of-{leader_uid}",
            resource_version=self.next_version(),
            generation=1,
            labels=labels,
            owner=events.Owner("Pod", name, leader_uid),
            replicas=replicas,
            available_replicas=available,
        )
        self.see(subjects.STATEFULSET, name, fact)


def _is_about_groups(event: commands.RecordEvent) -> bool:
    return event.note.startswith(("Updating replica", "deleting surge"))
