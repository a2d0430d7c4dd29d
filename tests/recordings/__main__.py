"""Record journals for the documentation: ``python -m tests.recordings NAME…``; refuses to write over one."""

import asyncio
import sys
from pathlib import Path
from typing import Final

from tests.recordings.stage import staged
from tests.recordings.stories import STORIES

FOLDER: Final = Path(__file__).parents[2] / "docs" / "journals"


async def record(name: str, folder: Path) -> None:
    """Play a story in seconds of the clock on the wall."""
    told = STORIES[name]
    async with staged(told.nodes, folder) as stage:
        await told.play(stage)


def main() -> None:
    """Record the stories named on the command line."""
    names = sys.argv[1:]
    unknown = [name for name in names if name not in STORIES]
    if unknown or not names:
        raise SystemExit(f"name one or more of: {', '.join(STORIES)}")
    for name in names:
        present = [journal for journal in STORIES[name].journals if (FOLDER / f"{journal}.jsonl.gz").exists()]
        if present:
            raise SystemExit(f"{', '.join(present)}: there already; a recorded journal is never rewritten")
        asyncio.run(record(name, FOLDER))
        for journal in STORIES[name].journals:
            print(f"{journal}: {(FOLDER / f'{journal}.jsonl.gz').stat().st_size} bytes", flush=True)


if __name__ == "__main__":
    main()
