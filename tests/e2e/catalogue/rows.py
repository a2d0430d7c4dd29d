"""Which rows the catalogue has (6.1), and how a table of cases names and marks the rows that it covers."""

from collections.abc import Iterable
from typing import Any, Final

import pytest


def _numbered(letter: str, first: int, last: int) -> list[str]:
    return [f"{letter}{number}" for number in range(first, last + 1)]


ROWS: Final = (
    *_numbered("C", 1, 36),
    *_numbered("C", 101, 118),
    *_numbered("W", 1, 84),
    *_numbered("E", 1, 25),
)
"""Every row that concerns LeaderWorkerSets."""


def covering(rows: Iterable[Any]) -> list[Any]:
    """Parameters of a test: the first member of each row is its id, the others are the arguments."""
    return [pytest.param(*row[1:], id=row[0], marks=pytest.mark.catalogue(row[0])) for row in rows]
