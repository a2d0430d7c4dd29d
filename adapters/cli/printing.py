"""Print read models: JSON on standard output for programs, lines and tables for people.

Long answers are printed as they are found, also as JSON (one array), so that a journal of any length can be read.
Progress and remarks go to standard error.
"""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from projections.entries import CONTROLLER, USER, Entry
from projections.explain import timestamp
from projections.journal import RecordedEvent
from projections.status import GroupRow, PodRow, SetRow

_UNLIMITED_COLUMNS: Final = 1000
_STYLES: Final = {CONTROLLER: "cyan", USER: "magenta"}


class _Screen(Console):
    def on_broken_pipe(self) -> None:
        """Rich would end the process with 1; ``main`` decides what a reader that has seen enough means."""
        raise BrokenPipeError


def console() -> Console:
    """Standard output for people. Made anew for each command, so that it follows a redirection.

    What is read by another program (``| grep``) is never cut off at a width that nobody has.
    """
    screen = _Screen(highlight=False, soft_wrap=True)
    if not screen.is_terminal:
        screen.width = _UNLIMITED_COLUMNS
    return screen


def remark(text: str) -> None:
    """A remark beside the answer, on standard error."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(Text(text, style="dim"))


def print_json(value: Any) -> None:
    """One JSON document."""
    sys.stdout.write(_json(value) + "\n")


def print_json_array(values: Iterable[Any]) -> None:
    """One JSON array, element by element."""
    sys.stdout.write("[")
    for index, value in enumerate(values):
        sys.stdout.write((",\n" if index else "\n") + _json(value))
    sys.stdout.write("\n]\n")


@contextmanager
def progress(what: str, *, total: int) -> Iterator[Callable[[int], None]]:
    """A bar on standard error while it is a terminal; the function yielded takes how far it has come."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.update(task, completed=done)


def event_json(event: RecordedEvent) -> dict[str, Any]:
    """An event as it is written for programs: the envelope with where it stands."""
    envelope = event.envelope
    return {
        "sequence": event.sequence,
        "subject": event.subject,
        "at": timestamp(envelope.at_ms),
        "at_ms": envelope.at_ms,
        "fact": envelope.fact,
    }


def entry_json(entry: Entry) -> dict[str, Any]:
    """A line of a timeline for programs."""
    return {"at": timestamp(entry.at_ms)} | msgspec.structs.asdict(entry)


def entry_lines(entries: Iterable[Entry]) -> Iterator[Text]:
    """A timeline for people. A cause that the line before has just told is not told again."""
    told = 0
    for entry in entries:
        yield _entry_line(entry, cause_told=entry.sequence == told and entry.who == CONTROLLER)
        told = entry.sequence


def _entry_line(entry: Entry, *, cause_told: bool) -> Text:
    line = Text(f"{timestamp(entry.at_ms)} {'#' + str(entry.sequence):>7}  ")
    line.append(f"{'group ' + entry.group if entry.group else 'set':<10}", style="bold" if entry.group else "")
    line.append(entry.what, style=_STYLES.get(entry.who, ""))
    if entry.because and not cause_told:
        line.append(f"  ← {entry.because}", style="dim")
    return line


def set_table(rows: Iterable[SetRow]) -> Table:
    """As ``kubectl get leaderworkersets``, and the conditions."""
    table = _table("NAME", "READY", "DESIRED", "UP-TO-DATE", "AGE", "CONDITIONS")
    for row in rows:
        conditions = ",".join(row.conditions)
        table.add_row(row.name, str(row.ready), str(row.desired), str(row.up_to_date), row.age, conditions)
    return table


def pod_table(rows: Iterable[PodRow], *, nodes: bool = True) -> Table:
    """As ``kubectl get pods``, with the nodes on request."""
    table = _table("NAME", "READY", "STATUS", "RESTARTS", "AGE", *(["NODE"] if nodes else []))
    for row in rows:
        node = [row.node or "<none>"] if nodes else []
        style = "" if row.ready == "1/1" and row.status == "Running" else "yellow"
        table.add_row(row.name, row.ready, row.status, str(row.restarts), row.age, *node, style=style)
    return table


def pod_group_table(rows: Iterable[GroupRow]) -> Table:
    """The PodGroups of the groups that a gang scheduler places."""
    table = _table("GROUP", "PODGROUP", "PHASE")
    for row in rows:
        if row.pod_group:
            table.add_row(row.name, row.pod_group, row.pod_group_phase)
    return table


def _table(*headers: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="")
    for header in headers:
        table.add_column(header, no_wrap=True)
    return table


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
