"""Bodies of every schema are read by this release, and those of a newer one are not."""

import msgspec
import pytest

from lws_events import events
from lws_events.errors import UnknownShapeError

OLD = (
    b'{"at_ms":7,"fact":{"type":"RevisionSeen","uid":"u","resource_version":"1","key":"k","number":1,"data":{"a": 1.0}}'
    b"}"
)


def _renamed(fact: dict[str, msgspec.Raw]) -> dict[str, msgspec.Raw]:
    return fact | {"type": msgspec.Raw(b'"RevisionObserved"')}


def _numbered(fact: dict[str, msgspec.Raw]) -> dict[str, msgspec.Raw]:
    return fact | {"number": msgspec.Raw(b"5")}


@pytest.fixture
def third_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "SCHEMA", 3)
    monkeypatch.setattr(events, "UPCASTERS", {1: _renamed, 2: _numbered})


@pytest.mark.usefixtures("third_schema")
def test_an_old_body_is_brought_up_step_by_step() -> None:
    envelope = events.decode(OLD)
    assert (envelope.at_ms, envelope.schema) == (7, 3)
    assert isinstance(envelope.fact, events.RevisionObserved)
    assert envelope.fact.number == 5
    assert bytes(envelope.fact.data) == b'{"a": 1.0}', "revision data are compared as bytes"


@pytest.mark.usefixtures("third_schema")
def test_a_body_of_a_later_schema_takes_fewer_steps() -> None:
    second = OLD.replace(b"RevisionSeen", b"RevisionObserved")[:-1] + b',"schema":2}'
    fact = events.decode(second).fact
    assert isinstance(fact, events.RevisionObserved)
    assert fact.number == 5
    third = second.replace(b'"schema":2', b'"schema":3')
    present = events.decode(third).fact
    assert isinstance(present, events.RevisionObserved)
    assert present.number == 1


@pytest.mark.usefixtures("third_schema")
@pytest.mark.parametrize(
    "body",
    [
        OLD[:-1] + b',"schema":4}',
        OLD[:-1] + b',"schema":0}',
        OLD[:-1] + b',"schema":3}',
        OLD.replace(b'"uid":"u",', b""),
    ],
)
def test_what_no_schema_knows_is_refused(body: bytes) -> None:
    with pytest.raises(UnknownShapeError):
        events.decode(body)


def test_every_schema_before_this_one_has_an_upcaster() -> None:
    assert sorted(events.UPCASTERS) == list(range(1, events.SCHEMA))
