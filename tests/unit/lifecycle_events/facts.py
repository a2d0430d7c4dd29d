"""One lifecycle fact of each kind, about the set ``sample``, with what its event is to be about."""

from typing import Any, Final

from lws_events.decisions import (
    ConditionChanged,
    FailureLeftAlone,
    GroupChanged,
    GroupKept,
    GroupRecreationPostponed,
    GroupRecreationStarted,
    GroupTerminationOverdue,
    LeaderReplacementStarted,
    LifecycleFact,
    ObjectLeftAlone,
    RevisionChosen,
    RolloutBlocked,
    RolloutStepped,
)

LEADER: Final[dict[str, Any]] = {"group": "sample-3", "leader": "sample-3", "leader_uid": "leader"}
FAILED: Final[dict[str, Any]] = {"failed_pod": "sample-3-1", "failed_uid": "worker", "failure": "deleted"}

FACTS: Final[dict[str, tuple[LifecycleFact, str | None, str | None]]] = {
    "revision.chosen": (RevisionChosen(key="abc", revision="sample-abc-1"), "sample-abc-1", None),
    "group.changed": (GroupChanged(group="sample-3", before="Ready", after="Recreating"), "sample-3", "3"),
    "group.recreation.started": (GroupRecreationStarted(**LEADER, **FAILED), "sample-3", "3"),
    "failure.left.alone": (
        FailureLeftAlone(group="sample-3", pod="sample-3-1", pod_uid="w", failure="deleted", because="policy None"),
        "sample-3-1",
        "3",
    ),
    "condition.changed": (ConditionChanged(condition="Available", status="True"), "Available", None),
    "object.left.alone": (ObjectLeftAlone(kind="Pod", name="sample-3-9", because="its name"), "sample-3-9", "3"),
    "rollout.stepped": (
        RolloutStepped(
            key="abc", partition_before=2, partition=1, replicas_before=4, replicas=4, because="a group is ready"
        ),
        None,
        None,
    ),
    "rollout.blocked": (RolloutBlocked(key="abc", partition=2, groups=("sample-0",), count=1), None, None),
    "leader.replacement.started": (
        LeaderReplacementStarted(group="sample-3", leader_uid="leader", partition=2, because="it is down"),
        "sample-3",
        "3",
    ),
    "group.recreation.postponed": (
        GroupRecreationPostponed(**LEADER, **FAILED, failed_ms=1, until_ms=2, attempt=3),
        "sample-3",
        "3",
    ),
    "group.kept": (GroupKept(**LEADER, **FAILED, failed_ms=1, recreations=5), "sample-3", "3"),
    "group.termination.overdue": (
        GroupTerminationOverdue(**LEADER, pods=("sample-3-1 on node n",), since_ms=1),
        "sample-3",
        "3",
    ),
}
"""By the name of the type: the fact, subject and group."""
