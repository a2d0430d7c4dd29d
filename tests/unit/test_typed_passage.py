"""The typed passage and the JSON text (spec 9.1.2, 9.1.4)."""

from typing import Any

import pytest

from lws_events.canonical.errors import TypedPassageError
from lws_events.canonical.text import json_text
from lws_events.canonical.typed import CLAIM, LEADER_WORKER_TEMPLATE, POD_TEMPLATE, model, typed, typed_restored
from tests import golden_vectors


def pod(**spec: Any) -> dict[str, Any]:
    return {"spec": {"containers": [], **spec}}


def printed(**spec: Any) -> dict[str, Any]:
    result: dict[str, Any] = typed(pod(**spec), POD_TEMPLATE)["spec"]
    return result


def test_the_shipped_model_is_the_recorded_one() -> None:
    assert model() == golden_vectors.load("typed_model")


def test_nothing_prints_as_the_required_members() -> None:
    assert typed(None, POD_TEMPLATE) == {"metadata": {}, "spec": {"containers": None}}
    assert typed({}, CLAIM) == {"metadata": {}, "spec": {"resources": {}}, "status": {}}
    assert typed(None, LEADER_WORKER_TEMPLATE) == {"workerTemplate": {"metadata": {}, "spec": {"containers": None}}}


def test_a_container_always_has_name_and_resources() -> None:
    assert printed(containers=[{}])["containers"] == [{"name": "", "resources": {}}]


def test_pointers_to_empty_objects_and_zeros_stay() -> None:
    kept = {"affinity": {}, "securityContext": {}, "terminationGracePeriodSeconds": 0}
    assert printed(**kept) == {"containers": [], **kept}


def test_optional_zeros_empty_lists_and_nulls_vanish() -> None:
    assert printed(hostNetwork=False, nodeName="", volumes=[], nodeSelector={}, affinity=None) == {"containers": []}


def test_unknown_members_and_other_spellings_are_dropped() -> None:
    assert printed(future=1, HostNetwork=True) == {"containers": []}


def test_a_divisor_is_printed_even_if_absent() -> None:
    env = [{"name": "A", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}}]
    container = printed(containers=[{"name": "c", "env": env}])["containers"][0]
    assert container["env"][0]["valueFrom"]["resourceFieldRef"] == {"divisor": "0", "resource": "limits.cpu"}


def test_null_members_of_lists_and_maps_are_zero_values() -> None:
    container = {"command": [None], "resources": {"limits": {"cpu": None}}}
    (result,) = printed(containers=[container])["containers"]
    assert result == {"name": "", "command": [""], "resources": {"limits": {"cpu": "0"}}}


@pytest.mark.parametrize(
    ("value", "time"),
    [
        ("2024-02-03T04:05:06Z", "2024-02-03T04:05:06Z"),
        ("2024-02-03T04:05:06.789Z", "2024-02-03T04:05:06Z"),
        ("2024-02-03T04:05:06+02:00", "2024-02-03T02:05:06Z"),
        ("0001-01-02T00:00:00Z", "0001-01-02T00:00:00Z"),
    ],
)
def test_times_are_printed_in_utc_with_seconds(value: str, time: str) -> None:
    template = {**pod(), "metadata": {"creationTimestamp": value}}
    assert typed(template, POD_TEMPLATE)["metadata"] == {"creationTimestamp": time}


def test_the_zero_time_is_left_out() -> None:
    template = {**pod(), "metadata": {"creationTimestamp": "0001-01-01T00:00:00Z"}}
    assert typed(template, POD_TEMPLATE)["metadata"] == {}


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        ({"containers": [{"name": "a"}, {"name": 5}]}, "spec.containers[1].name"),
        ({"containers": {}}, "spec.containers"),
        ({"containers": [7]}, "spec.containers[0]"),
        ({"nodeSelector": {"a": 1}}, "spec.nodeSelector.a"),
        ({"hostNetwork": "yes"}, "spec.hostNetwork"),
        ({"terminationGracePeriodSeconds": 30.0}, "spec.terminationGracePeriodSeconds"),
        ({"terminationGracePeriodSeconds": True}, "spec.terminationGracePeriodSeconds"),
        ({"terminationGracePeriodSeconds": 2**63}, "spec.terminationGracePeriodSeconds"),
        ({"overhead": {"cpu": "much"}}, "spec.overhead.cpu"),
        ({"containers": [{"ports": [{"name": []}]}]}, "spec.containers[0].ports[0].name"),
        ({"containers": [{"livenessProbe": {"tcpSocket": {"port": 2**31}}}]}, "containers[0].livenessProbe.tcpSocket"),
    ],
)
def test_a_value_of_the_wrong_type_is_named_by_its_path(spec: dict[str, Any], path: str) -> None:
    with pytest.raises(TypedPassageError) as refused:
        typed(pod(**spec), POD_TEMPLATE)
    assert path in str(refused.value)


@pytest.mark.parametrize("time", ["yesterday", "2024-02-30T00:00:00Z", "2024-02-03", "0001-01-01T00:00:00+01:00"])
def test_what_is_no_time_is_refused(time: str) -> None:
    with pytest.raises(TypedPassageError, match="creationTimestamp"):
        typed({**pod(), "metadata": {"creationTimestamp": time}}, POD_TEMPLATE)


def test_revision_data_rounds_integers_to_doubles_and_templates_do_not() -> None:
    large = pod(activeDeadlineSeconds=9007199254740993)
    assert typed(large, POD_TEMPLATE)["spec"]["activeDeadlineSeconds"] == 9007199254740993
    assert typed(large, POD_TEMPLATE, doubles=True)["spec"]["activeDeadlineSeconds"] == 9007199254740992


def test_the_restored_read_ignores_letter_case_and_takes_whole_floats() -> None:
    spec = {"Containers": [], "terminationgraceperiodseconds": 30.0, "hostname": "a", "hostName": "b"}
    restored = typed_restored({"spec": spec}, POD_TEMPLATE)["spec"]
    assert restored == {"containers": [], "terminationGracePeriodSeconds": 30, "hostname": "a"}


@pytest.mark.parametrize("number", [30.5, 1e300, 2**63 - 1, 10**30])
def test_the_restored_read_refuses_what_is_no_64_bit_integer(number: float) -> None:
    with pytest.raises(TypedPassageError, match="terminationGracePeriodSeconds"):
        typed_restored(pod(terminationGracePeriodSeconds=number), POD_TEMPLATE)


def test_json_text_escapes_as_go_does() -> None:
    value = {"b": ["<&>", "\u2028\u2029", "\x00\x1f\x7f", '\b\t\n\f\r"\\/'], "$patch": "é😀"}
    assert json_text(value) == (
        '{"$patch":"é😀","b":["\\u003c\\u0026\\u003e","\\u2028\\u2029","\\u0000\\u001f\x7f","\\b\\t\\n\\f\\r\\"\\\\/"]}'
    )


def test_unpaired_surrogates_become_the_replacement_character() -> None:
    assert json_text({"a\ud800": ["x\udfff", 1]}) == '{"a\ufffd":["x\ufffd",1]}'


def test_what_json_lacks_is_refused() -> None:
    with pytest.raises(ValueError, match="JSON"):
        json_text({"a": float("nan")})
