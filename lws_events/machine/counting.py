"""Each group's part in the status and in a rolling update, kept up to date one group at a time (spec 4.5.1, 4.8).

Groups whose worker StatefulSet is missing are not counted at all (spec D55). A terminating leader or worker
StatefulSet is not ready (spec D8). A group's size is its own (spec D29). A leader with other topology annotations than
the set asks for is not updated (spec D21).
"""

from lws_events.events import PodObserved, StatefulSetObserved
from lws_events.machine.marks import INDEX_END, UNMARKED, GroupMarks, Marks, put_bit
from lws_events.machine.state import Aggregate, Counts, Group
from lws_events.names import REVISION_KEY

NONE = Counts()


def recount(state: Aggregate, group: Group) -> bool:
    """Bring totals and marks up to date after a change of one group; says whether they changed."""
    marks = _marks(state, group, key=state.target_key)
    marked = _put(state, state.marks, group, marks)
    if marks.ready or group.leader is None:
        forget_broken(state, group)
    now = _counts(state, group, marks)
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
        marks = _marks(state, group, key=state.target_key)
        _put(state, state.marks, group, marks)
        group.counted = _counts(state, group, marks)
        state.totals = state.totals.plus(group.counted)


def marks_for(state: Aggregate, *, key: str) -> Marks:
    """The marks of all groups if they are to have revision ``key``.

    Those of the target revision are at hand; for another one, which is then about to be chosen, groups are looked at.
    """
    if key == state.target_key:
        return state.marks
    found = Marks()
    for group in state.groups.values():
        _put(state, found, group, _marks(state, group, key=key))
    return found


def note_broken(state: Aggregate) -> None:
    """A rollout begins: remember which groups exist and are not ready (spec D9)."""
    state.broken = bytearray()
    for group in state.groups.values():
        if group.leader is not None and not group_is_ready(state, group) and _has_index(state, group):
            put_bit(state.broken, group.index, on=True)


def forget_broken(state: Aggregate, group: Group) -> None:
    """A group that has been ready since, or has another leader, is none that was broken before."""
    if state.broken and _has_index(state, group):
        put_bit(state.broken, group.index, on=False)


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
    if state.size_of(group) == 1:
        return True
    return worker_set is not None and workers_are_ready(worker_set, leader_uid=leader.view.uid)


def _has_index(state: Aggregate, group: Group) -> bool:
    """Whether the group takes part in rollouts: the planner knows leaders by name and label, which must agree."""
    index = group.index
    return 0 <= index < INDEX_END and group.name == f"{state.name.name}-{index}"


def _put(state: Aggregate, marks: Marks, group: Group, of_group: GroupMarks) -> bool:
    return _has_index(state, group) and marks.put(group.index, of_group)


def _marks(state: Aggregate, group: Group, *, key: str) -> GroupMarks:
    leader, worker_set = group.leader, group.worker_set
    if leader is None:
        return UNMARKED
    leader_is_updated = leader.view.labels.get(REVISION_KEY, "") == key and _has_topology(state, leader.view)
    overdue = not leader_is_updated and not leader_is_ready(group) and leader.view.deleting_since is None
    if state.size_of(group) == 1:
        is_whole, workers_are_updated = True, True
    else:
        is_whole = worker_set is not None
        workers_are_updated = worker_set is None or worker_set.labels.get(REVISION_KEY, "") == key
    updated = leader_is_updated and workers_are_updated
    return GroupMarks(
        ready=is_whole and group_is_ready(state, group),
        updated=is_whole and updated,
        outdated=not updated,
        overdue=overdue,
    )


def _has_topology(state: Aggregate, leader: PodObserved) -> bool:
    """Whether a leader pod was made with the topology that the set asks for. One made by hand is taken as it is."""
    if state.spec is None or leader.owner is None:
        return True
    return all(leader.annotations.get(name, "") == value for name, value in state.spec.topology.items())


def _counts(state: Aggregate, group: Group, marks: GroupMarks) -> Counts:
    spec, index = state.spec, group.index
    if spec is None or group.leader is None or index < 0:
        return NONE
    if state.size_of(group) != 1 and group.worker_set is None:
        return NONE
    counts_for_rollout = spec.partition <= index < spec.replicas
    return Counts(
        ready=int(marks.ready),
        updated=int(marks.updated),
        existing_from_partition=int(counts_for_rollout),
        updated_from_partition=int(counts_for_rollout and marks.updated),
        updated_ready_from_partition=int(counts_for_rollout and marks.updated and marks.ready),
        ready_wanted=int(marks.ready and index < spec.replicas),
    )
