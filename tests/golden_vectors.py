"""The golden vectors: recorded answers of the reference controller, one file per kind of answer (spec 9.3).

They are read from ``tests/golden``, or from the directory named by ``LWS_GOLDEN_DIR``, which may hold further vectors
of the same kinds under the same file names. Deviations of ours are named in the tests, never edited into the files.
"""

import functools
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

DIRECTORY = Path(__file__).parent / "golden"


@functools.cache
def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def load(name: str, *, parse_float: Callable[[str], Any] = float) -> Any:
    """The parsed content of ``<name>.json``: most files are a list of vectors. Each call gives a fresh copy.

    ``parse_float`` reads the text of numbers with a point or an exponent, where the text itself matters.

    Raises ``FileNotFoundError`` if the chosen directory has no such file: a suite that silently tests nothing would
    pass.
    """
    directory = Path(os.environ.get("LWS_GOLDEN_DIR") or DIRECTORY)
    return json.loads(_text(directory / f"{name}.json"), parse_float=parse_float)
