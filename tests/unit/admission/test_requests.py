"""Who asks for what, as reviews of the recording webhook tell it."""

from typing import Any

import msgspec
import pytest

from lws_events import names
from lws_events.admission import RECORD, AdmissionRequest, respond
from lws_events.admission.requests import GROUPS_MAX, TEXT_LENGTH_MAX
from lws_events.requests import DeletionRequested, SpecChangeRequested
from tests.unit.admission.objects import a_set, review

SETS = {"group": names.GROUP, "version": "v1", "resource": names.PLURAL}
PODS = {"group": "", "version": "v1", "resource": "pods"}
NODE = {"username": "system:node:n1", "groups": ["system:nodes", "system:authenticated"]}
WHO: dict[str, Any] = {"user": "alice", "groups": ("team", "system:authenticated"), "request": "request-uid"}


def a_pod(**metadata: Any) -> dict[str, Any]:
    return {"metadata": {"name": "set-0-1", "uid": "pod-uid", "labels": {names.SET_NAME: "set"}, **metadata}}


def deletion(resource: dict[str, str], old: Any, **request: Any) -> dict[str, Any]:
    return review("DELETE", None, old, resource=resource, name="set-0-1" if resource == PODS else "set", **request)


def scaling(before: Any, after: Any, **request: Any) -> dict[str, Any]:
    def scale(replicas: Any) -> dict[str, Any]:
        spec = {} if replicas is None else {"replicas": replicas}
        return {"kind": "Scale", "metadata": {"name": "set", "uid": "set-uid"}, "spec": spec}

    return review("UPDATE", scale(after), scale(before), resource=SETS, subResource="scale", name="set", **request)


def eviction(**options: Any) -> dict[str, Any]:
    body = {"kind": "Eviction", "metadata": {"name": "set-0-1", "namespace": "default"}, "deleteOptions": options}
    return review("CREATE", body, resource=PODS, subResource="eviction", name="set-0-1")


def asked(body: Any) -> AdmissionRequest | None:
    answer = respond(RECORD, body)
    assert answer.review["response"]["allowed"] is True
    return answer.asked


def test_who_deletes_a_set() -> None:
    old = a_set()
    old["metadata"]["uid"] = "set-uid"
    found = asked(deletion(SETS, old, options={"propagationPolicy": "Foreground", "gracePeriodSeconds": 0}))
    assert found == AdmissionRequest(
        namespace="default",
        name="set",
        fact=DeletionRequested(**WHO, kind="set", name="set", uid="set-uid", propagation="Foreground", grace_seconds=0),
    )


def test_who_scales_a_set_through_the_subresource() -> None:
    found = asked(scaling(2, 3))
    assert found is not None
    assert found.fact == SpecChangeRequested(**WHO, uid="set-uid", subresource="scale", replicas=3)
    to_nothing = asked(scaling(2, None))
    assert to_nothing is not None
    assert isinstance(to_nothing.fact, SpecChangeRequested)
    assert to_nothing.fact.replicas == 0, "an absent number of a Scale is 0"


def test_who_deletes_a_pod_of_a_set() -> None:
    found = asked(deletion(PODS, a_pod()))
    assert found is not None
    assert found.name == "set"
    assert found.fact == DeletionRequested(**WHO, kind="pod", name="set-0-1", uid="pod-uid")


def test_of_a_deleted_collection_the_object_has_the_name() -> None:
    found = asked(review("DELETE", None, a_pod(), resource=PODS, name=""))
    assert found is not None
    assert isinstance(found.fact, DeletionRequested)
    assert found.fact.name == "set-0-1"


def test_who_evicts_a_pod_of_which_the_set_is_not_shown() -> None:
    found = asked(eviction(gracePeriodSeconds=5, preconditions={"uid": "pod-uid"}))
    assert found is not None
    assert found.name == ""
    assert found.fact == DeletionRequested(
        **WHO, kind="pod", name="set-0-1", uid="pod-uid", eviction=True, grace_seconds=5
    )


def test_a_kubelet_removes_what_somebody_else_has_asked_to_go() -> None:
    going = a_pod(deletionTimestamp="2026-01-01T00:00:00Z")
    assert asked(deletion(PODS, going, userInfo=NODE)) is None
    assert asked(deletion(PODS, a_pod(), userInfo=NODE)) is not None
    assert asked(deletion(PODS, going)) is not None, "somebody may be in a hurry"


@pytest.mark.parametrize(
    "body",
    [
        deletion(SETS, a_set(), dryRun=True),
        deletion(PODS, {"metadata": {"name": "other"}}),
        deletion(SETS | {"group": "other"}, a_set()),
        deletion(PODS | {"resource": "services"}, a_pod()),
        deletion(SETS, a_set(), namespace=""),
        scaling(3, 3),
        scaling(3, "4"),
        scaling(3, True),
        scaling(3, 4, dryRun=True),
        eviction(dryRun=["All"]),
        review("CREATE", a_pod(), resource=PODS),
        review("DELETE", None, {"metadata": {"name": "a b"}}, resource=SETS),
        review("DELETE", None, {"metadata": {"name": "x" * 254}}, resource=SETS),
    ],
)
def test_what_asks_for_nothing_is_let_through_and_not_recorded(body: dict[str, Any]) -> None:
    assert asked(body) is None


@pytest.mark.parametrize("body", [None, [], 7, {}, {"request": 3}, {"request": {"uid": 7}}])
def test_nothing_is_refused(body: Any) -> None:
    assert asked(body) is None


def test_what_users_choose_is_bounded() -> None:
    user = {"username": "ü" * 100_000, "groups": [f"{n}-" + "g" * 5000 for n in range(1000)] + [7, None]}
    found = asked(deletion(SETS, a_set(), userInfo=user))
    assert found is not None
    assert found.is_valid
    assert len(found.fact.user) == TEXT_LENGTH_MAX
    assert found.fact.user.endswith("…")
    assert len(found.fact.groups) == GROUPS_MAX + 1
    assert found.fact.groups[-1] == "…"
    assert len(msgspec.json.encode(found)) < 64 * 1024


def test_bounds_are_known_where_requests_come_from_elsewhere() -> None:
    found = asked(deletion(PODS, a_pod()))
    assert found is not None
    assert isinstance(found.fact, DeletionRequested)
    assert found.is_valid
    replace = msgspec.structs.replace
    assert not replace(found, namespace="").is_valid
    assert not replace(found, name="").is_valid, "only an eviction has no set"
    assert not replace(found, name="a.b>*").is_valid
    for change in (
        {"user": "x" * 1000},
        {"groups": ("g",) * 1000},
        {"kind": "node"},
        {"kind": "set"},
        {"grace_seconds": 2**60},
        {"name": ""},
        {"propagation": "x" * 1000},
    ):
        assert not replace(found, fact=replace(found.fact, **change)).is_valid, change
