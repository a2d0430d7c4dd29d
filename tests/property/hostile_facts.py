"""Facts as a hostile or broken cluster would tell them: strategies for tests of the machine.

Three sets whose names collide (``a``, ``a-1`` and ``b``), uids that are used again, labels and owners that lie, indices
that no StatefulSet gives, JSON where there should be specs, and clocks that jump. Plausible enough that set-ups succeed
and deep rules are reached.
"""

from typing import Any

import hypothesis.strategies as st
import msgspec

from lws_events import events, names, subjects
from tests.property.test_any_event import ANY_FACT

SETS = ("a", "a-1", "b")
UIDS = st.sampled_from(["u1", "u2", "u3", "u4", "a", "a-1"])
VERSIONS = st.integers(1, 60).map(str) | st.sampled_from(["", "x", "0"])
POD_NAMES = st.sampled_from(
    ["a-0", "a-1", "a-1-0", "a-1-1", "a-0-1", "b-0", "b-0-1", "a", "a-", "a-00", "a--1", "a-2147483648", "web-0", "-0"]
)
INDICES = st.sampled_from(["0", "1", "2", "-1", "", "x", "2147483648", "9999999999", "00", "٣"])
KEYS = st.sampled_from(["k1", "k2", "", "not a key"])
TIMES = st.integers(0, 100_000) | st.sampled_from([-(2**63), -1, 2**40, 2**53, 2**62])
TEMPLATES = st.sampled_from(
    [
        {"spec": {"containers": [{"name": "c", "image": "i"}]}},
        {"metadata": {"labels": {"v": "2"}}, "spec": {"containers": [{"name": "c", "image": "j"}]}},
        {"spec": {"containers": None}},
        {},
        None,
        {"spec": {"containers": [{"name": "c", "resources": {"limits": {"cpu": {}}}}]}},
    ]
)


def _deep(levels: int) -> bytes:
    return b'{"a":' * levels + b"1" + b"}" * levels


BROKEN = st.sampled_from(
    [b"null", b"[]", b"7", b'"text"', b"1e999", b'"\xff"', b'{"spec":{"template":{"$patch":"delete"}}}', b'{"spec":[]}']
    + [_deep(levels) for levels in (50, 400, 900, 5000)]
)


