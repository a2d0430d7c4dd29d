"""Which of several ControllerRevisions counts (spec 2.5)."""

from lws_events.events import Owner, RevisionObserved
from lws_events.machine.state import Aggregate
from lws_events.machine.versions import newest
from lws_events.subjects import SetName


def _observed(key: str, number: int, **view: object) -> RevisionObserved:
    return RevisionObserved(uid="u", resource_version="1", key=key, number=number, **view)  # type: ignore[arg-type]


def test_the_highest_number_of_a_key_counts_among_those_that_belong_and_stay() -> None:
    state = Aggregate(SetName("default", "sample"))
    state.revisions = {
        "a-1": _observed("a", 1),
        "a-3": _observed("a", 3),
        "a-3-twin": _observed("a", 3),
        "a-4": _observed("a", 4, owner=Owner("LeaderWorkerSet", "sample", "an-earlier-set")),
        "a-5": _observed("a", 5, deleting_since="2024-01-01T00:00:00Z"),
        "b-9": _observed("b", 9),
    }
    assert newest(state, "a") == "a-3-twin"
    assert newest(state, "c") == ""
