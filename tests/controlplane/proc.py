"""CPU and memory of a process and its children, from ``/proc``. Linux only, like the control plane's programs."""

import os
from pathlib import Path
from typing import Final, NamedTuple

_TICKS_PER_SECOND: Final = os.sysconf("SC_CLK_TCK")
_KIBIBYTES_PER_MEBIBYTE: Final = 1024


class Usage(NamedTuple):
    """Of one process since its start: user and system time, and the peak of its resident memory."""

    cpu_seconds: float
    rss_peak_mib: float


def usage(pid: int) -> Usage:
    """What the process has used so far, without its children. Raises ``OSError`` when it has ended."""
    process = Path("/proc") / str(pid)
    # The command is in parentheses and may contain anything; fields are counted from behind it.
    fields = (process / "stat").read_text().rpartition(")")[2].split()
    user_ticks, system_ticks = int(fields[11]), int(fields[12])
    peak = next(line for line in (process / "status").read_text().splitlines() if line.startswith("VmHWM:"))
    return Usage((user_ticks + system_ticks) / _TICKS_PER_SECOND, int(peak.split()[1]) / _KIBIBYTES_PER_MEBIBYTE)


def children(pid: int) -> list[int]:
    """Process ids of the direct children, of all threads."""
    found = []
    for task in (Path("/proc") / str(pid) / "task").iterdir():
        found += [int(child) for child in (task / "children").read_text().split()]
    return sorted(found)


def nats_child(pid: int) -> int | None:
    """The embedded NATS server of a controller; None where it has none."""
    for child in children(pid):
        if (Path("/proc") / str(child) / "comm").read_text().startswith("nats-server"):
            return child
    return None
