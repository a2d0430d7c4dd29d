"""Fold and decide are total: any sequence of well-formed events has an outcome, and none raises."""

import types
import typing
from typing import Any

import hypothesis.strategies as st
import msgspec
from hypothesis import HealthCheck, given, settings

from lws_events import decisions, events, names, subjects
from lws_events.differences import FieldDifference
from lws_events.fleet import Fleet
from lws_events.subjects import SetName

TEXTS = st.sampled_from(
    ["", "a", "b", "0", "1", "-1", "9" * 30, "٣", "sample", "Foreign", "Conflict", "NotFound", "Superseded", "NotDone"]
)
UIDS = st.sampled_from(["u1", "u2", "u3"])
VERSIONS = st.sampled_from(["", "1", "2", "3", "10", "x"])
NAMES = st.sampled_from(
    ["sample", "sample-0", "sample-1", "sample-0-1", "sample-1-1", "other", "sample-" + "9" * 30, "", "sample-0-a"]
)
KINDS = st.sampled_from(
    [subjects.SET, subjects.STATEFULSET, subjects.POD, subjects.SERVICE, subjects.REVISION, subjects.POD_GROUP]
)
LABELS = [names.SET_NAME, names.WORKER_INDEX, names.GROUP_INDEX, names.REVISION_KEY]
ANNOTATIONS = [
    names.SIZE,
    names.LEADER_NAME,
    names.REPLICAS,
    names.EXCLUSIVE_TOPOLOGY,
    names.RECREATE_GROUP_AFTER_START,
    names.RESTART_BACKOFF,
    names.RESTART_LIMIT,
    names.KEPT_FOR_DEBUGGING,
    names.IGNORE_FAILURE,
]
KEYS = st.sampled_from([*LABELS, *ANNOTATIONS, "rack"])
MAPS = st.dictionaries(KEYS, st.sampled_from(["0", "1", "2", "1s", "a", "", "rack", "sample", "true"]), max_size=4)
OWNERS = st.builds(events.Owner, st.sampled_from(["Pod", "StatefulSet", names.KIND, "X"]), NAMES, UIDS)
TEMPLATE = {"spec": {"containers": [{"name": "c", "image": "i"}]}}
POLICIES = ["RecreateGroupOnPodRestart", "RecreateGroupAfterStart", "None", "", None]
SPECS = st.fixed_dictionaries(
    {
        "leaderWorkerTemplate": st.fixed_dictionaries(
            {"workerTemplate": st.just(TEMPLATE)},
            optional={"size": st.sampled_from([0, 1, 3, None]), "restartPolicy": st.sampled_from(POLICIES)},
        )
    },
    optional={
        "replicas": st.sampled_from([0, 1, 2, None]),
        "startupPolicy": st.sampled_from(["LeaderReady", "LeaderCreated", None]),
        "networkConfig": st.sampled_from([None, {"subdomainPolicy": "UniquePerReplica"}, {"subdomainPolicy": None}]),
        "rolloutStrategy": st.sampled_from(
            [None, {"type": "RollingUpdate"}, {"rollingUpdateConfiguration": {"partition": 1, "maxSurge": "x"}}]
        ),
    },
)
JSON = st.recursive(
    st.none() | st.integers(-3, 3) | TEXTS, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner)
)
STATUSES = st.fixed_dictionaries({}, optional={"conditions": JSON, "readyReplicas": JSON, "hpaPodSelector": JSON})
RAWS = (SPECS | JSON | STATUSES).map(lambda value: msgspec.Raw(msgspec.json.encode(value)))

