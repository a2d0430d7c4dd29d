"""Step through the past of a set on a terminal: one line of input for each thing to do.

What a step is and what is shown of one is here too; how to move is the debugger's (``projections.debugger``).
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from adapters.cli.printing import event_json
from adapters.errors import WrongUsage
from projections.breakpoints import Breakpoint, BreakpointError, parse_breakpoint
from projections.debugger import Debugger
from projections.difference import difference
from projections.explain import explain_command, explain_fact, explain_lifecycle, timestamp
from projections.replay import ReplayedStep, Until
from projections.why.rules import Policies, rule_of_command, rule_of_fact

_START: Final = Until(sequence=0)
_PROMPT: Final = "replay> "
_HELP: Final = """\
n, Enter      next event                        p             the one before
c             on to the breakpoint, or the end  r             back to the breakpoint, or the beginning
b CONDITION   set the breakpoint; b alone: show it           (see lws-events replay --help)
g POINT       go to a sequence or time          e             to the end
d POINT       what is different between there and here
s [PATH]      the state here, or a part of it: s groups.sample-0.lifecycle
?             this                              q             quit"""


def step_lines(step: ReplayedStep, policies: Policies) -> Iterator[Text]:
    """A step for people: the event, what was decided by it and by which rule, what changed."""
    event = step.event
    name = "" if event.address is None else event.address.name
    at = timestamp(event.envelope.at_ms)
    yield Text(f"#{event.sequence} {at}  ").append(explain_fact(event.envelope.fact, name), style="bold")
    if step.recorded is not None:
        for fact in step.recorded.decision.facts:
            yield Text("    decided  ").append(explain_lifecycle(fact), style="cyan")
            yield from _rule(rule_of_fact(fact, policies))
        for issued in step.recorded.decision.commands:
            yield Text("    asks     ").append(explain_command(issued.command), style="cyan")
            yield from _rule(rule_of_command(issued.command, policies))
    for change in step.changes:
        yield Text("    changed  ").append(str(change), style="dim")


def _rule(rule: str) -> Iterator[Text]:
    if rule:
        yield Text("    rule     ").append(rule, style="italic")


def step_json(step: ReplayedStep, policies: Policies) -> dict[str, Any]:
    """A step for programs. ``rules`` are in the order of the decision's facts and commands."""
    decision = None if step.recorded is None else step.recorded.decision
    rules = {
        "facts": [] if decision is None else [rule_of_fact(fact, policies) for fact in decision.facts],
        "commands": [] if decision is None else [rule_of_command(one.command, policies) for one in decision.commands],
    }
    return {"event": event_json(step.event), "decision": decision, "rules": rules, "changes": step.changes}


class Stepping:
    """A conversation about one set's past."""

    def __init__(
        self,
        past: Debugger,
        screen: Console,
        *,
        point: Callable[[str], Until],
        read: Callable[[str], str] = input,
        breakpoint_: Breakpoint | None = None,
    ) -> None:
        """``point`` reads a sequence or time (``WrongUsage``), ``read`` a line for a prompt (``EOFError``)."""
        self._past = past
        self._screen = screen
        self._point = point
        self._read = read
        self._breakpoint = breakpoint_

    def run(self, start: Until | None) -> None:
        """Begin before ``start`` (None: at the beginning), or at the breakpoint; ends with ``q`` or the end of input.

        Raises ``JournalUnavailable``, ``JournalDamaged``.
        """
        with contextlib.suppress(ImportError):
            import readline  # noqa: F401 (gives what is typed a history and the keys of a shell)
        if start is not None:
            self._past.go_before(start)
        self._show(self._past.step() if self._breakpoint is None else self._past.run(self._breakpoint))
        last = "n"
        while True:
            try:
                line = self._read(_PROMPT).strip() or last
            except EOFError:
                return
            if line in ("q", "quit", "exit"):
                return
            last = line
            try:
                self._do(*line.partition(" ")[::2])
            except (WrongUsage, BreakpointError) as error:
                self._tell(f"{error} ({error.hint})" if error.hint else str(error))

    def _do(self, key: str, rest: str) -> None:
        rest = rest.strip()
        match key:
            case "n":
                self._show(self._past.step())
            case "p":
                self._show(self._past.back())
            case "c":
                self._show(self._past.run(self._breakpoint) if self._breakpoint else self._past.go_to(Until()))
            case "r":
                self._show(self._past.run_back(self._breakpoint) if self._breakpoint else self._past.go_to(_START))
            case "e":
                self._show(self._past.go_to(Until()))
            case "g" if rest:
                self._show(self._past.go_to(self._point(rest)))
            case "b":
                self._break(rest)
            case "d" if rest:
                self._compare(self._point(rest))
            case "s":
                self._state(rest)
            case _:
                self._tell(_HELP)

    def _break(self, condition: str) -> None:
        if condition:
            self._breakpoint = parse_breakpoint(condition)
        self._tell(f"stops at {self._breakpoint.text}" if self._breakpoint else "there is no breakpoint: b CONDITION")

    def _show(self, step: ReplayedStep | None) -> None:
        if step is None:
            at_end = self._past.position > 0
            self._tell(f"the end, behind event {self._past.sequence}" if at_end else "the beginning, before all events")
            return
        for line in step_lines(step, Policies(self._past.observed)):
            self._screen.print(line)

    def _compare(self, there: Until) -> None:
        """From an earlier point to here, or from here to a later one."""
        here = self._past.here()
        self._past.go_to(there)
        other = self._past.here()
        self._past.go_to(Until(sequence=here.sequence))
        first, second = sorted((here, other), key=lambda state: state.sequence)
        for change in difference(first.state, second.state):
            self._tell(str(change))
        self._tell(f"from event {first.sequence} to event {second.sequence}")

    def _state(self, path: str) -> None:
        import yaml

        found = self._past.state
        for part in path.split(".") if path else ():
            if not isinstance(found, dict) or part not in found:
                there = ", ".join(sorted(found)) if isinstance(found, dict) else "nothing"
                raise WrongUsage(f"the state has no {path!r}", hint=f"before {part!r} there is: {there}")
            found = found[part]
        self._tell(yaml.safe_dump(found, sort_keys=False, allow_unicode=True).removesuffix("...\n").rstrip())

    def _tell(self, text: str) -> None:
        self._screen.print(text, markup=False)
