"""Facts about the machine that the figures depend on."""

import os
import platform
import tempfile
import time
from typing import Final

from lws_events import __version__
from tests.bench.figures import MEBIBYTE, Machine, percentile

_SYNCS: Final = 200
_SYNC_BYTES: Final = 4096


def describe() -> Machine:
    """Measured now, at the same load as what follows."""
    syncs_ms = _syncs_ms()
    return Machine(
        cores=len(os.sched_getaffinity(0)),
        memory_mib=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // MEBIBYTE,
        python=platform.python_version(),
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        lws_events=__version__,
        fsync_p50_ms=percentile(syncs_ms, 0.50),
        fsync_p99_ms=percentile(syncs_ms, 0.99),
    )


def _syncs_ms() -> list[float]:
    found = []
    with tempfile.TemporaryFile(buffering=0) as file:
        for _ in range(_SYNCS):
            file.write(bytes(_SYNC_BYTES))
            began = time.perf_counter()
            os.fsync(file.fileno())
            found.append((time.perf_counter() - began) * 1000)
    return found
