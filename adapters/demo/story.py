"""The story that the demo tells, act by act. Live tables on a terminal, plain lines elsewhere."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from adapters.cli.chains import chain_lines
from adapters.cli.printing import console, entry_lines, pod_table
from adapters.demo import sample
from adapters.demo.stage import CLUSTER, SET, Stage, set_up
from adapters.reading.reader import open_for_reading
from adapters.reading.source import JournalSource
from lws_events.fleet import Fleet
from projections.status import SetRow
from projections.timeline import timeline
from projections.verify import verify
from projections.why.model import RECREATION
from projections.why.stories import stories

_Condition = Callable[[SetRow], bool]

_SECONDS_MAX: Final = 60.0
_TIMELINE_INDENT: Final = 44
_CHAIN_INDENT: Final = 26
_HEADING_INDENT: Final = 3
"""Where the words begin in the lines of a timeline, of a chain, and in a heading."""

_TABLE_COLUMNS: Final = 72
_TABLE_LINES: Final = 16
"""A smaller terminal shows no table that changes."""

_VICTIM_GROUP: Final = "1"
_VICTIM: Final = f"{sample.NAME}-{_VICTIM_GROUP}-2"


def tell(data_dir: Path) -> int:
    """Play all acts; returns the exit code. Raises ``DemoFailed`` and what keeps the parts from running."""
    screen = console()
    started = time.monotonic()
    data_dir.mkdir(parents=True, exist_ok=True)
    opening = "1. A simulated cluster of 4 racks, and the controller with its journal in NATS JetStream"
    _tell(screen, Text(opening, style="bold"), indent=_HEADING_INDENT)
    asyncio.run(_play(screen, data_dir))
    differences = _explain(screen, data_dir)
    _farewell(screen, data_dir, seconds=time.monotonic() - started)
    return 1 if differences else 0


async def _play(screen: Console, data_dir: Path) -> None:
    async with set_up(data_dir) as stage:
        _heading(screen, f"2. Apply {SET}: {sample.GROUPS} groups of {sample.SIZE} pods")
        await stage.apply_sample()
        before = await _show(screen, stage, _is_complete)
        uids = {pod.name: pod.uid for pod in before.pods}

        _heading(screen, f"3. Kill worker {_VICTIM}, with grace period 0: nothing of it is left to look at")
        await stage.kill(_VICTIM)
        after = await _show(screen, stage, lambda row: _is_complete(row) and _is_recreated(row, uids))
        renewed = sorted(pod.name for pod in after.pods if pod.uid != uids[pod.name])
        kept = len(after.pods) - len(renewed)
        screen.print()
        _tell(screen, Text(f"Recreated as a unit: {', '.join(renewed)}. The other {kept} pods were not touched."))


async def _show(screen: Console, stage: Stage, condition: _Condition) -> SetRow:
    """Show the pod table while it changes, where there is room; returns the row that fulfils the condition."""
    if not screen.is_terminal or screen.width < _TABLE_COLUMNS or screen.height < _TABLE_LINES:
        progress = _Progress(screen)
        row = await stage.until(condition, show=progress.show, seconds_max=_SECONDS_MAX)
        _print_whole(screen, pod_table(row.pods, nodes=False))
        return row
    with Live(console=screen, refresh_per_second=10) as live:
        return await stage.until(
            condition, show=lambda row: live.update(pod_table(row.pods, nodes=False)), seconds_max=_SECONDS_MAX
        )


def _print_whole(screen: Console, table: Table) -> None:
    """The terminal wraps what does not fit: better than names that are cut off where they differ."""
    width = screen.width
    screen.width = max(width, _TABLE_COLUMNS)
    try:
        screen.print(table, crop=False)
    finally:
        screen.width = width


class _Progress:
    """One line for each change of the counts, where no table can be redrawn."""

    def __init__(self, screen: Console) -> None:
        self._screen = screen
        self._last = ""

    def show(self, row: SetRow) -> None:
        ready = sum(group.ready_pods for group in row.groups)
        line = f"{len(row.pods)} pods, {ready} ready"
        if line != self._last:
            self._screen.print(line)
            self._last = line


def _is_complete(row: SetRow) -> bool:
    """Every pod is ready, and the controller has said so in the set's status."""
    wanted = sample.GROUPS * sample.SIZE
    all_ready = len(row.pods) == wanted and sum(group.ready_pods for group in row.groups) == wanted
    return all_ready and row.ready == sample.GROUPS and "Available" in row.conditions


def _is_recreated(row: SetRow, uids: dict[str, str]) -> bool:
    members = [pod for pod in row.pods if pod.group == _VICTIM_GROUP]
    return bool(members) and all(pod.uid != uids[pod.name] for pod in members)


def _explain(screen: Console, data_dir: Path) -> int:
    """What the journal says about it; returns the number of differences that verification found."""
    source = JournalSource(data_dir=data_dir, cluster=CLUSTER)
    with open_for_reading(source) as reader:
        chains = list(stories(reader.steps_of(SET), SET, kinds=(RECREATION,)))
        since = min(chain.links[0].sequence for chain in chains)
        _heading(screen, f"4. What happened to group {_VICTIM_GROUP} since then, from the journal")
        entries = timeline(reader.steps_of(SET), SET, group=_VICTIM_GROUP, routine=False)
        for line in entry_lines(entry for entry in entries if entry.sequence >= since):
            _tell(screen, line, indent=_TIMELINE_INDENT)
        _heading(screen, "5. Why was it recreated?")
        for chain in chains:
            for line in chain_lines(chain):
                _tell(screen, line, indent=_CHAIN_INDENT)
        _heading(screen, "6. Would the same journal give the same decisions again?")
        result = verify(reader.events(), reader.decisions(), Fleet())
        screen.print(Text(result.summary, style="red" if result.differences else "green"))
        return result.differences


def _farewell(screen: Console, data_dir: Path, *, seconds: float) -> None:
    where = f"--data-dir {data_dir} --cluster {CLUSTER}"
    screen.print(f"\nThat took {seconds:.0f} s. The journal is in {data_dir}. Try:\n", soft_wrap=True)
    for command in (
        f"lws-events status {SET} {where}",
        f"lws-events timeline {SET} --group {_VICTIM_GROUP} {where}",
        f"lws-events replay {SET} --step {where}",
        f"lws-events journal export demo.jsonl {where}",
        "lws-events run --help",
    ):
        # As the terminal wraps it, so that it can be copied as one line.
        screen.print(f"  {command}", soft_wrap=True, style="cyan")


def _heading(screen: Console, text: str) -> None:
    screen.print()
    _tell(screen, Text(text, style="bold"), indent=_HEADING_INDENT)
    screen.print()


def _tell(screen: Console, line: Text, *, indent: int = 0) -> None:
    """A line; on a terminal what does not fit goes on between words, below where the words began."""
    if not screen.is_terminal or line.cell_len <= screen.width:
        screen.print(line)
    elif indent > screen.width // 2:
        screen.print(line, soft_wrap=False)
    else:
        columns = Table.grid()
        columns.add_column(width=indent, no_wrap=True)
        columns.add_column(overflow="fold")
        columns.add_row(line[:indent], line[indent:])
        screen.print(columns, soft_wrap=False)