BY_FIELD = {
    "uid": UIDS,
    "resource_version": VERSIONS,
    "phase": st.sampled_from(["Pending", "Running", "Failed", "Succeeded", "Unknown"]),
    "target": st.sampled_from(
        [
            "statefulset/sample",
            "statefulset/sample-0",
            "pod/sample-0",
            "mark/sample-0",
            "setstatus/sample",
            "service/sample",
            "podgroup/sample-0-a",
        ]
    ),
    "command_id": st.sampled_from([f"-{sequence}-{index}" for sequence in range(1, 12) for index in range(3)]),
    "timer": st.sampled_from(
        [
            "status",
            "missing-revision",
            "retry/statefulset/sample",
            "missing-revision/sample-0",
            "restart/sample-0",
            "terminating",
        ]
    ),
    "key": st.sampled_from(["a", "b", "79d97d45cf"]),
    "gang_group": st.sampled_from(["", "sample-0-a", "x"]),
    "labels": MAPS,
    "annotations": MAPS,
}
BY_TYPE: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXTS,
    int: st.integers(0, 5),
    bool: st.booleans(),
    dict[str, str]: MAPS,
    tuple[str, ...]: st.just(()),
    tuple[FieldDifference, ...]: st.just(()),
    tuple[events.FieldManager, ...]: st.lists(st.builds(events.FieldManager, TEXTS), max_size=2).map(tuple),
    events.Owner: OWNERS,
    events.ContainerExit: st.builds(events.ContainerExit, TEXTS, st.integers(0, 255), TEXTS),
    msgspec.Raw: RAWS,
}


def _values(name: str, kind: Any) -> st.SearchStrategy[Any]:
    if name in BY_FIELD:
        return BY_FIELD[name]
    if isinstance(kind, types.UnionType):
        return st.one_of([_values("", each) for each in typing.get_args(kind)])
    if kind is type(None):
        return st.none()
    return BY_TYPE[kind] if kind in BY_TYPE else _facts(kind)


def _facts(fact: type[msgspec.Struct]) -> st.SearchStrategy[Any]:
    fields = {field.name: _values(field.name, field.type) for field in msgspec.structs.fields(fact)}
    return st.builds(fact, **fields)


ANY_FACT = st.one_of([_facts(fact) for fact in typing.get_args(events.Fact)])
HAPPENINGS = st.lists(st.tuples(KINDS, NAMES, ANY_FACT), max_size=60)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(happenings=HAPPENINGS)
def test_nothing_raises_and_decisions_can_be_recorded(happenings: list[tuple[str, str, events.Fact]]) -> None:
    fleet, recalled = Fleet(), Fleet()
    name = SetName("default", "sample")
    usual = ("set", "sample", events.SetObserved(uid="u1", resource_version="1", generation=1, spec=_raw_spec()))
    for sequence, (kind, object_name, fact) in enumerate([usual, *happenings], start=1):
        subject = subjects.event_subject("test", name, kind, object_name)
        envelope = events.decode(events.encode(events.Envelope(at_ms=sequence * 400, fact=fact)))
        stepped = fleet.step(sequence, subject, envelope)
        recorded = decisions.decode(decisions.encode(stepped[1])) if stepped is not None else None
        recalled.recall(sequence, subject, envelope, recorded)
    states = [msgspec.json.encode(sorted(each.aggregates.items()), order="sorted") for each in (fleet, recalled)]
    assert states[0] == states[1]


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(happenings=HAPPENINGS)
def test_who_asked_and_who_wrote_decides_nothing(happenings: list[tuple[str, str, events.Fact]]) -> None:
    told, untold = Fleet(), Fleet()
    name = SetName("default", "sample")
    usual = ("set", "sample", events.SetObserved(uid="u1", resource_version="1", generation=1, spec=_raw_spec()))
    for sequence, (kind, object_name, fact) in enumerate([usual, *happenings], start=1):
        subject = subjects.event_subject("test", name, kind, object_name)
        found = told.step(sequence, subject, events.Envelope(at_ms=sequence * 400, fact=fact))
        if isinstance(fact, events.SpecChangeRequested | events.DeletionRequested):
            assert found is None
            continue
        if isinstance(fact, events.SetObserved):
            fact = msgspec.structs.replace(fact, managers=())  # noqa: PLW2901
        assert untold.step(sequence, subject, events.Envelope(at_ms=sequence * 400, fact=fact)) == found


def _raw_spec() -> msgspec.Raw:
    return msgspec.Raw(
        msgspec.json.encode({"replicas": 2, "leaderWorkerTemplate": {"size": 3, "workerTemplate": TEMPLATE}})
    )
