"""``lws-events verify --against``: another release of the machine on the same journal, and where the two part."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import msgspec

from adapters.cli.options import Output
from adapters.cli.printing import console, event_json, print_json, progress, remark
from adapters.reading.reader import JournalReader, open_for_reading
from adapters.reading.source import JournalSource
from adapters.releases.finding import find_release
from adapters.releases.process import run_release
from lws_events import __version__, decisions
from lws_events.decisions import MACHINE_VERSION
from lws_events.fleet import Fleet
from projections.comparison import Comparison, SetDifference, compare_machines
from projections.explain import explain_command, explain_fact, explain_lifecycle
from projections.groups import WHOLE_SET, group_of_object
from projections.journal import pair
from projections.replay import Until, state_at

if TYPE_CHECKING:
    from adapters.releases.process import OtherMachine

_SETS_SHOWN: Final = 10
"""To people; programs get all."""


def compare_with_release(source: JournalSource, where: str, *, output: Output) -> bool:
    """Run, print, and say whether there is a difference. Raises ``ReleaseError`` and the errors of a journal."""
    release = find_release(where)
    with open_for_reading(source) as reader, run_release(release) as other:
        first = reader.wait(reader.journal.events.info()).first_sequence
        if first > 1:
            remark(f"the journal begins at event {first}: neither release knows what was before")
        with progress("comparing", total=reader.bounds.events) as advance:
            steps = pair(reader.events(), reader.decisions())
            found = compare_machines(steps, Fleet(), other.propose, on_step=advance)
        if output is Output.JSON:
            print_json(_as_json(reader, other, found))
        else:
            _print(reader, other, found)
    return found.differences > 0


def _state_before(reader: JournalReader, parted: SetDifference) -> Any:
    before = Until(sequence=parted.event.sequence - 1)
    steps = reader.steps_of(parted.set_name, to_sequence=before.sequence)
    return state_at(steps, parted.set_name, Fleet(), until=before).state


def _as_json(reader: JournalReader, other: "OtherMachine", found: Comparison) -> dict[str, Any]:
    parted = [
        msgspec.structs.asdict(one)
        | {"set_name": str(one.set_name), "event": event_json(one.event), "state_before": _state_before(reader, one)}
        for one in found.parted.values()
    ]
    return {
        "here": {"version": __version__, "machine": MACHINE_VERSION},
        "there": {"version": other.version, "machine": other.machine, "path": str(other.path)},
        "unknown_there": dict(sorted(other.unknown.items())),
        "summary": found.summary,
    } | (msgspec.structs.asdict(found) | {"parted": parted})


def _print(reader: JournalReader, other: "OtherMachine", found: Comparison) -> None:
    screen = console()
    remark(
        f"here: {__version__} (state machine {MACHINE_VERSION}); there: {other.version} (state machine {other.machine})"
    )
    if other.unknown:
        kinds = ", ".join(f"{kind} ({count})" for kind, count in sorted(other.unknown.items()))
        remark(f"not known there, and passed over: {kinds}; the state there may differ for that")
    screen.print(found.summary, markup=False, style="bold red" if found.differences else "bold green")
    for count, one in enumerate(found.parted.values()):
        if count == _SETS_SHOWN:
            remark(f"{len(found.parted) - _SETS_SHOWN} more sets: -o json has them all")
            return
        _print_set(reader, one)


def _print_set(reader: JournalReader, parted: SetDifference) -> None:
    screen, event = console(), parted.event
    name = "" if event.address is None else event.address.name
    what = explain_fact(event.envelope.fact, name)
    screen.print(
        f"\n{parted.set_name}: {parted.differences:,} differences, the first at event {event.sequence}: {what}",
        markup=False,
        style="bold",
    )
    for title, side in (("here", parted.here), ("there", parted.there), ("recorded", parted.recorded)):
        for position, line in enumerate(_words(side)):
            screen.print(f"{title if position == 0 else '':<10}{line}", markup=False)
    for change in parted.changes:
        screen.print(f"  {change}", markup=False, style="yellow")
    state = _state_before(reader, parted)
    group = group_of_object(parted.set_name, name)
    of_group = (
        None if state is None or group == WHOLE_SET else state.get("groups", {}).get(f"{parted.set_name.name}-{group}")
    )
    if of_group is not None:
        screen.print(f"group {group} before:", markup=False)
        screen.print(_json(of_group), markup=False, style="dim")
    remark(f"the whole state before: lws-events replay {parted.set_name} --at {event.sequence - 1}")


def _words(side: dict[str, Any] | None) -> Iterator[str]:
    """A decision in words; as JSON where it has what this release does not know."""
    if side is None:
        yield "nothing"
        return
    try:
        decision = decisions.decode(msgspec.json.encode(side | {"machine": ""}))
    except msgspec.DecodeError:
        yield from _json(side).splitlines()
        return
    for fact in decision.facts:
        yield f"decided  {explain_lifecycle(fact)}"
    for issued in decision.commands:
        yield f"asks     {explain_command(issued.command)}"


def _json(side: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(side), indent=2).decode()
