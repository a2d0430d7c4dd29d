"""Admission answers every JSON value, and doing it twice changes nothing."""

import base64
import copy
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lws_events import events, names
from lws_events.admission import PATHS, RECORD, respond
from lws_events.admission.defaulting import default_set
from lws_events.admission.errors import AdmissionError
from lws_events.admission.json_patch import json_patch
from lws_events.admission.pod import mutate_pod
from tests.golden_vectors import load
from tests.unit.admission.objects import patched, review

SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8)
)
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner))

SETS = load("lws_admission")
PODS = load("pod_admission")


def _places(value: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [here, *(place for key, member in members for place in _places(member, (*here, key)))]


@st.composite
def damaged(draw: st.DrawFn, objects: list[Any]) -> Any:
    """A recorded object in which a few members, wherever they are, have become something else."""
    value = copy.deepcopy(draw(st.sampled_from(objects)))
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.sampled_from(_places(value)))
        replacement = draw(JSON)
        if not place:
            return replacement
        parent = value
        for key in place[:-1]:
            parent = parent[key]
        parent[place[-1]] = replacement
    return value


def _check_answer(answer: Any) -> None:
    response = answer["response"]
    assert isinstance(response["allowed"], bool)
    assert isinstance(response["uid"], str)
    if not response["allowed"]:
        assert response["status"]["code"] in (400, 403)
        assert response["status"]["message"]


@given(path=st.sampled_from(PATHS), body=JSON)
def test_any_body_is_answered(path: str, body: Any) -> None:
    _check_answer(respond(path, body).review)


@given(path=st.sampled_from(PATHS), operation=st.sampled_from(["CREATE", "UPDATE"]), data=st.data())
@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
def test_any_damaged_object_is_answered(path: str, operation: str, data: st.DataObject) -> None:
    objects = [vector["request"] for vector in PODS] if "pod" in path else [vector["new"] for vector in SETS]
    new, old = data.draw(damaged(objects)), data.draw(damaged(objects) | st.none())
    _check_answer(respond(path, review(operation, new, old)).review)


@given(body=st.data())
@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
def test_any_damaged_request_is_answered(body: st.DataObject) -> None:
    requests = [review(vector["operation"], vector["new"], vector.get("old")) for vector in SETS[:40]]
    for path in PATHS:
        _check_answer(respond(path, body.draw(damaged(requests))).review)


RESOURCES = [{"group": names.GROUP, "resource": names.PLURAL}, {"group": "", "resource": "pods"}]
RECORDED = [
    review(operation, vector["new"], vector["new"], resource=resource, subResource=subresource, name="x")
    for vector in (*SETS[:3], *({"new": pod["request"]} for pod in PODS[:3]))
    for operation in ("CREATE", "UPDATE", "DELETE")
    for resource in RESOURCES
    for subresource in ("", "scale", "eviction")
]


@given(body=damaged(RECORDED) | JSON, user=st.text(), groups=st.lists(st.text(max_size=600), max_size=80) | JSON)
@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
def test_the_recording_path_refuses_nothing_and_records_what_the_journal_takes(
    body: Any, user: str, groups: Any
) -> None:
    if isinstance(body, dict) and isinstance(body.get("request"), dict):
        body["request"]["userInfo"] = {"username": user * 300, "groups": groups}
    answer = respond(RECORD, body)
    assert answer.review["response"]["allowed"] is True
    if answer.asked is not None:
        assert answer.asked.is_valid
        data = events.encode(events.Envelope(at_ms=1, fact=answer.asked.fact))
        assert len(data) < 256 * 1024
        assert events.decode(data).fact == answer.asked.fact


@given(lws=damaged([vector["new"] for vector in SETS]))
@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
def test_defaulting_twice_changes_nothing_more(lws: Any) -> None:
    try:
        once = default_set(lws)
    except AdmissionError:
        return
    assert json_patch(once, default_set(once)) == []


@given(pod=damaged([vector["request"] for vector in PODS]))
@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
def test_mutating_a_pod_twice_changes_nothing_more(pod: Any) -> None:
    before = copy.deepcopy(pod)
    try:
        once = mutate_pod(pod)
    except AdmissionError:
        return
    assert pod == before, "the input is not changed"
    # A worker whose name ends in -0 is taken for a leader once its index is written, as in the reference.
    metadata = once["metadata"] if isinstance(once.get("metadata"), dict) else {}
    was = ((pod.get("metadata") or {}).get("labels") or {}).get(names.WORKER_INDEX)
    if was == (metadata.get("labels") or {}).get(names.WORKER_INDEX) or not str(metadata.get("name")).endswith("-0"):
        assert json_patch(once, mutate_pod(once)) == []


@given(before=JSON, after=JSON)
def test_a_patch_turns_one_value_into_the_other(before: Any, after: Any) -> None:
    """Whole values too, and keys with slashes and tildes: below one member, since ours never replace a root."""
    patch = json_patch({"a/~": before}, {"a/~": after})
    encoded = base64.b64encode(msgspec.json.encode(patch)).decode()
    result = patched({"a/~": before}, {"response": {"patch": encoded}})
    assert json_patch(result["a/~"], after) == []
