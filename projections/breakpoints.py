"""Where a replay is to stop: a small language of conditions on one step (an event and the decision about it).

    restart                            a group is recreated
    command=DeleteLeaderPod            such a command is given
    fact=RolloutBlocked                such a fact is recorded or decided
    pod=sample-1-2                     the step is about this pod
    group=1,fact=GroupChanged          both at once: "," or "and" joins
    restart|condition=Available=False  one of both: "|" or "or" separates

``,`` binds tighter than ``|``; there are no parentheses. Only the step itself is looked at, never the state.
"""

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple, get_args

from lws_events import commands, decisions, events, subjects
from lws_events.commands import AnyCommand, target
from lws_events.decisions import ConditionChanged, FailureLeftAlone, GroupRecreationStarted, LifecycleFact
from projections.groups import group_of_object, group_of_target, group_token
from projections.journal import Step

Matches = Callable[[Step], bool]

WORDS: Final[Mapping[str, str]] = {
    "restart": "a group is recreated",
    "failure": "a pod failed: its group is recreated, waits, is kept, or is left alone",
    "decision": "anything is decided",
    "refused": "a command failed",
}
"""Conditions without a value → what they mean."""

KEYS: Final[Mapping[str, str]] = {
    "command": "a command of this kind is given, for example DeleteLeaderPod",
    "fact": "a fact of this kind is recorded or decided, for example PodDeleted or RolloutBlocked",
    "pod": "the event, a command or a decision is about this pod",
    "group": "it is about this group: its index, or the name of its leader pod",
    "condition": "a condition of the set changes: Available, or Available=False",
}
"""Conditions with a value → what they mean."""

_FAILURES: Final = (
    decisions.GroupRecreationStarted,
    decisions.GroupRecreationPostponed,
    decisions.GroupKept,
    decisions.FailureLeftAlone,
)
_COMMANDS: Final = tuple(kind.__name__ for kind in get_args(AnyCommand))
_FACTS: Final = tuple(kind.__name__ for kind in (*get_args(events.Fact), *get_args(LifecycleFact)))
_STATUSES: Final = ("True", "False")
_OR: Final = re.compile(r"\||\bor\b")
_AND: Final = re.compile(r",|\band\b")


class BreakpointError(ValueError):
    """An expression says nothing that could be looked for. ``hint`` says what would."""

    def __init__(self, message: str, *, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


class Breakpoint(NamedTuple):
    """A parsed expression."""

    text: str
    alternatives: Sequence[Sequence[Matches]]

    def matches(self, step: Step) -> bool:
        """Whether a replay stops at this step."""
        return any(all(condition(step) for condition in each) for each in self.alternatives)


def parse_breakpoint(text: str) -> Breakpoint:
    """Read an expression. Raises ``BreakpointError``."""
    return Breakpoint(text, [[_condition(term.strip(), text) for term in _AND.split(each)] for each in _OR.split(text)])


def _condition(term: str, text: str) -> Matches:
    if not term:
        raise BreakpointError(f"a condition is missing in {text!r}", hint="write for example restart|command=SetTimer")
    key, separator, value = (part.strip() for part in term.partition("="))
    if not separator:
        return _word(term)
    if not value and key in KEYS:
        raise BreakpointError(f"{key}= lacks its value in {text!r}", hint=f"{key}=…: {KEYS[key]}")
    match key:
        case "command":
            return _command(_known(value, _COMMANDS, "command"))
        case "fact":
            return _fact(_known(value, _FACTS, "fact"))
        case "pod":
            return lambda step: value in _pods(step)
        case "group":
            return lambda step: _is_of_group(step, value)
        case "condition":
            return _condition_changed(value)
        case _:
            raise _unknown(key, [*WORDS, *(f"{one}=…" for one in KEYS)], "condition")


def _word(word: str) -> Matches:
    match word:
        case "restart":
            return lambda step: any(isinstance(fact, GroupRecreationStarted) for fact in _decided(step))
        case "failure":
            return lambda step: any(isinstance(fact, _FAILURES) for fact in _decided(step))
        case "decision":
            return lambda step: step.decision is not None
        case "refused":
            return lambda step: isinstance(step.event.envelope.fact, events.CommandFailed)
        case _:
            raise _unknown(word, [*WORDS, *(f"{one}=…" for one in KEYS)], "condition")


def _command(kind: str) -> Matches:
    return lambda step: any(type(command).__name__ == kind for command in _commands(step))


def _fact(kind: str) -> Matches:
    return lambda step: (
        type(step.event.envelope.fact).__name__ == kind or any(type(fact).__name__ == kind for fact in _decided(step))
    )


def _condition_changed(value: str) -> Matches:
    name, separator, status = (part.strip() for part in value.partition("="))
    if separator and status not in _STATUSES:
        raise BreakpointError(f"condition={value}: a condition becomes True or False", hint=f"condition={name}=False")
    return lambda step: any(
        isinstance(fact, ConditionChanged) and fact.condition == name and status in ("", fact.status)
        for fact in _decided(step)
    )


def _decided(step: Step) -> Sequence[LifecycleFact]:
    return () if step.decision is None else step.decision.facts


def _commands(step: Step) -> Sequence[AnyCommand]:
    return () if step.decision is None else [issued.command for issued in step.decision.commands]


def _pods(step: Step) -> set[str]:
    """Every pod that a step names, as far as breakpoints are concerned."""
    address = step.event.address
    found = {address.name} if address is not None and address.kind == subjects.POD else set()
    for fact in _decided(step):
        match fact:
            case decisions.GroupRecreationPostponed() | decisions.GroupKept() | GroupRecreationStarted():
                found |= {fact.failed_pod, fact.leader}
            case FailureLeftAlone():
                found.add(fact.pod)
            case _:
                pass
    found |= {one.name for one in _commands(step) if isinstance(one, commands.DeleteLeaderPod | commands.MarkLeaderPod)}
    return found


def _is_of_group(step: Step, group: str) -> bool:
    address = step.event.address
    if address is None:
        return False
    set_name = address.set_name
    wanted = group_token(set_name, group)
    if address.kind not in (subjects.SET, subjects.SET_STATUS) and group_of_object(set_name, address.name) == wanted:
        return True
    named = [fact_group for fact in _decided(step) if (fact_group := getattr(fact, "group", ""))]
    return any(group_token(set_name, one) == wanted for one in named) or any(
        group_of_target(set_name, target(command)) == wanted for command in _commands(step)
    )


def _known(value: str, kinds: Sequence[str], what: str) -> str:
    if value not in kinds:
        raise _unknown(value, kinds, what)
    return value


def _unknown(value: str, known: Sequence[str], what: str) -> BreakpointError:
    close = difflib.get_close_matches(value, known, n=3, cutoff=0.5)
    return BreakpointError(
        f"there is no {what} {value!r}",
        hint=f"did you mean {' or '.join(close)}?" if close else f"known are {', '.join(known)}",
    )
