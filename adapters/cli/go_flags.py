"""Command lines as Go programs take them: one dash or two, ``--leader-elect=false`` (spec 10.4).

The Deployment of the reference, and whatever people have written for it, must start this program unchanged. What an
option means, and that one is unknown, is decided by whoever parses what comes out of here. Help is laid out here too:
names of this length do not fit into the columns of the other commands.
"""

import textwrap
from collections.abc import Sequence
from typing import Any, Final

from typer.core import TyperCommand

_TRUE: Final = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE: Final = frozenset({"0", "f", "F", "FALSE", "false", "False"})


class GoFlagsCommand(TyperCommand):
    """A command with long options only, which it takes in both notations."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As the base class, after the arguments have been brought into its notation."""
        valued: set[str] = set()
        switches: dict[str, str] = {}
        for parameter in self.get_params(ctx):
            on, off = parameter.opts, parameter.secondary_opts
            if not getattr(parameter, "is_flag", False):
                valued.update(on)
                continue
            for option in on:
                switches[option] = off[0] if off else ""
        return super().parse_args(ctx, _normal(args, valued=valued, switches=switches, fail=ctx.fail))

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Options by topic, each name in full, its text below it."""
        paragraphs = (self.help or "").split("\n\n")
        width = max(40, formatter.width)
        formatter.write(f"Usage: {ctx.command_path} [OPTIONS]\n\n")
        for one in paragraphs:
            formatter.write(
                (one if one.startswith("  ") else textwrap.fill(one, width, break_on_hyphens=False)) + "\n\n"
            )
        panel = None
        options: list[Any] = list(self.get_params(ctx))
        for parameter in sorted(options, key=lambda one: _panel(one) is not None):  # what is in no panel comes first
            if _panel(parameter) != panel:
                panel = _panel(parameter)
                formatter.write(f"\n{panel}:\n")
            formatter.write(f"  {_signature(parameter)}\n")
            text = parameter.help or ""
            if isinstance(parameter.show_default, str):
                text += f" (default: {parameter.show_default})"
            formatter.write(
                textwrap.fill(text, width, initial_indent=" " * 6, subsequent_indent=" " * 6, break_on_hyphens=False)
                + "\n"
            )


def _panel(parameter: Any) -> str | None:
    panel: str | None = getattr(parameter, "rich_help_panel", None)
    return panel


def _signature(parameter: Any) -> str:
    """Its names, and the kind of value that it takes."""
    names = ", ".join([*parameter.opts, *parameter.secondary_opts])
    if getattr(parameter, "is_flag", False):
        return names
    return f"{names} {parameter.metavar}"


def _normal(args: Sequence[str], *, valued: set[str], switches: dict[str, str], fail: Any) -> list[str]:
    """``valued``: options that take a value; ``switches``: those that take none, and what switches them off."""
    normal: list[str] = []
    rest = list(args)
    while rest:
        argument = rest.pop(0)
        if not argument.startswith("-") or argument in ("-", "--"):
            return [*normal, argument, *rest]
        name, equals, value = argument.partition("=")
        option = "--" + name.lstrip("-")
        if option in switches and equals:
            if value not in _TRUE | _FALSE:
                fail(f'invalid boolean value "{value}" for {option}: use true or false')
            chosen = option if value in _TRUE else switches[option]
            normal += [chosen] if chosen else []
            continue
        normal.append(option + equals + value)
        if option in valued and not equals and rest:
            normal.append(rest.pop(0))
    return normal
