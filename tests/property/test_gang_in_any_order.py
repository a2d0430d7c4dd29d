"""With gang scheduling, news in any order: each leader gets a PodGroup, once, and before its workers (spec 4.9, D32).

PodGroups of a set have the same names again and again, and the garbage collector comes after the new leader.
"""

from typing import Any

from hypothesis import HealthCheck, given, settings

from lws_events import commands, events, names, subjects
from tests.property.reordering_cluster import ReorderingCluster
from tests.property.test_any_order import GROUPS, REFUSALS, ROUNDS, SEEDS, Happening, _play


class GangCluster(ReorderingCluster):
    """A cluster whose leaders are gang scheduled."""

    def __init__(self, seed: int, *, refusals: frozenset[int]) -> None:
        self.pod_groups: dict[str, tuple[str, str]] = {}
        """Name → uid and uid of the owner, of those that exist."""
        self.pod_groups_made: list[str] = []
        """uid of the leader of each PodGroup that was made, in order."""
        self.pod_groups_made_again: list[str] = []
        """Names of PodGroups that were made although the leader, which is there, had its own."""
        super().__init__(seed, refusals=refusals)

    def _effect(self, command: commands.AnyCommand, uid: str) -> tuple[str, int] | None:
        match command:
            case commands.CreateWorkerStatefulSet():
                assert command.owner_uid in self.pod_groups_made, "workers before their PodGroup"
            case commands.CreatePodGroup():
                return self._make_pod_group(command, uid)
        return super()._effect(command, uid)

    def _make_pod_group(self, command: commands.CreatePodGroup, uid: str) -> tuple[str, int] | None:
        if command.name in self.pod_groups:
            return "AlreadyExists", 409
        lives = self._pods.get(command.leader) == command.owner_uid
        if lives and command.owner_uid in self.pod_groups_made:
            self.pod_groups_made_again.append(command.name)
        self.pod_groups_made.append(command.owner_uid)
        self.pod_groups[command.name] = (uid, command.owner_uid)
        owner = events.Owner("Pod", command.leader, command.owner_uid)
        self._tell(subjects.POD_GROUP, command.name, events.PodGroupObserved, uid=uid, owner=owner, min_member=3)
        if not lives:  # its end has been told, and not heard of yet
            self._collect(command.owner_uid)
        return None

    def _replace_leader(self, index: int) -> None:
        gone = self._leaders[index]
        super()._replace_leader(index)
        self._collect(gone)

    def _collect(self, leader_uid: str) -> None:
        for name, (uid, owner_uid) in list(self.pod_groups.items()):
            if owner_uid == leader_uid:
                del self.pod_groups[name]
                self._gone(subjects.POD_GROUP, name, events.PodGroupDeleted, uid=uid)

    def _tell_pod(self, name: str, *, worker_set: str = "", **view: Any) -> None:
        parent, ordinal = names.pod_ordinal(name)
        gang = {"gang_group": f"sample-{ordinal}-{self._key}"} if parent == "sample" else {}
        super()._tell_pod(name, worker_set=worker_set, **gang, **view)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=SEEDS, rounds=ROUNDS, refusals=REFUSALS)
def test_each_leader_gets_a_pod_group_once(seed: int, rounds: list[list[Happening]], refusals: frozenset[int]) -> None:
    cluster = GangCluster(seed, refusals=refusals)
    _play(cluster, rounds)
    leaders = [cluster.leader_uid(index) for index in range(GROUPS)]
    assert sorted(owner for _, owner in cluster.pod_groups.values()) == sorted(leaders)
    assert cluster.pod_groups_made_again == []
    state = cluster.state
    assert (state.in_flight, state.unseen, state.timers) == ({}, {}, {})
    assert {name: view.owner.uid for name, view in state.pod_groups.items() if view.owner is not None} == {
        name: owner for name, (_, owner) in cluster.pod_groups.items()
    }
    assert [group.lifecycle for group in state.groups.values()] == ["Ready"] * GROUPS
