"""Lifecycle facts as CloudEvents: each kind, ids, order, filters, subjects."""

import json
from typing import Any, get_args

import pytest

from lws_events.decisions import LifecycleFact
from lws_events.subjects import SetName, decision_subject, decisions_filter
from projections.journal import RecordedDecision, RecordedEvent
from projections.lifecycle import (
    TYPE_NAMES,
    EventId,
    Wanted,
    cloud_events,
    encode,
    fields_of,
    is_type,
    nats_subject,
    parse_id,
    short_type,
)
from tests.journal_builder import JournalBuilder
from tests.unit.lifecycle_events.facts import FACTS


def decided(*facts: LifecycleFact) -> tuple[RecordedDecision, RecordedEvent]:
    journal = JournalBuilder()
    cause = journal.pod_deleted("sample-3-1", uid="worker")
    journal.decided(facts=facts)
    return journal.decisions[0], cause


def as_json(*facts: LifecycleFact, **options: Any) -> list[dict[str, Any]]:
    recorded, cause = decided(*facts)
    return [json.loads(encode(event)) for event in cloud_events(recorded, cause, recorded_ms=5, **options)]


def test_every_kind_has_a_sample_here() -> None:
    assert list(TYPE_NAMES) == list(FACTS)
    assert {type(fact) for fact, _, _ in FACTS.values()} == set(get_args(LifecycleFact))


@pytest.mark.parametrize("name", FACTS)
def test_every_kind_is_a_cloud_event(name: str) -> None:
    fact, subject, group = FACTS[name]
    [event] = as_json(fact)
    what = event["data"].pop("what")
    assert what
    body = event["data"].pop("fact")
    assert body.pop("type") == type(fact).__name__
    assert set(body) <= set(fields_of(type(fact)))
    assert event.pop("subject", None) == subject
    assert event["data"].pop("group", None) == group
    assert event == {
        "specversion": "1.0",
        "id": "e1-2-0",
        "source": "/lws-events/default/namespaces/default/leaderworkersets/sample",
        "type": f"io.lws-events.{name}.v1",
        "time": "2026-01-01T00:00:00.000Z",
        "datacontenttype": "application/json",
        "sequence": "000000000001.000000",
        "data": {
            "cluster": "default",
            "namespace": "default",
            "set": "sample",
            "cause": {
                "sequence": 2,
                "fact": "PodDeleted",
                "object": "sample-3-1",
                "what": "pod sample-3-1 is gone",
            },
            "decision": 1,
        },
    }


def test_each_fact_of_a_decision_is_an_event_with_its_own_id_and_place() -> None:
    events = as_json(*(fact for fact, _, _ in FACTS.values()))
    assert [event["id"] for event in events] == [f"e1-2-{index}" for index in range(len(FACTS))]
    places = [event["sequence"] for event in events]
    assert places == sorted(set(places))


def test_an_id_does_not_depend_on_what_is_asked_for() -> None:
    facts = [fact for fact, _, _ in FACTS.values()]
    whole = {event["id"]: event for event in as_json(*facts)}
    rest = as_json(*facts, after_index=7)
    groups = as_json(*facts, wanted=Wanted(types=("group",)))
    assert [event["id"] for event in rest] == [f"e1-2-{index}" for index in range(8, len(facts))]
    assert len(groups) == 5
    assert all(whole[event["id"]] == event for event in rest + groups)


def test_without_its_cause_an_event_has_the_time_of_the_decision() -> None:
    recorded, _ = decided(FACTS["group.kept"][0])
    [event] = cloud_events(recorded, None, recorded_ms=1_767_225_600_123)
    assert event.time == "2026-01-01T00:00:00.123Z"
    assert (event.data.cause.sequence, event.data.cause.fact, event.data.cause.what) == (2, "", "")


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        (Wanted(), list(FACTS)),
        (Wanted(namespace="default", set="sample"), list(FACTS)),
        (Wanted(namespace="other"), []),
        (Wanted(set="other"), []),
        (Wanted(group="3", types=("failure", "object.left.alone")), ["failure.left.alone", "object.left.alone"]),
        (Wanted(group="sample-3", types=("group.kept",)), ["group.kept"]),
        (Wanted(group="4"), []),
        (Wanted(types=("rollout", "group.rec")), ["rollout.stepped", "rollout.blocked"]),
        (Wanted(types=("group.recreation",)), ["group.recreation.started", "group.recreation.postponed"]),
    ],
)
def test_filters(wanted: Wanted, names: list[str]) -> None:
    events = as_json(*(fact for fact, _, _ in FACTS.values()), wanted=wanted)
    assert [short_type(event["type"]) for event in events] == names


def test_a_subject_says_cluster_set_and_kind() -> None:
    fact = FACTS["group.recreation.started"][0]
    recorded, cause = decided(fact)
    dotted = recorded._replace(subject=decision_subject("eu west.1", SetName("team-a", "llama.70b")))
    [event] = cloud_events(dotted, cause, recorded_ms=0)
    assert nats_subject(event) == "lws.lifecycle.eu%20west%2E1.team-a.llama%2E70b.group.recreation.started"
    assert event.source == "/lws-events/eu%20west.1/namespaces/team-a/leaderworkersets/llama.70b"


def test_ids_are_read_as_they_are_written() -> None:
    for seen in (EventId("99a8f201", 70, 1), EventId("e-1", 7, 0)):
        assert parse_id(str(seen)) == seen
    for text in ("", "70", "70-1", "-70-1", "e1-x-1", "e1-70-", "e1-²-1", "e1-1-" + "9" * 5000, "lws-events"):
        assert parse_id(text) is None, text


def test_types_are_known_by_their_beginnings() -> None:
    assert short_type("io.lws-events.group.kept.v1") == "group.kept"
    assert short_type("group.*") == "group"
    assert [is_type(name) for name in ("group", "group.kept", "rollout", "group.ke", "gruop", "")] == [
        True, True, True, False, False, False,
    ]  # fmt: skip


def test_decisions_are_filtered_by_namespace_and_name() -> None:
    of_set = decision_subject("c", SetName("ns", "sample"))
    assert decisions_filter("c", namespace="ns", name="sample") == of_set
    assert decisions_filter("c", namespace="n.s") == "lws.decisions.c.*.n%2Es.*"
    assert decisions_filter("c", name="sample") == "lws.decisions.c.*.*.sample"
    assert decisions_filter("c") == "lws.decisions.c.*.*.*"
