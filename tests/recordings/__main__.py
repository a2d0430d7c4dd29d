"""Record journals for the documentation: ``python -m tests.recordings NAME…``; refuses to write over one."""

import asyncio
import sys
from pathlib import Path
from typing import Final

from tests.recordings.shadow import SHADOW, record_shadow
from tests.recordings.stage import staged
from tests.recordings.stories import STORIES

FOLDER: Final = Path(__file__).parents[2] / "docs" / "journals"
JOURNALS: Final[dict[str, tuple[str, ...]]] = {name: told.journals for name, told in STORIES.items()} | {
    SHADOW: (SHADOW,)
}
"""What is recorded by each name."""


async def record(name: str, folder: Path) -> None:
    """Play a story in seconds of the clock on the wall."""
    if name == SHADOW:
        await record_shadow(folder)
        return
    told = STORIES[name]
    async with staged(told.nodes, folder) as stage:
        await told.play(stage)


def main() -> None:
    """Record the stories named on the command line."""
    names = sys.argv[1:]
    unknown = [name for name in names if name not in JOURNALS]
    if unknown or not names:
        raise SystemExit(f"name one or more of: {', '.join(JOURNALS)}")
    for name in names:
        present = [journal for journal in JOURNALS[name] if (FOLDER / f"{journal}.jsonl.gz").exists()]
        if present:
            raise SystemExit(f"{', '.join(present)}: there already; a recorded journal is never rewritten")
        asyncio.run(record(name, FOLDER))
        for journal in JOURNALS[name]:
            print(f"{journal}: {(FOLDER / f'{journal}.jsonl.gz').stat().st_size} bytes", flush=True)


if __name__ == "__main__":
    main()
