"""Sound objects with one thing wrong, wherever it is, and arbitrary JSON: strategies for tests of what reads objects.

Some JSON has no Python value, or none that survives being written: marks stand for it until ``written``.
"""

import copy
import json
from typing import Any

import hypothesis.strategies as st

MARKS = {
    b'"@deep@"': b'{"a":[' * 600 + b"1" + b"]}" * 600,
    b'"@infinite@"': b"1e999",
    b'"@nan@"': b"NaN",
    b'"@latin@"': b'"\xff"',
    b'"@surrogate@"': b'"\\ud800"',
    b'"@twice@"': b'{"a":1,"a":{"b":2},"a":[]}',
}
_NO_JSON = (b'"@nan@"',)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([2**31, 2**63, 2**64, 10**40, -(2**63), 0.5, 1e300, -0.0])
    | st.text(max_size=6)
    | st.sampled_from(["0", "-1", "5%", "\u0000", "a/b~c", "x" * 2000, *(mark.decode().strip('"') for mark in MARKS)])
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


def places(value: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all values in a value, its own first."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [here, *(place for key, member in members for place in places(member, (*here, key)))]


@st.composite
def mutated(draw: st.DrawFn, value: Any) -> Any:
    """The value with one member replaced, left out or added."""
    place = draw(st.sampled_from(places(value)))
    if not place:
        return draw(JSON)
    changed = copy.deepcopy(value)
    parent = changed
    for key in place[:-1]:
        parent = parent[key]
    how = draw(st.sampled_from(["replace", "replace", "leave out", "add"]))
    if how == "leave out":
        del parent[place[-1]]
    elif how == "add" and isinstance(parent, dict):
        parent[draw(st.text(max_size=6))] = draw(JSON)
    else:
        parent[place[-1]] = draw(JSON)
    return changed


def written(value: Any, *, broken: bool = True) -> bytes:
    """With what the marks stand for. ``broken``: also where that makes it something else than JSON."""
    data = json.dumps(value).encode()
    for mark, meant in MARKS.items():
        if broken or mark not in _NO_JSON:
            data = data.replace(mark, meant)
    return data
