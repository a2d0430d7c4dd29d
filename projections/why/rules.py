"""The rule behind each kind of decision and command, in words for people.

The rules themselves are in ``lws_events.machine``; a sentence here says which of them it was that led to a fact, so
that nobody has to read the code to know. What a fact says by itself (its ``because``) is not repeated.
"""

from typing import Any, assert_never

from lws_events import names
from lws_events.commands import (
    AnyCommand,
    ApplyLeaderStatefulSet,
    ApplyWorkerMetadata,
    CreateControllerRevision,
    CreatePodGroup,
    CreateService,
    CreateWorkerStatefulSet,
    DeleteControllerRevision,
    DeleteLeaderPod,
    MarkLeaderPod,
    RecordEvent,
    SetTimer,
    UpdateSetStatus,
)
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
from lws_events.events import SetObserved
from lws_events.foreign_json import UnreadableJsonError, read_json

_NONE = "None"


class Policies:
    """The parts of a set's spec that rules name, read once for each state of the set."""

    def __init__(self, observed: SetObserved | None) -> None:
        self.observed = observed
        spec = _readable(observed)
        template = spec.get("leaderWorkerTemplate")
        template = template if isinstance(template, dict) else {}
        annotations = {} if observed is None else observed.annotations
        self.restart = str(template.get("restartPolicy") or "RecreateGroupOnPodRestart")
        self.after_start = annotations.get(names.RECREATE_GROUP_AFTER_START) == "true"
        self.startup = str(spec.get("startupPolicy") or "LeaderCreated")


def _readable(observed: SetObserved | None) -> dict[str, Any]:
    """The spec as a dict; a schema that was bypassed has no policies."""
    try:
        spec = {} if observed is None else read_json(observed.spec)
    except UnreadableJsonError:
        spec = {}
    return spec if isinstance(spec, dict) else {}


def rule_of_fact(fact: LifecycleFact, policies: Policies) -> str:  # noqa: PLR0912 (one branch for each fact)
    """The rule that led to a lifecycle fact; empty where it only tells what was observed."""
    match fact:
        case GroupRecreationStarted():
            after = ", once all pods of the group had started" if policies.after_start else ""
            rule = f"restartPolicy {policies.restart}: the failure of one pod ends its whole group{after}"
            return f"{rule}; recreations in a row are counted by the set's annotations" if fact.attempt else rule
        case GroupRecreationPostponed():
            return f"annotation {names.RESTART_BACKOFF}: each further recreation in a row waits twice as long"
        case GroupKept():
            return f"annotation {names.RESTART_LIMIT}: after so many recreations in a row a group is kept as it is"
        case FailureLeftAlone():
            return _rule_of_failure(fact)
        case RolloutStepped():
            return "a rolling update goes on from the highest index, by as many groups as its budget allows"
        case RolloutBlocked():
            return "groups that are not ready count as unavailable, also those that the update has not reached"
        case LeaderReplacementStarted():
            return "a leader that is down anyway is replaced where that lets a rolling update go on"
        case RevisionChosen():
            return "the revision is that whose template equals the set's present one; a new one is made where none does"
        case ConditionChanged():
            return "Available: all groups ready and updated; UpdateInProgress: some are not updated; else Progressing"
        case ObjectLeftAlone():
            return "objects that belong to somebody else are never touched"
        case GroupTerminationOverdue():
            return "a minute after the grace period a person is told; nothing is ever forced"
        case GroupChanged():
            return ""
        case _:
            assert_never(fact)


def _rule_of_failure(fact: FailureLeftAlone) -> str:
    if fact.because.startswith("restart policy"):
        return f"restartPolicy {_NONE}: a failed pod is its StatefulSet's to replace, and its group goes on"
    if names.IGNORE_FAILURE in fact.because:
        return f"annotation {names.IGNORE_FAILURE} on the pod"
    return "only a pod of the leader's revision, whose owners lead to the present leader, ends a group"


def rule_of_command(command: AnyCommand, policies: Policies) -> str:  # noqa: PLR0912 (one branch for each command)
    """The rule that led to a command."""
    match command:
        case DeleteLeaderPod():
            return "a group ends with its leader, in foreground: no new leader before the last old worker is gone"
        case CreateWorkerStatefulSet():
            when = "is ready" if policies.startup == "LeaderReady" else "exists"
            return f"startupPolicy {policies.startup}: workers are created once their leader pod {when}"
        case CreatePodGroup():
            return "with gang scheduling each group has a PodGroup, made before its workers"
        case CreateControllerRevision():
            return "each template that groups run is kept as a ControllerRevision"
        case DeleteControllerRevision():
            return "revisions that no group has are deleted once everything is updated and ready"
        case ApplyLeaderStatefulSet():
            return "the leader StatefulSet is applied when the set, the revision, the partition or the number changed"
        case ApplyWorkerMetadata():
            return "labels and annotations of the set are kept up to date on its worker StatefulSets"
        case CreateService():
            return "each subdomain needs its headless Service"
        case UpdateSetStatus():
            return "conditions are written at once, counts at most once in a second"
        case MarkLeaderPod():
            return f"the leader of a kept group is marked {names.KEPT_FOR_DEBUGGING}: removing the label resumes it"
        case RecordEvent():
            return "a Warning is posted once, until its object has succeeded"
        case SetTimer():
            return "time is an event, too: what is to happen later waits for a timer"
        case _:
            assert_never(command)
