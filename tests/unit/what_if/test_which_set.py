"""Which set is asked about, by its name, by a manifest, and by whose namespace."""

from typing import Any

import pytest

from adapters.what_if.asking import OfJournal, Request, State, sets_of
from adapters.what_if.past import past_of
from adapters.what_if.questions import QuestionError
from lws_events.subjects import SetName
from projections.replay import Until
from tests.modelled_cluster import manifest

THERE = [SetName("default", "twice"), SetName("prod", "once"), SetName("prod", "twice")]


@pytest.fixture
def state() -> State:
    """A state of which nothing is looked at but its names."""
    empty = OfJournal(past_of(iter(()), until=Until()), nodes=())
    empty.names = THERE
    return empty


def of(name: str, namespace: str | None = None) -> dict[str, Any]:
    body = manifest()
    body["metadata"] = {"name": name} | ({} if namespace is None else {"namespace": namespace})
    return body


@pytest.mark.parametrize(
    ("request_", "found"),
    [
        (Request(), []),
        (Request(set_name="once"), [SetName("prod", "once")]),
        (Request(set_name="default/twice"), [SetName("default", "twice")]),
        (Request(set_name="twice", namespace="prod"), [SetName("prod", "twice")]),
        (Request(set_name="twice", context_namespace="prod"), [SetName("prod", "twice")]),
        (Request(manifest=of("twice", "prod")), [SetName("prod", "twice")]),
        (Request(manifest=of("twice"), namespace="prod"), [SetName("prod", "twice")]),
        (Request(manifest=of("new"), context_namespace="prod"), [SetName("prod", "new")]),
        (Request(manifest=of("once"), context_namespace="default"), [SetName("default", "once")]),
        (Request(manifest=of("once")), [SetName("prod", "once")]),
        (Request(manifest=of("twice")), [SetName("default", "twice")]),
        (Request(manifest=of("new")), [SetName("default", "new")]),
        (Request(manifest=of("new"), set_name="new", context_namespace="prod"), [SetName("prod", "new")]),
    ],
)
def test_the_set_that_is_meant(state: State, request_: Request, found: list[SetName]) -> None:
    assert sets_of(state, request_) == found


@pytest.mark.parametrize(
    ("request_", "told"),
    [
        (Request(set_name="none"), "is not there; sets in .*: default/twice, prod/once, prod/twice"),
        (Request(set_name="twice"), "is in more than one namespace"),
        (Request(set_name="twice", context_namespace="other"), "is in more than one namespace"),
        (Request(manifest=of("once", "prod"), namespace="default"), "of namespace prod, not default"),
        (Request(manifest=of("once"), set_name="default/twice"), "manifest is of prod/once, and default/twice"),
    ],
)
def test_what_cannot_be_meant(state: State, request_: Request, told: str) -> None:
    with pytest.raises(QuestionError, match=told):
        sets_of(state, request_)
