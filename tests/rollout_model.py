"""What a user does with a set that is rolled out, and what a test reads of it.

Each action is followed by all that the machine and the model of Kubernetes (``tests/modelled_set.py``) make of it. The
leader pod and the worker StatefulSet of a group become ready together.
"""

from typing import Any

import msgspec

from lws_events import events, subjects
from lws_events.fleet import Fleet
from tests.modelled_set import LEADER_SET_UID, ModelledSet, ModelPod

__all__ = ["LEADER_SET_UID", "ModelPod", "Rollout"]


class Rollout(ModelledSet):
    """A set in the model, and its user."""

    def begin(self) -> None:
        """Create the set and bring all groups up."""
        self.change()
        for index, pod in sorted(self.pods.items()):
            pod.ready = True
            self.see_pod(index)
            self.see_workers(index, available=True)
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
        self.see_pod(index)
        self.see_workers(index, available=ready)
        self.settle()

    def workers_unready(self, index: int) -> None:
        """The workers of a group cease to be ready, and its leader goes on."""
        self.see_workers(index, available=False)
        self.settle()

    def bind(self, index: int, **topology: str) -> None:
        """The leader's node is known, with its labels: until then a group with exclusive topology gets no workers."""
        self.bound[self.pods[index].uid] = topology
        self.see_pod(index)
        self.settle()

    def conditions(self) -> set[str]:
        """Types of the conditions that are True in the status last written."""
        return {each["type"] for each in self.state.status["conditions"] if each["status"] == "True"}

    def ready_groups(self) -> int:
        """How many groups are ready."""
        return self.state.totals.ready

    def lose_leader(self, index: int) -> None:
        """Somebody deletes a leader."""
        self.delete_leader(index)
        self.settle()

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
