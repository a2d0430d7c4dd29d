"""Each group's part in the status and in a rolling update, kept up to date one group at a time (spec 4.5.1, 4.8).

Groups whose worker StatefulSet is missing are not counted at all (spec D55). A terminating leader or worker
StatefulSet is not ready (spec D8). A group's size is its own (spec D29). A leader with other topology annotations than
the set asks for is not updated (spec D21).
"""

import itertools
from typing import Final

from lws_events.events import PodObserved, StatefulSetObserved
from lws_events.machine.marks import INDEX_END, UNMARKED, GroupMarks, Marks, put_bit
from lws_events.machine.state import Aggregate, Counts, Group
from lws_events.names import REVISION_KEY

NONE: Final = Counts()
_COUNTS: Final = {
    (ready, updated, in_rollout, wanted): Counts(
        ready=int(ready),
        updated=int(updated),
        existing_from_partition=int(in_rollout),
        updated_from_partition=int(in_rollout and updated),
        updated_ready_from_partition=int(in_rollout and updated and ready),
        ready_wanted=int(ready and wanted),
    )
    for ready, updated, in_rollout, wanted in itertools.product((False, True), repeat=4)
}
"""What a group counts for, by what it is: ready, of the wanted revision, at or above the partition, and wanted."""


def recount(state: Aggregate, group: Group) -> bool:
    """Bring totals and marks up to date after a change of one group; says whether they changed."""
    index, marks = group.index, _marks(state, group, key=state.target_key)
    marked = _has_index(state, group, index) and state.marks.put(index, marks)
    if state.broken and (marks.ready or group.leader is None):
        forget_broken(state, group)
    now = _counts(state, group, index, marks)
    if now == group.counted:
        return marked
    state.totals = state.totals.plus(group.counted, sign=-1).plus(now)
    group.counted = now
    return True


def recount_all(state: Aggregate) -> None:
    """Count anew: after a change of the spec or of the target revision."""
    state.totals = NONE
    state.marks = Marks()
    for group in state.groups.values():
        index, marks = group.index, _marks(state, group, key=state.target_key)
        if _has_index(state, group, index):
            state.marks.put(index, marks)
        group.counted = _counts(state, group, index, marks)
        state.totals = state.totals.plus(group.counted)


def marks_for(state: Aggregate, *, key: str) -> Marks:
    """The marks of all groups if they are to have revision ``key``.

    Those of the target revision are at hand; for another one, which is then about to be chosen, groups are looked at.
    """
    if key == state.target_key:
        return state.marks
    found = Marks()
    for group in state.groups.values():
        index = group.index
        if _has_index(state, group, index):
            found.put(index, _marks(state, group, key=key))
    return found


def note_broken(state: Aggregate) -> None:
    """A rollout begins: remember which groups exist and are not ready (spec D9)."""
    state.broken = bytearray()
    for group in state.groups.values():
        index = group.index
        if group.leader is not None and not group_is_ready(state, group) and _has_index(state, group, index):
            put_bit(state.broken, index, on=True)


def forget_broken(state: Aggregate, group: Group) -> None:
    """A group that has been ready since, or has another leader, is none that was broken before."""
    index = group.index
    if state.broken and _has_index(state, group, index):
        put_bit(state.broken, index, on=False)


def leader_is_ready(group: Group) -> bool:
    """The leader pod runs, is ready and is not on its way out."""
    leader = group.leader
    return (
        leader is not None
        and leader.view.phase == "Running"
        and leader.view.ready
        and leader.view.deleting_since is None
    )


def workers_are_ready(view: StatefulSetObserved, *, leader_uid: str) -> bool:
    """All workers are available, of one revision (spec 4.5.1), and the StatefulSet is the leader's and stays."""
    return (
        view.owner is not None
        and view.owner.uid == leader_uid
        and view.replicas == view.available_replicas
        and view.current_revision == view.update_revision
        and view.deleting_since is None
    )


def group_is_ready(state: Aggregate, group: Group) -> bool:
    """Leader and workers are ready."""
    leader, worker_set = group.leader, group.worker_set
    if leader is None or not leader_is_ready(group):
        return False
    if worker_set is not None and workers_are_ready(worker_set, leader_uid=leader.view.uid):
        return True
    return state.size_of(group) == 1


def _has_index(state: Aggregate, group: Group, index: int) -> bool:
    """Whether the group takes part in rollouts: the planner knows leaders by name and label, which must agree."""
    return 0 <= index < INDEX_END and group.name == f"{state.name.name}-{index}"


def _marks(state: Aggregate, group: Group, *, key: str) -> GroupMarks:
    leader, worker_set = group.leader, group.worker_set
    if leader is None:
        return UNMARKED
    view, leader_ready = leader.view, leader_is_ready(group)
    updated = view.labels.get(REVISION_KEY, "") == key and _has_topology(state, view)
    overdue = not updated and not leader_ready and view.deleting_since is None
    if state.size_of(group) == 1:
        return GroupMarks(leader_ready, updated, not updated, overdue)
    if worker_set is None:
        return GroupMarks(False, False, not updated, overdue)
    updated = updated and worker_set.labels.get(REVISION_KEY, "") == key
    ready = leader_ready and workers_are_ready(worker_set, leader_uid=view.uid)
    return GroupMarks(ready, updated, not updated, overdue)


def _has_topology(state: Aggregate, leader: PodObserved) -> bool:
    """Whether a leader pod was made with the topology that the set asks for. One made by hand is taken as it is."""
    if state.spec is None or leader.owner is None:
        return True
    annotations = leader.annotations
    for name, value in state.spec.topology.items():  # noqa: SIM110 (a generator costs more than the few entries)
        if annotations.get(name, "") != value:
            return False
    return True


def _counts(state: Aggregate, group: Group, index: int, marks: GroupMarks) -> Counts:
    spec = state.spec
    if spec is None or group.leader is None or index < 0:
        return NONE
    if group.worker_set is None and state.size_of(group) != 1:
        return NONE
    ready, updated = marks.ready, marks.updated
    is_wanted = index < spec.replicas
    return _COUNTS[ready, updated, is_wanted and spec.partition <= index, is_wanted]
