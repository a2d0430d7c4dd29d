"""Facts, commands and decisions in words: one sentence each, in the words that Kubernetes uses.

Every kind has its sentence (the type checker refuses a new one without). Sentences are for people; programs read the
records themselves. What changed since the last observation of an object is told by ``transitions``.
"""

from datetime import UTC, datetime
from typing import assert_never

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
from lws_events.events import (
    CommandFailed,
    CommandSucceeded,
    ContainerExit,
    Deleted,
    DeletionRequested,
    DifferenceFound,
    Disruption,
    EpochStarted,
    Fact,
    LogCaptured,
    ObjectNotRecorded,
    PodDeleted,
    PodGroupDeleted,
    PodGroupObserved,
    PodObserved,
    RevisionDeleted,
    RevisionObserved,
    ServiceDeleted,
    ServiceObserved,
    SetChangeMissed,
    SetDeleted,
    SetObserved,
    SetStatusObserved,
    SpecChangeRequested,
    StatefulSetDeleted,
    StatefulSetObserved,
    TimerFired,
    View,
)
from projections.requests import explain_change_request, explain_deletion_request


def explain_fact(fact: Fact, name: str) -> str:  # noqa: PLR0912 (one branch for each fact)
    """What was observed. ``name`` is the object's, from the event's subject."""
    match fact:
        case SetObserved():
            return f"LeaderWorkerSet {name} has generation {fact.generation}{_going(fact)}"
        case SetStatusObserved():
            return f"the status of LeaderWorkerSet {name} was written"
        case StatefulSetObserved():
            return f"StatefulSet {name} has {fact.ready_replicas} of {fact.replicas} pods ready{_going(fact)}"
        case PodObserved():
            return explain_pod(fact, name)
        case ServiceObserved():
            return f"Service {name} exists{_going(fact)}"
        case RevisionObserved():
            return f"ControllerRevision {name} holds revision {fact.number}, key {fact.key}{_going(fact)}"
        case SetDeleted():
            return f"LeaderWorkerSet {name} is gone{_inferred(fact)}"
        case StatefulSetDeleted():
            return f"StatefulSet {name} is gone{_inferred(fact)}"
        case PodDeleted():
            return f"pod {name} is gone{_end(fact.last_exit, fact.reason, fact.disruption)}{_inferred(fact)}"
        case ServiceDeleted():
            return f"Service {name} is gone{_inferred(fact)}"
        case RevisionDeleted():
            return f"ControllerRevision {name} is gone{_inferred(fact)}"
        case PodGroupObserved():
            phase = f" in phase {fact.phase}" if fact.phase else ""
            return f"PodGroup {name} exists{phase}, for {fact.min_member} pods at least{_going(fact)}"
        case PodGroupDeleted():
            return f"PodGroup {name} is gone{_inferred(fact)}"
        case CommandSucceeded():
            return f"command {fact.command_id} about {fact.target} succeeded"
        case CommandFailed():
            return f"command {fact.command_id} about {fact.target} failed: {explain_failure(fact)}"
        case TimerFired():
            return f"the timer {fact.timer} fired"
        case SpecChangeRequested():
            return explain_change_request(fact)
        case DeletionRequested():
            return explain_deletion_request(fact)
        case EpochStarted():
            return f"epoch {fact.epoch} of the journal began"
        case SetChangeMissed():
            return f"LeaderWorkerSet {name} was changed while nobody was watching (version {fact.resource_version})"
        case LogCaptured():
            return explain_log(fact, name)
        case DifferenceFound():
            return explain_difference(fact)
        case ObjectNotRecorded():
            kind, _, of = name.partition("/")
            return f"{kind} {of} (version {fact.resource_version}) could not be recorded: {fact.problem}"
        case _:
            assert_never(fact)


def explain_pod(pod: PodObserved, name: str) -> str:
    """State of a pod, the most telling part first."""
    if pod.deleting_since is not None:
        state = f"is being deleted, its grace period ends at {pod.deleting_since}"
    elif pod.phase == "Running":
        state = "is Running and ready" if pod.ready else "is Running, not ready"
    else:
        state = f"is {pod.phase}"
    where = f" on node {pod.node}" if pod.node else ""
    restarts = f", {pod.restarts} container restart{'s' if pod.restarts > 1 else ''}" if pod.restarts else ""
    waiting = f", waiting: {pod.waiting}" if pod.waiting else ""
    return f"pod {name} {state}{where}{restarts}{_end(pod.last_exit, pod.reason, pod.disruption)}{waiting}"


def explain_difference(found: DifferenceFound) -> str:
    """What a shadow has found, in one sentence."""
    fields = "; ".join(
        f"{field.path}: ours {field.ours or 'absent'}, theirs {field.theirs or 'absent'}" for field in found.fields
    )
    because = f" ({found.because})" if found.because else ""
    return f"a difference was found: {found.what}{because}{f': {fields}' if fields else ''}"


def explain_log(log: LogCaptured, pod: str) -> str:
    """What was kept of a failed container's log."""
    whose = f"container {log.container} of pod {pod}" if log.container else f"pod {pod}"
    if log.problem:
        return f"no log of {whose}: {log.problem}"
    end = "the end" if log.truncated else "all"
    before = " before its restart" if log.previous else ""
    return f"{end} of the log of {whose}{before} was kept ({log.lines} lines, {log.bytes} bytes)"


