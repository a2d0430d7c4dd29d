"""Group restart: what the failure of one pod leads to (spec 4.7, defects D1 to D6).

A failure ends the group when the set's policy says so, the pod is of the leader's revision, and its chain of owners
leads to the present leader. Whether that comes at once is decided in ``crash_loops``, what it consists of in
``recreation``.
"""

from typing import Final, Literal, NamedTuple

from lws_events import names
from lws_events.decisions import FailureLeftAlone
from lws_events.machine import crash_loops, recreation
from lws_events.machine.draft import Draft
from lws_events.machine.state import Aggregate, Failure, Group, PodState


class Verdict(NamedTuple):
    """What follows from a failure."""

    action: Literal["recreate", "wait", "leave"]
    because: str = ""


_RECREATE: Final = Verdict("recreate")
_WAIT: Final = Verdict("wait")
_OF_EARLIER_LEADER: Final = Verdict("leave", "the pod is left over from an earlier leader")


def decide_restart(draft: Draft, group: Group) -> str:
    """Judge the failures of a group; start its recreation, or go on with one that was decided before.

    Returns the state of life (see ``lifecycle``) that was decided just now; empty where none was.
    """
    leader = group.leader
    if leader is None or leader.view.deleting_since is not None:
        return ""
    if group.recreating == leader.view.uid:
        if group.recreation is not None and not group.deletion_accepted:
            recreation.delete_leader(draft, group, leader, group.recreation)
        return ""
    if group.held is not None:
        return crash_loops.decide_held(draft, group, leader, group.held)
    for failure in group.unjudged.values():
        verdict = judge(draft.state, group, leader, failure)
        if verdict.action == "recreate":
            cause = recreation.Cause(failure.pod, failure.pod_uid, failure.what)
            return crash_loops.decide_end(draft, group, leader, cause)
        if verdict.action == "leave":
            draft.note(
                FailureLeftAlone(
                    group=group.name,
                    pod=failure.pod,
                    pod_uid=failure.pod_uid,
                    failure=failure.what,
                    because=verdict.because,
                )
            )
    return ""


def judge(state: Aggregate, group: Group, leader: PodState, failure: Failure) -> Verdict:
    """What follows from one failure of a group whose leader stays."""
    spec = state.spec
    assert spec is not None
    if not spec.recreates:
        return Verdict("leave", f"restart policy {spec.restart_policy}")
    if failure.ignored:
        return Verdict("leave", f"the pod is annotated {names.IGNORE_FAILURE}")
    if failure.key != leader.view.labels.get(names.REVISION_KEY, ""):
        return Verdict("leave", "the pod is of another revision than the leader")
    verdict = _RECREATE if failure.is_leader else _judge_owner(group, leader, failure)
    if verdict.action == "recreate" and spec.after_start and failure.group_was_pending:
        return Verdict("leave", "some pod of the group was still pending (restart after start only)")
    return verdict


def _judge_owner(group: Group, leader: PodState, failure: Failure) -> Verdict:
    """Whether the owners of a worker lead to the present leader."""
    owner = failure.owner
    if owner is None:
        return Verdict("leave", "the pod has no controller owner")
    if owner.kind == "Pod":
        return _RECREATE if owner.uid == leader.view.uid else _OF_EARLIER_LEADER
    if group.worker_set_leaders.get(owner.uid) != leader.view.uid:
        return _WAIT  # its StatefulSet has not been seen yet
    if group.worker_set is None or group.worker_set.uid != owner.uid:
        return Verdict("leave", "its StatefulSet is gone")
    if failure.gone and group.worker_set.deleting_since is not None:
        return Verdict("leave", "its StatefulSet is on its way out")
    return _RECREATE
