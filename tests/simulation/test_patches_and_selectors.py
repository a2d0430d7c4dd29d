"""Patch formats, label selectors, and the ownership of fields."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.simulation import apply, managed_fields, patches, selectors
from adapters.simulation.errors import BadRequestError, InvalidError
from adapters.simulation.managed_fields import Manager
from adapters.simulation.objects import Object

LWS = Manager("lws", "Apply", "apps/v1")
OTHER = Manager("other", "Update", "apps/v1")


@pytest.mark.parametrize(
    ("operations", "expected"),
    [
        ([{"op": "add", "path": "/a/-", "value": 3}], {"a": [1, 2, 3]}),
        ([{"op": "add", "path": "/b", "value": {}}, {"op": "add", "path": "/b/x~1y", "value": 1}], {"b": {"x/y": 1}}),
        ([{"op": "replace", "path": "/a/0", "value": 9}], {"a": [9, 2]}),
        ([{"op": "remove", "path": "/a/1"}], {"a": [1]}),
        (
            [{"op": "test", "path": "/a/1", "value": 2}, {"op": "move", "from": "/a/1", "path": "/c"}],
            {"a": [1], "c": 2},
        ),
        ([{"op": "copy", "from": "/a", "path": "/d"}], {"d": [1, 2]}),
    ],
)
def test_json_patch(operations: list[Object], expected: Object) -> None:
    assert patches.json_patch({"a": [1, 2]}, operations) == {"a": [1, 2], **expected}


@pytest.mark.parametrize(
    ("operation", "error"),
    [
        ({"op": "remove", "path": "/x"}, InvalidError),
        ({"op": "test", "path": "/a", "value": 0}, InvalidError),
        ({"op": "add", "path": "/x/y", "value": 0}, InvalidError),
        ({"op": "replace", "path": "/a/7", "value": 0}, InvalidError),
        ({"op": "add", "path": "/x"}, BadRequestError),
        ({"op": "invent", "path": "/x"}, BadRequestError),
    ],
)
def test_json_patch_refuses(operation: Object, error: type[Exception]) -> None:
    with pytest.raises(error):
        patches.json_patch({"a": [1]}, [operation])


def test_merge_patches_remove_with_null() -> None:
    assert patches.merge_patch({"a": {"b": 1, "c": 2}, "l": [1]}, {"a": {"b": None}, "l": [2]}) == {
        "a": {"c": 2},
        "l": [2],
    }


def test_strategic_merge_knows_keyed_lists_and_directives() -> None:
    target = {"containers": [{"name": "a", "image": "1"}, {"name": "b"}], "labels": {"x": "1"}}
    change = {
        "containers": [{"name": "a", "image": "2"}, {"name": "b", "$patch": "delete"}, {"name": "c"}],
        "labels": {"$patch": "replace", "y": "2"},
    }
    assert patches.strategic_merge(target, change) == {
        "containers": [{"name": "a", "image": "2"}, {"name": "c"}],
        "labels": {"y": "2"},
    }


@pytest.mark.parametrize(
    ("text", "labels", "expected"),
    [
        ("a=b", {"a": "b"}, True),
        ("a==b,c", {"a": "b"}, False),
        ("a!=b", {}, True),
        ("a in (b, c)", {"a": "c"}, True),
        ("a notin (b,c),d", {"d": ""}, True),
        ("!a", {"a": ""}, False),
        ("example.com/a", {"example.com/a": "x"}, True),
        ("", {"a": "b"}, True),
    ],
)
def test_label_selectors(text: str, labels: dict[str, str], *, expected: bool) -> None:
    assert selectors.parse(text).matches(labels) is expected


def test_unreadable_selectors_are_refused() -> None:
    with pytest.raises(BadRequestError, match="no label requirement"):
        selectors.parse("a>1")
    with pytest.raises(BadRequestError, match="field label not supported"):
        selectors.parse_fields("spec.unknown=1")


names = st.sampled_from("abcd")
leaves: st.SearchStrategy[Any] = st.integers(0, 3) | st.text("xy", max_size=2)
items = st.lists(
    st.fixed_dictionaries({"name": names, "image": leaves}), max_size=3, unique_by=lambda item: item["name"]
)
configs = st.fixed_dictionaries(
    {},
    optional={
        "spec": st.fixed_dictionaries(
            {}, optional={"replicas": leaves, "containers": items, "args": st.lists(leaves, max_size=2)}
        ),
        "data": st.dictionaries(names, leaves, max_size=3),
    },
).map(lambda body: {"metadata": {"name": "o"}, **body})


def applied(live: Object, config: Object, manager: Manager = LWS) -> Object:
    merged, managers = apply.merged(live, config, manager=manager, force=True)
    dumped = managed_fields.dump(managers, previous=live, now="now")
    return {**merged, "metadata": {**merged["metadata"], "managedFields": dumped}}


@given(config=configs)
def test_ownership_survives_its_written_form(config: Object) -> None:
    fields = frozenset(managed_fields.fields_of(config))
    dumped = managed_fields.dump({LWS: fields}, previous=None, now="now")
    read = managed_fields.load({"metadata": {"managedFields": dumped}})
    assert read == ({LWS: fields} if fields else {})


@given(first=configs, second=configs)
def test_the_last_configuration_of_a_sole_manager_is_all_that_is_left(first: Object, second: Object) -> None:
    live = applied(applied({"metadata": {"name": "o"}}, first), second)
    assert managed_fields.fields_of(live).keys() == managed_fields.fields_of(second).keys()
    assert managed_fields.fields_of(live) == managed_fields.fields_of(second)


@given(mine=configs, theirs=configs)
def test_an_apply_repeated_changes_nothing_and_a_forced_one_wins(mine: Object, theirs: Object) -> None:
    live = applied(applied({"metadata": {"name": "o"}}, theirs, OTHER), mine)
    assert applied(live, mine) == live
    present = managed_fields.fields_of(live)
    for path, value in managed_fields.fields_of(mine).items():
        if value not in ({}, []):
            assert present[path] == value