def explain_disruption(disruption: Disruption) -> str:
    """Condition ``DisruptionTarget``, for example ``EvictionByEvictionAPI: Eviction API: evicting``."""
    return f"{disruption.reason}: {disruption.message}" if disruption.message else disruption.reason


def explain_exit(ended: ContainerExit) -> str:
    """The end of a container, for example ``container main exited with 137 (OOMKilled)``."""
    reason = f" ({ended.reason})" if ended.reason else ""
    signal = f" by signal {ended.signal}" if ended.signal else ""
    return f"container {ended.container} exited with {ended.exit_code}{signal}{reason}"


def explain_failure(failed: CommandFailed) -> str:
    """Why a command failed."""
    status = f"{failed.code} {failed.reason}" if failed.code else f"not sent, {failed.reason}"
    return f"{status}: {failed.message}" if failed.message else status


def explain_command(command: AnyCommand) -> str:  # noqa: PLR0912 (one branch for each command)
    """What is to be done, in the imperative."""
    match command:
        case CreateControllerRevision():
            return f"create ControllerRevision {command.name}"
        case ApplyLeaderStatefulSet():
            return f"apply leader StatefulSet {command.name}"
        case CreateWorkerStatefulSet():
            return f"create worker StatefulSet {command.name}"
        case ApplyWorkerMetadata():
            return f"apply the set's labels and annotations to worker StatefulSet {command.name}"
        case CreateService():
            return f"create headless Service {command.name}"
        case CreatePodGroup():
            return f"create PodGroup {command.name} for leader pod {command.leader}"
        case DeleteLeaderPod():
            return f"delete leader pod {command.name} (uid {command.uid}) and, in foreground, its group"
        case MarkLeaderPod():
            return f"mark leader pod {command.name} (uid {command.uid}): {', '.join(sorted(command.annotations))}"
        case DeleteControllerRevision():
            return f"delete ControllerRevision {command.name}, which no group uses any more"
        case UpdateSetStatus():
            return f"write the status of LeaderWorkerSet {command.name}"
        case RecordEvent():
            return f"post the {command.type} event {command.reason}: {command.note}"
        case SetTimer():
            return f"wake up at {timestamp(command.fire_at_ms)} for {command.timer}"
        case _:
            assert_never(command)


def explain_lifecycle(fact: LifecycleFact) -> str:  # noqa: PLR0912 (one branch for each fact)
    """What a decision says about the life of the set and its groups."""
    match fact:
        case GroupChanged():
            because = f", because {fact.because}" if fact.because else ""
            return f"group {fact.group}: {fact.before} → {fact.after}{because}"
        case GroupRecreationStarted():
            return (
                f"group {fact.group} is recreated as a whole, because of pod {fact.failed_pod} ({fact.failure}): "
                f"leader pod {fact.leader} is to be deleted"
            )
        case FailureLeftAlone():
            return f"group {fact.group} goes on in spite of pod {fact.pod} ({fact.failure}), because {fact.because}"
        case RevisionChosen():
            return f"groups are to have revision {fact.revision} (key {fact.key})"
        case ConditionChanged():
            return f"condition {fact.condition} became {fact.status}"
        case ObjectLeftAlone():
            return f"{fact.kind} {fact.name} is left alone, because {fact.because}"
        case RolloutStepped():
            return _step(fact)
        case RolloutBlocked():
            more = f" and {fact.count - len(fact.groups)} more" if fact.count > len(fact.groups) else ""
            return (
                f"the rolling update cannot go below partition {fact.partition}: the budget is used up by groups that "
                f"are not ready: {', '.join(fact.groups)}{more}"
            )
        case LeaderReplacementStarted():
            return f"group {fact.group}: its leader pod is to be replaced, because {fact.because}"
        case GroupRecreationPostponed():
            return (
                f"group {fact.group} has failed because of pod {fact.failed_pod} ({fact.failure}): recreation "
                f"{fact.attempt} in a row waits until {timestamp(fact.until_ms)}"
            )
        case GroupKept():
            return (
                f"group {fact.group} is kept for debugging: it has failed after {fact.recreations} "
                f"recreation{'' if fact.recreations == 1 else 's'} in a row, because of pod {fact.failed_pod} "
                f"({fact.failure})"
            )
        case GroupTerminationOverdue():
            return (
                f"group {fact.group} has been terminating since {timestamp(fact.since_ms)} and does not end: "
                f"{', '.join(fact.pods)}"
            )
        case _:
            assert_never(fact)


def _step(step: RolloutStepped) -> str:
    changes = []
    if step.partition != step.partition_before:
        changes.append(f"the partition is to move from {step.partition_before} to {step.partition}")
    if step.replicas != step.replicas_before:
        changes.append(f"the leader StatefulSet is to go from {step.replicas_before} to {step.replicas} groups")
    return f"rolling update: {' and '.join(changes)}, because {step.because}"


def timestamp(at_ms: int) -> str:
    """RFC 3339 in UTC with milliseconds."""
    moment = datetime.fromtimestamp(at_ms / 1000, tz=UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _going(view: View) -> str:
    return f", being deleted since {view.deleting_since}" if view.deleting_since is not None else ""


def _inferred(gone: Deleted) -> str:
    return " (inferred: a listing no longer had it)" if gone.inferred else ""


def _end(ended: ContainerExit | None, reason: str, disruption: Disruption | None) -> str:
    parts = ([reason] if reason else []) + ([explain_exit(ended)] if ended is not None else [])
    parts += [explain_disruption(disruption)] if disruption is not None else []
    return f" ({', '.join(parts)})" if parts else ""
