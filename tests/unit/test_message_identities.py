"""Ids of messages: the same state told twice is one message, but what is so again is told again."""

from adapters.kubernetes.facts import to_message
from adapters.kubernetes.known import Known
from adapters.kubernetes.reduce import Key
from lws_events import events, subjects
from lws_events.subjects import SetName

KEY = Key(subjects.POD, SetName("ns", "set"), "set-0")


def ids(*views: events.PodObserved) -> list[str]:
    """Ids of all that these views of one pod add, a second apart."""
    known = Known()
    told = [(at, change) for at, view in enumerate(views) for change in known.observe(KEY, view)]
    return [to_message("c", change, at_ms=at * 1000).message_id for at, change in told]


def pod(version: int, *, rack: str = "", gang_group: str = "") -> events.PodObserved:
    topology = {"rack": rack} if rack else {}
    return events.PodObserved(uid="u", resource_version=str(version), topology=topology, gang_group=gang_group)


def test_whoever_tells_of_a_state_makes_the_same_message() -> None:
    assert ids(pod(1), pod(1)) == ids(pod(1)) == ["u:1:PodObserved"]


def test_a_setting_or_a_nodes_label_that_is_changed_back_is_no_duplicate() -> None:
    for changed in (pod(1, gang_group="g"), pod(1, rack="r")):
        told = ids(pod(1), changed, pod(1), changed)
        assert len(told) == len(set(told)) == 4


def test_that_somebody_else_has_written_the_same_is_no_news() -> None:
    key = Key(subjects.SET, SetName("ns", "set"), "set")
    known = Known()

    def view(version: int, generation: int, *managers: str) -> events.SetObserved:
        entries = tuple(events.FieldManager(name, "Apply", "2026-01-01T00:00:00Z") for name in managers)
        return events.SetObserved(uid="u", resource_version=str(version), generation=generation, managers=entries)

    assert known.observe(key, view(1, 1, "a"))
    assert known.observe(key, view(2, 1, "b", "a")) == []
    [change] = known.observe(key, view(3, 2, "c", "b", "a"))
    assert change.fact == view(3, 2, "c", "b", "a")
