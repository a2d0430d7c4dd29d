"""Records the journal whose report ``docs/shadow.md`` shows: ``python -m tests.integration.shadow.recording``.

A controller does what the reference does; two deletions are missed, and labels are changed. Refuses to write over it.
"""

import asyncio
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from adapters.demo.sample import NAME
from adapters.simulation import kinds
from tests.integration.controller.clusters import NAMESPACE, running_cluster
from tests.integration.shadow.shadows import PROGRAM, Shadow, mutated

JOURNAL: Final = Path(__file__).with_name("beside_the_reference.jsonl.gz")
_DIFFERENCES: Final = 5


async def record(directory: Path) -> None:
    """Play the story and export the shadow's journal."""
    async with running_cluster(directory) as cluster:
        controller = mutated(directory, "as-the-reference", kubeconfig=cluster.kubeconfig)
        shadow = Shadow(directory, kubeconfig=cluster.kubeconfig)
        try:
            controller.start()
            await shadow.start()
            cluster.apply()
            await cluster.complete()
            cluster.kill(f"{NAME}-0-2")
            cluster.kill(f"{NAME}-1-3")
            await shadow.found(2)
            labels = {"metadata": {"labels": {"team": "blue"}}}
            cluster.simulation.api.patch(kinds.LEADERWORKERSETS, NAME, labels, type_="merge", namespace=NAMESPACE)
            await shadow.found(_DIFFERENCES)
            await shadow.stop()
        finally:
            shadow.child.kill()
            controller.kill()
    exporting = [PROGRAM, "journal", "export", str(JOURNAL), "--data-dir", str(shadow.data_dir)]
    await asyncio.to_thread(subprocess.run, exporting, check=True, timeout=60)


def main() -> None:
    """Record it, unless it is there."""
    if JOURNAL.exists():
        raise SystemExit(f"{JOURNAL.name} is there: it is what the documentation shows")
    with tempfile.TemporaryDirectory() as scratch:
        asyncio.run(record(Path(scratch)))


if __name__ == "__main__":
    main()
