"""Reviews: what comes in malformed gets a clean refusal, and what is let through is known to the audit."""

from typing import Any

import pytest

from lws_events import names
from lws_events.admission import PATHS, respond
from lws_events.admission.review import MUTATE_POD, MUTATE_SET, VALIDATE_POD, VALIDATE_SET
from lws_events.events import SpecChangeRequested
from tests.unit.admission.objects import a_set, patched, review

POD = {
    "metadata": {
        "name": "set-0",
        "labels": {names.SET_NAME: "set", names.WORKER_INDEX: "0"},
        "annotations": {names.SIZE: "1"},
    },
    "spec": {"subdomain": "set", "containers": [{"name": "c"}]},
}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        "review",
        {},
        {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"},
        {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": "x"},
        {"apiVersion": "admission.k8s.io/v1beta1", "kind": "AdmissionReview", "request": {"operation": "CREATE"}},
        {"apiVersion": "v1", "kind": "Pod", "request": {"operation": "CREATE"}},
    ],
)
def test_what_is_no_review_is_refused(path: str, body: Any) -> None:
    answer = respond(path, body).review
    assert (answer["apiVersion"], answer["kind"]) == ("admission.k8s.io/v1", "AdmissionReview")
    assert answer["response"] == {
        "uid": "",
        "allowed": False,
        "status": {
            "code": 400,
            "reason": "BadRequest",
            "message": "the body is not an AdmissionReview of admission.k8s.io/v1",
        },
    }


@pytest.mark.parametrize("path", [MUTATE_SET, MUTATE_POD, VALIDATE_SET])
@pytest.mark.parametrize("new", [None, [], "x", 7])
def test_a_request_without_an_object_is_refused_under_its_uid(path: str, new: Any) -> None:
    response = respond(path, review("CREATE", new)).review["response"]
    assert response["uid"] == "request-uid"
    assert not response["allowed"]
    assert response["status"]["code"] == 400


def test_an_unknown_operation_is_refused() -> None:
    response = respond(VALIDATE_SET, review("PATCH", a_set())).review["response"]
    assert response["status"]["message"] == "request.operation must be CREATE, UPDATE or DELETE"


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"metadata": []}, "metadata: expected an object, got a list"),
        ({"spec": {"replicas": "3"}}, "spec.replicas: expected an integer, got a string"),
        (
            {"spec": {"leaderWorkerTemplate": {"workerTemplate": {"spec": {"containers": [None]}}}}},
            "spec.leaderWorkerTemplate.workerTemplate.spec.containers[0]: expected an object, got null",
        ),
    ],
)
def test_a_field_of_the_wrong_type_is_named(change: dict[str, Any], where: str) -> None:
    response = respond(MUTATE_SET, review("CREATE", {**a_set(), **change})).review["response"]
    assert response["status"] == {"code": 400, "reason": "BadRequest", "message": where}


def test_a_quantity_that_is_none_is_refused_with_its_place() -> None:
    limits = {"resources": {"limits": {"cpu": "a lot"}}}
    worker = {"spec": {"containers": [{"name": "c", **limits}]}}
    response = respond(MUTATE_SET, review("CREATE", a_set(template={"workerTemplate": worker}))).review["response"]
    place = "spec.leaderWorkerTemplate.workerTemplate.spec.containers[0].resources.limits[cpu]: "
    assert response["status"]["code"] == 400
    assert response["status"]["message"].startswith(place)


def test_the_validating_pod_hook_allows_what_old_manifests_send() -> None:
    assert respond(VALIDATE_POD, review("UPDATE", {"spec": 1})).review["response"]["allowed"]


def test_the_namespace_of_the_request_counts_where_the_pod_has_none() -> None:
    answer = respond(MUTATE_POD, review("CREATE", POD, namespace="other")).review
    pod = patched(POD, answer)
    assert pod["metadata"]["labels"][names.GROUP_KEY] == names.topology_group_key("other", "set-0")
    assert pod["spec"]["containers"][0]["env"][0]["value"] == "set-0.set.other"


def test_a_second_pass_has_nothing_to_patch() -> None:
    once = patched(POD, respond(MUTATE_POD, review("CREATE", POD)).review)
    assert "patch" not in respond(MUTATE_POD, review("CREATE", once)).review["response"]


def test_whoever_created_a_set_is_known() -> None:
    lws = a_set()
    lws["metadata"] |= {"uid": "set-uid", "generation": 1}
    change = respond(VALIDATE_SET, review("CREATE", lws)).asked
    assert change is not None
    assert (change.namespace, change.name) == ("default", "set")
    assert change.fact == SpecChangeRequested(
        user="alice",
        groups=("team", "system:authenticated"),
        operation="CREATE",
        uid="set-uid",
        generation=1,
        request="request-uid",
    )


def test_whoever_changed_a_spec_is_known() -> None:
    change = respond(VALIDATE_SET, review("UPDATE", a_set(replicas=3), a_set())).asked
    assert change is not None
    assert isinstance(change.fact, SpecChangeRequested)
    assert change.fact.operation == "UPDATE"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (VALIDATE_SET, review("UPDATE", a_set(), a_set())),
        (VALIDATE_SET, review("CREATE", a_set(), dryRun=True)),
        (VALIDATE_SET, review("CREATE", a_set(replicas=-1))),
        (VALIDATE_SET, review("DELETE", None, a_set())),
        (VALIDATE_SET, review("UPDATE", a_set(replicas=3), a_set(), subResource="scale")),
        (MUTATE_SET, review("CREATE", a_set())),
    ],
    ids=["spec unchanged", "dry run", "denied", "deletion", "subresource", "mutating hook"],
)
def test_what_changes_no_spec_is_no_spec_change(path: str, body: dict[str, Any]) -> None:
    assert respond(path, body).asked is None
