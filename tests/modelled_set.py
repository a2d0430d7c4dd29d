"""A set in a small model of Kubernetes: what the StatefulSet controller does with partition and replicas (spec 4.5.5).

``ModelledSet`` is a ``Scenario`` whose commands the model carries out, until nothing changes any more. Pods go at once,
and become ready only when a test says so (``tests/rollout_model.py``).
"""

from typing import Any

import msgspec

from lws_events import commands, events, names, subjects
from lws_events.decisions import Issued
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


class ModelledSet(Scenario):
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
        self.bound: dict[str, dict[str, str]] = {}

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
                    self.delete_leader(index)
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
            self.delete_leader(index)
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
            self.delete_leader(index)
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
        self.see_pod(index)

    def delete_leader(self, index: int) -> None:
        """The leader goes, with the StatefulSet that it owns; another one comes in the next pass."""
        name, pod = f"sample-{index}", self.pods.pop(index)
        self.pod_deleted(name, uid=pod.uid)
        if self._shown.pop(name, None) is not None:
            self.worker_set_deleted(name, uid=f"{name}-sts-of-{pod.uid}")

    def see_pod(self, index: int) -> None:
        """The watch shows a leader as it is."""
        pod = self.pods[index]
        owner = events.Owner("StatefulSet", "sample", LEADER_SET_UID)
        labels = pod.template.labels | {names.GROUP_INDEX: str(index), names.GROUP_KEY: f"key-of-sample-{index}"}
        annotations = {key: each for key, each in pod.template.annotations.items() if key.startswith(names.PREFIX)}
        view: dict[str, Any] = {"labels": labels, "annotations": annotations, "owner": owner, "ready": pod.ready}
        if names.EXCLUSIVE_TOPOLOGY in annotations:
            bound = self.bound.get(pod.uid)
            view |= {"node": "node-1" if bound else "", "topology": bound or {}}
        self.pod(f"sample-{index}", uid=pod.uid, **view)

    def _workers(self, name: str, manifest: dict[str, Any], *, leader_uid: str) -> None:
        self._shown[name] = manifest["metadata"]["labels"], manifest["spec"]["replicas"], leader_uid
        self._see_workers(name, available=0)

    def see_workers(self, index: int, *, available: bool) -> None:
        """The watch shows the worker StatefulSet of a group, if it has one."""
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
