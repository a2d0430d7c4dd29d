"""The catalogue is complete: every row has a test that names it, and no test names a row that does not exist.

Markers are found in the source of all end-to-end suites: whether those are part of this run does not matter.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.e2e.catalogue.rows import ROWS

SUITES: Final = Path(__file__).parents[1]
TABLES: Final = "covering"


def test_the_catalogue_has_so_many_rows() -> None:
    """53 controllers' specs, one of them twice; 84 webhooks', 22 end-to-end, 3 upgrade (catalogue 6.1)."""
    assert len(ROWS) == len(set(ROWS)) == 54 + 84 + 25


def test_every_row_is_named_and_no_other() -> None:
    named = {row for suite in sorted(SUITES.rglob("test_*.py")) for row in _rows_named_in(ast.parse(suite.read_text()))}
    assert sorted(named - set(ROWS)) == [], "there are no such rows"
    assert sorted(set(ROWS) - named) == [], "these rows have no test"


def _rows_named_in(module: ast.Module) -> Iterator[str]:
    tables = {
        node.target.id: node.value
        for node in module.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None
    }
    for call in ast.walk(module):
        if not isinstance(call, ast.Call):
            continue
        if isinstance(call.func, ast.Attribute) and call.func.attr == "catalogue":
            yield from (_text(argument) for argument in call.args)
        elif isinstance(call.func, ast.Name) and call.func.id == TABLES and isinstance(call.args[0], ast.Name):
            yield from _first_members(tables[call.args[0].id])


def _first_members(table: ast.expr) -> Iterator[str]:
    """The ids of a table: the first member of each of its rows."""
    assert isinstance(table, ast.Tuple)
    for row in table.elts:
        assert isinstance(row, ast.Tuple | ast.Call)
        yield _text((row.elts if isinstance(row, ast.Tuple) else row.args)[0])


def _text(node: ast.expr) -> str:
    assert isinstance(node, ast.Constant), ast.dump(node)
    return str(node.value)
