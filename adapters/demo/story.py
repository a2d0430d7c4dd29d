"""The story that the demo tells, act by act. Live tables on a terminal, plain lines elsewhere."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.live import Live

from adapters.cli.options import JournalSource
from adapters.cli.printing import chain_lines, console, entry_lines, pod_table
from adapters.cli.reading import open_for_reading
from adapters.demo import sample
from adapters.demo.stage import CLUSTER, SET, Stage, set_up
from lws_events.fleet import Fleet
from projections.chain import recreations
from projections.status import SetRow
from projections.timeline import timeline
from projections.verify import verify

_Condition = Callable[[SetRow], bool]

_SECONDS_MAX: Final = 60.0
_VICTIM_GROUP: Final = "1"
_VICTIM: Final = f"{sample.NAME}-{_VICTIM_GROUP}-2"


def tell(data_dir: Path) -> int:
    """Play all acts; returns the exit code."""
    screen = console()
    started = time.monotonic()
    data_dir.mkdir(parents=True, exist_ok=True)
    screen.print(
        "[bold]1. A simulated cluster of 4 racks, and the controller with its journal in NATS JetStream[/bold]"
    )
    asyncio.run(_play(screen, data_dir))
    differences = _explain(screen, data_dir)
    _farewell(screen, data_dir, seconds=time.monotonic() - started)
    return 1 if differences else 0


async def _play(screen: Console, data_dir: Path) -> None:
    async with set_up(data_dir) as stage:
        screen.print(f"\n[bold]2. Apply {SET}: {sample.GROUPS} groups of {sample.SIZE} pods[/bold]\n")
        await stage.apply_sample()
        before = await _show(screen, stage, _is_complete)
        uids = {pod.name: pod.uid for pod in before.pods}

        screen.print(
            f"\n[bold]3. Kill worker {_VICTIM}, with grace period 0: nothing of it is left to look at[/bold]\n"
        )
        await stage.kill(_VICTIM)
        after = await _show(screen, stage, lambda row: _is_complete(row) and _is_recreated(row, uids))
        renewed = sorted(pod.name for pod in after.pods if pod.uid != uids[pod.name])
        kept = len(after.pods) - len(renewed)
        screen.print(f"\nRecreated as a unit: {', '.join(renewed)}. The other {kept} pods were not touched.")


async def _show(screen: Console, stage: Stage, condition: _Condition) -> SetRow:
    """Show the pod table while it changes; returns the row that fulfils the condition."""
    if not screen.is_terminal:
        progress = _Progress(screen)
        row = await stage.until(condition, show=progress.show, seconds_max=_SECONDS_MAX)
        screen.print(pod_table(row.pods, nodes=False))
        return row
    with Live(console=screen, refresh_per_second=10) as live:
        return await stage.until(
            condition, show=lambda row: live.update(pod_table(row.pods, nodes=False)), seconds_max=_SECONDS_MAX
        )


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
        screen.print(f"\n[bold]4. The timeline of group {_VICTIM_GROUP}, from the journal[/bold]\n")
        for line in entry_lines(timeline(reader.steps_of(SET), SET, group=_VICTIM_GROUP, routine=False)):
            screen.print(line)
        screen.print("\n[bold]5. Why was it recreated?[/bold]\n")
        for recreation in recreations(reader.steps_of(SET), SET):
            for line in chain_lines(recreation):
                screen.print(line)
        screen.print("\n[bold]6. Would the same journal give the same decisions again?[/bold]\n")
        result = verify(reader.events(), reader.decisions(), Fleet())
        screen.print(result.summary)
        return result.differences


def _farewell(screen: Console, data_dir: Path, *, seconds: float) -> None:
    where = f"--data-dir {data_dir} --cluster {CLUSTER}"
    screen.print(f"\nThat took {seconds:.0f} s. The journal is in {data_dir}. Try:\n", soft_wrap=True)
    for command in (
        f"lws-events status {SET} {where}",
        f"lws-events replay {SET} --step {where}",
        f"lws-events journal export demo.jsonl {where}",
        "lws-events run --help",
    ):
        screen.print(f"  {command}", soft_wrap=True, highlight=False)
