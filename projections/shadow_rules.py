"""Which rule of the machine a difference is about, by its name and in words.

Names are those of the rules' modules in ``lws_events.machine`` (``rollout`` is a package of it). A write that nobody
has decided here is about the rule that would decide it.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from lws_events import subjects
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
    UpdateSetStatus,
    pod_group_target,
    status_target,
)
from lws_events.decisions import GroupRecreationStarted, LeaderReplacementStarted, LifecycleFact
from lws_events.differences import FieldDifference
from lws_events.subjects import SetName
from projections.why.rules import Policies, rule_of_command, rule_of_fact

RESTART: Final = "restart"
ROLLOUT: Final = "rollout"
LEADER: Final = "leader"

_OF_COMMANDS: Final = {
    CreateControllerRevision: "versions",
    DeleteControllerRevision: "versions",
    ApplyLeaderStatefulSet: LEADER,
    CreateWorkerStatefulSet: "workers",
    CreateService: "services",
    CreatePodGroup: "gang",
    ApplyWorkerMetadata: "worker_metadata",
    DeleteLeaderPod: RESTART,
    MarkLeaderPod: "crash_loops",
    UpdateSetStatus: "status",
}
NAMES: Final = tuple(sorted({*_OF_COMMANDS.values(), ROLLOUT}))

_PACES: Final = ("spec.replicas", "spec.updateStrategy")


class _Example(NamedTuple):
    command: AnyCommand
    fact: LifecycleFact | None


class Rules:
    """Rules behind decisions, and what they say. Of each it keeps one decision, to make its sentence of."""

    def __init__(self) -> None:
        self._examples: dict[str, _Example] = {}

    def behind(self, command: AnyCommand, facts: Sequence[LifecycleFact]) -> str:
        """The rule that led to a command, decided with these facts; empty for timers and Events."""
        rule = _OF_COMMANDS.get(type(command), "")
        fact = None
        if isinstance(command, DeleteLeaderPod):
            fact = next((one for one in facts if _is_about(one, command.name)), None)
            rule = ROLLOUT if isinstance(fact, LeaderReplacementStarted) else RESTART
        if rule and rule not in self._examples:
            self._examples[rule] = _Example(command, fact)
        return rule

    def in_words(self, rule: str, policies: Policies) -> str:
        """What the rule says of a set with these policies; empty where nothing was decided by it."""
        example = self._examples.get(rule)
        if example is None:
            return ""
        fact = example.fact
        if isinstance(fact, GroupRecreationStarted):  # how often it was recreated is nothing of the rule
            fact = msgspec.structs.replace(fact, attempt=0)
        return rule_of_command(example.command, policies) if fact is None else rule_of_fact(fact, policies)


def rule_of_target(target: str, set_name: SetName, fields: Sequence[FieldDifference] = ()) -> str:
    """The rule that decides about an object of a set, and about these fields of it."""
    kind, _, name = target.partition("/")
    if target == f"{subjects.STATEFULSET}/{set_name.name}":
        is_pace = all(any(field.path.startswith(path) for path in _PACES) for field in fields)
        return ROLLOUT if is_pace else LEADER
    if target == status_target(set_name.name):
        return "status"
    if target == pod_group_target(name):
        return "gang"
    found = {
        subjects.STATEFULSET: "workers",
        subjects.SERVICE: "services",
        subjects.REVISION: "versions",
        subjects.POD: RESTART,
        "metadata": "worker_metadata",
        "mark": "crash_loops",
    }
    return found.get(kind, "")


def _is_about(fact: LifecycleFact, leader: str) -> bool:
    return isinstance(fact, (GroupRecreationStarted, LeaderReplacementStarted)) and fact.group == leader
