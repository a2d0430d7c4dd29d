"""Run the program in a process of its own that tells its peak of memory: ``python -m tests.bench.one_command FILE …``.

What a parent is told of its child counts the parent's own memory, of which the child was a copy for a moment.
"""

import os
import sys
from pathlib import Path

from adapters.cli.main import main
from tests.controlplane import proc


def run(place: Path, arguments: list[str]) -> None:
    """``lws-events`` with these arguments; then mebibytes are written to ``place``. Ends the process."""
    sys.argv = ["lws-events", *arguments]
    try:
        main()
    finally:
        place.write_text(str(proc.usage(os.getpid()).rss_peak_mib))


if __name__ == "__main__":
    run(Path(sys.argv[1]), sys.argv[2:])