def _merged(*parts: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.tuples(*parts).map(lambda found: {key: value for part in found for key, value in part.items()})


SPECS = st.fixed_dictionaries(
    {
        "replicas": st.sampled_from([0, 1, 2, 3, 3, -1, 2**40]),
        "leaderWorkerTemplate": st.fixed_dictionaries(
            {"workerTemplate": TEMPLATES, "size": st.sampled_from([1, 2, 2, 3, 0, -5, 2**31])},
            optional={
                "leaderTemplate": TEMPLATES,
                "restartPolicy": st.sampled_from(["RecreateGroupOnPodRestart", "RecreateGroupAfterStart", "None", ""]),
                "volumeClaimTemplates": st.sampled_from([None, [], [{"metadata": {"name": "v"}}], [{}], "x"]),
                "subGroupPolicy": st.sampled_from([None, {}, {"subGroupSize": 0}, {"subGroupSize": 2}]),
            },
        ),
    },
    optional={
        "startupPolicy": st.sampled_from(["LeaderReady", "LeaderCreated", None]),
        "networkConfig": st.sampled_from([None, {}, {"subdomainPolicy": "UniquePerReplica"}]),
        "rolloutStrategy": st.fixed_dictionaries(
            {"type": st.just("RollingUpdate")},
            optional={
                "rollingUpdateConfiguration": st.fixed_dictionaries(
                    {},
                    optional={
                        "partition": st.sampled_from([0, 1, 5, -1, 2**40, None]),
                        "maxUnavailable": st.sampled_from([0, 1, "50%", "x", 2**31, -1, None]),
                        "maxSurge": st.sampled_from([0, 1, "50%", "200%", 2**31, -1]),
                    },
                )
            },
        ),
    },
).map(msgspec.json.encode)
ANNOTATIONS = st.dictionaries(
    st.sampled_from(
        [
            names.EXCLUSIVE_TOPOLOGY,
            names.SUBGROUP_EXCLUSIVE_TOPOLOGY,
            names.RECREATE_GROUP_AFTER_START,
            names.SIZE,
            names.REPLICAS,
            names.LEADER_NAME,
        ]
    ),
    st.sampled_from(["", "rack", "0", "1", "2", "-3", "x", "9999999999"]),
    max_size=3,
)
OWNERS = st.none() | st.builds(
    events.Owner,
    st.sampled_from(["StatefulSet", "StatefulSet", "Pod", names.KIND, "ReplicaSet"]),
    st.sampled_from(["a", "a-0", "a-1", "a-1-0", "b", "b-0", "web"]),
    UIDS,
)
LABELS = _merged(
    st.fixed_dictionaries({names.SET_NAME: st.sampled_from(SETS)}),
    st.fixed_dictionaries(
        {}, optional={names.WORKER_INDEX: INDICES, names.GROUP_INDEX: INDICES, names.REVISION_KEY: KEYS}
    ),
)
GOING = st.none() | st.just("2024-01-01T00:00:00Z")
VIEW = {"uid": UIDS, "resource_version": VERSIONS, "deleting_since": GOING}
RAW_SPECS = (SPECS | SPECS | SPECS | BROKEN).map(msgspec.Raw)

SETS_OBSERVED = st.builds(
    events.SetObserved, **VIEW, generation=st.integers(1, 9), annotations=ANNOTATIONS, spec=RAW_SPECS
)
STATUSES_OBSERVED = st.builds(
    events.SetStatusObserved,
    **VIEW,
    status=st.sampled_from(
        [
            b"{}",
            b'{"replicas":3,"readyReplicas":"x"}',
            b'{"conditions":[{"type":"Available","status":"True"}]}',
            b'{"conditions":[{"type":"Available"},{"type":"Available","status":7}]}',
            b'{"conditions":[{"type":"Progressing","status":"True","lastTransitionTime":null}],"hpaPodSelector":[]}',
            b'{"observedGeneration":99,"conditions":{}}',
        ]
    ).map(msgspec.Raw)
    | BROKEN.map(msgspec.Raw),
)
PODS_OBSERVED = st.builds(
    events.PodObserved,
    **VIEW,
    labels=LABELS,
    annotations=ANNOTATIONS,
    owner=OWNERS,
    phase=st.sampled_from(["Pending", "Running", "Running", "Failed", "Succeeded", "Unknown", "Nonsense"]),
    ready=st.booleans(),
    restarts=st.sampled_from([0, 0, 1, 2, -1, 2**70]),
    node=st.sampled_from(["", "node"]),
    topology=st.dictionaries(st.just("rack"), st.sampled_from(["", "r1"])),
)
PRESENT = "the present key"
"""Stands for the key that the groups of the set are to have."""


def _member(name: str) -> st.SearchStrategy[tuple[str, str, events.Fact]]:
    """A pod of a running set as it should be, in any state."""
    is_leader = name.count("-") == 1
    fact = st.builds(
        events.PodObserved,
        uid=st.sampled_from(["u2", "u2", "u2", "u4"]),
        resource_version=st.integers(3, 60).map(str),
        deleting_since=GOING,
        labels=st.just({names.SET_NAME: name[0], names.REVISION_KEY: PRESENT}),
        annotations=st.just({names.SIZE: "2"}),
        owner=st.just(events.Owner("StatefulSet", name[0] if is_leader else name.rpartition("-")[0], "u3")),
        phase=st.sampled_from(["Pending", "Running", "Running", "Running", "Failed"]),
        ready=st.booleans(),
        restarts=st.integers(0, 3),
        node=st.just("node"),
    )
    gone = st.builds(events.PodDeleted, uid=st.just("u2"), resource_version=st.integers(3, 60).map(str))
    return st.tuples(st.just(subjects.POD), st.just(name), fact | fact | gone)


MEMBERS = st.one_of([_member(name) for name in ("a-0", "a-0-1", "a-1-1", "b-0-1", "b-1")])
STATEFULSETS_OBSERVED = st.builds(
    events.StatefulSetObserved,
    **VIEW,
    generation=st.integers(-1, 9),
    labels=LABELS,
    annotations=ANNOTATIONS,
    owner=OWNERS,
    replicas=st.sampled_from([0, 1, 2, 3, -1, 2**31]),
    partition=st.sampled_from([None, 0, 1, -1, 2**31]),
    status_replicas=st.sampled_from([0, 1, 3, -1]),
    available_replicas=st.sampled_from([0, 1, 2, 3]),
    claims=BROKEN.map(msgspec.Raw),
)
SERVICES_OBSERVED = st.builds(events.ServiceObserved, **VIEW, owner=OWNERS, headless=st.booleans())
REVISIONS_OBSERVED = st.builds(
    events.RevisionObserved,
    **VIEW,
    key=KEYS,
    number=st.sampled_from([0, 1, 2, -1, 2**62]),
    owner=OWNERS,
    data=(BROKEN | SPECS).map(msgspec.Raw),
)
ENDS = {"uid": UIDS, "resource_version": VERSIONS, "inferred": st.booleans()}
STATEFULSET_NAMES = st.sampled_from([*SETS, "a-0", "b-0", "web"])

HAPPENINGS = st.one_of(
    st.tuples(st.just(subjects.SET), st.sampled_from(SETS), SETS_OBSERVED),
    st.tuples(st.just(subjects.SET), st.sampled_from(SETS), st.builds(events.SetDeleted, **ENDS)),
    st.tuples(st.just(subjects.SET_STATUS), st.sampled_from(SETS), STATUSES_OBSERVED),
    st.tuples(st.just(subjects.POD), POD_NAMES, PODS_OBSERVED),
    st.tuples(st.just(subjects.POD), POD_NAMES, PODS_OBSERVED),
    st.tuples(st.just(subjects.POD), POD_NAMES, st.builds(events.PodDeleted, **ENDS)),
    MEMBERS,
    MEMBERS,
    st.tuples(st.just(subjects.STATEFULSET), STATEFULSET_NAMES, STATEFULSETS_OBSERVED),
    st.tuples(st.just(subjects.STATEFULSET), STATEFULSET_NAMES, st.builds(events.StatefulSetDeleted, **ENDS)),
    st.tuples(st.just(subjects.SERVICE), STATEFULSET_NAMES, SERVICES_OBSERVED),
    st.tuples(st.just(subjects.SERVICE), STATEFULSET_NAMES, st.builds(events.ServiceDeleted, **ENDS)),
    st.tuples(st.just(subjects.REVISION), st.sampled_from(["a-k1-1", "a-k2-2", "web"]), REVISIONS_OBSERVED),
    st.tuples(st.just(subjects.REVISION), st.just("a-k1-1"), st.builds(events.RevisionDeleted, **ENDS)),
    st.tuples(st.sampled_from([subjects.SET, subjects.POD, subjects.OUTCOME]), POD_NAMES, ANY_FACT),
)
"""Kind and name of an object, and a fact about it."""
