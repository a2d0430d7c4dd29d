"""Each group's part in the status, and the sums over groups, kept up to date one group at a time (spec 4.8).

Groups whose worker StatefulSet is missing are not counted at all (spec D55). A terminating leader or worker
StatefulSet is not ready (spec D8). A group's size is its own (spec D29).
"""

from lws_events.events import StatefulSetObserved
from lws_events.machine.state import Aggregate, Counts, Group
from lws_events.names import REVISION_KEY

NONE = Counts()


def recount(state: Aggregate, group: Group) -> bool:
    """Bring the totals up to date after a change of one group; says whether they changed."""
    now = _counts(state, group)
    if now == group.counted:
        return False
    state.totals = state.totals.plus(group.counted, sign=-1).plus(now)
    group.counted = now
    return True


def recount_all(state: Aggregate) -> None:
    """Count anew: after a change of the spec or of the target revision."""
    state.totals = NONE
    for group in state.groups.values():
        group.counted = _counts(state, group)
        state.totals = state.totals.plus(group.counted)


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


def _counts(state: Aggregate, group: Group) -> Counts:
    spec, leader = state.spec, group.leader
    index = group.index
    if spec is None or leader is None or index < 0:
        return NONE
    with_workers = state.size_of(group) != 1
    if with_workers and group.worker_set is None:
        return NONE
    ready = group_is_ready(state, group)
    keys = [leader.view.labels.get(REVISION_KEY, "")]
    if with_workers and group.worker_set is not None:
        keys.append(group.worker_set.labels.get(REVISION_KEY, ""))
    updated = all(key == state.target_key for key in keys)
    counts_for_rollout = spec.partition <= index < spec.replicas
    return Counts(
        ready=int(ready),
        updated=int(updated),
        existing_from_partition=int(counts_for_rollout),
        updated_from_partition=int(counts_for_rollout and updated),
        updated_ready_from_partition=int(counts_for_rollout and updated and ready),
        ready_wanted=int(ready and index < spec.replicas),
    )
