"""The core gives the same decisions anywhere, at any time: checked on its syntax, and by running it in two processes.

Import contracts keep clocks and I/O out by module; this finds what is within reach without an import, or slips
through the standard library.
"""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import lws_events

CORE = Path(lws_events.__file__).parent
ROOT = CORE.parent
MODULES = sorted(CORE.rglob("*.py"))

CLOCKS_AND_CHANCE = ["locale", "platform", "random", "secrets", "time", "uuid", "weakref", "zoneinfo"]
WORLD = [
    "asyncio",
    "glob",
    "io",
    "os",
    "pathlib",
    "shutil",
    "signal",
    "socket",
    "subprocess",
    "sys",
    "tempfile",
    "threading",
]
FORBIDDEN_MODULES = frozenset([*CLOCKS_AND_CHANCE, *WORLD])
FORBIDDEN_CALLS = frozenset(
    ["open", "input", "print", "eval", "exec", "hash", "id", "globals", "locals", "vars", "getenv"]
)
FORBIDDEN_METHODS = frozenset(["now", "utcnow", "today", "popitem", "urandom", "uuid1", "uuid4"])
SETS = frozenset(["set", "frozenset"])
ORDERED = frozenset(["sorted", "min", "max", "sum", "len", "any", "all", "frozenset", "set"])
"""What may be done with a set: the result does not depend on its order."""


def offences(source: str) -> list[str]:
    """What in a module could make it decide differently elsewhere, with line numbers."""
    tree = ast.parse(source)
    names = _names_of_sets(tree)
    return sorted(f"line {line}: {what}" for line, what in _offences(tree, names))


def _offences(tree: ast.AST, names: frozenset[str]) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                for alias in node.names:
                    if alias.name.partition(".")[0] in FORBIDDEN_MODULES:
                        yield node.lineno, f"imports {alias.name}"
            case ast.ImportFrom(module=str(module)) if module.partition(".")[0] in FORBIDDEN_MODULES:
                yield node.lineno, f"imports {module}"
            case ast.Call(func=ast.Name(id=name)) if name in FORBIDDEN_CALLS:
                yield node.lineno, f"calls {name}()"
            case ast.Call(func=ast.Attribute(attr=name)) if name in FORBIDDEN_METHODS:
                yield node.lineno, f"calls .{name}()"
            case ast.Call(func=ast.Name(id=name), args=[argument, *_]) if name not in ORDERED:
                if name in (
                    "list",
                    "tuple",
                    "iter",
                    "next",
                    "enumerate",
                    "zip",
                    "map",
                    "filter",
                    "reversed",
                ) and _is_set(argument, names):
                    yield node.lineno, f"{name}() of a set"
            case ast.Call(func=ast.Attribute(attr="join"), args=[argument]) if _is_set(argument, names):
                yield node.lineno, "joins a set"
            case ast.For(iter=iterated) | ast.comprehension(iter=iterated) if _is_set(iterated, names):
                yield iterated.lineno, "iterates over a set"
            case ast.Starred(value=value) if _is_set(value, names):
                yield node.lineno, "unpacks a set"


def _names_of_sets(tree: ast.AST) -> frozenset[str]:
    """Names that are bound to a set anywhere in the module: too many rather than too few."""
    found = []
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=targets, value=value) if _is_set(value, frozenset()):
                found += [target.id for target in targets if isinstance(target, ast.Name)]
            case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation, value=value):
                if _is_set(value, frozenset()) or _is_set_type(annotation):
                    found.append(name)
            case ast.arg(arg=name, annotation=ast.expr() as annotation) if _is_set_type(annotation):
                found.append(name)
    return frozenset(found)


def _is_set(node: ast.expr | None, names: frozenset[str]) -> bool:
    match node:
        case ast.Set() | ast.SetComp():
            return True
        case ast.Call(func=ast.Name(id=name)):
            return name in SETS
        case ast.Name(id=name):
            return name in names
        case ast.BinOp(left=left, op=ast.BitOr() | ast.BitAnd() | ast.Sub() | ast.BitXor(), right=right):
            return any(_is_set(side, names) or _is_keys(side) for side in (left, right))
        case _:
            return False


def _is_keys(node: ast.expr) -> bool:
    """``d.keys()`` has an order, but what is computed from two of them is a set."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "keys"


def _is_set_type(annotation: ast.expr) -> bool:
    return any(isinstance(node, ast.Name) and node.id in ("set", "frozenset", "Set") for node in ast.walk(annotation))


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_of_the_core_depends_on_anything_but_its_input(module: Path) -> None:
    assert offences(module.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "source",
    [
        "import time",
        "from os import environ",
        "import os.path",
        "datetime.now(tz=UTC)",
        "hash('x')",
        "sorted(items, key=lambda item: id(item))",
        "open('x')",
        "for x in {1, 2}: pass",
        "[x for x in set(names)]",
        "seen = set()\nlist(seen)",
        "def f(names: frozenset[str]): return ','.join(names)",
        "[*{1, 2}]",
        "for key in a.keys() | b.keys(): pass",
        "d.popitem()",
    ],
)
def test_the_check_finds(source: str) -> None:
    assert len(offences(source)) == 1


@pytest.mark.parametrize(
    "source", ["for x in sorted({1, 2}): pass", "1 in {1, 2}", "for x in d.keys(): pass", "len(set(a))"]
)
def test_the_check_lets_pass(source: str) -> None:
    assert offences(source) == []


def test_other_hashes_give_the_same_decisions() -> None:
    runs = [
        subprocess.run(
            [sys.executable, "-m", "tests.unit.deterministic_run"],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            timeout=60,
        ).stdout
        for seed in ("1", "4242")
    ]
    assert runs[0] == runs[1]
    assert runs[0].count(b"\n") > 20
