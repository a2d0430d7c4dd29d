"""Annotations below ``lws-events.io/``: mistakes are refused with an example, what has no effect is warned of."""

from typing import Any

import pytest

from lws_events.admission.decide import Admitted, Denied, admit
from lws_events.admission.own_annotations import ON_PODS, ON_SETS
from lws_events.durations import duration_ms, duration_words

PREFIX = "lws-events.io/"
AT = f"metadata.annotations[{PREFIX}"


def _set(
    annotations: dict[str, str] | None = None, *, template: dict[str, Any] | None = None, policy: str = ""
) -> dict[str, Any]:
    pod = {"metadata": template or {}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    templates = {"size": 2, "workerTemplate": pod, **({"restartPolicy": policy} if policy else {})}
    return {
        "apiVersion": "leaderworkerset.x-k8s.io/v1",
        "kind": "LeaderWorkerSet",
        "metadata": {"name": "s", "namespace": "n", "annotations": _own(annotations or {})},
        "spec": {"replicas": 1, "leaderWorkerTemplate": templates},
    }


def _own(values: dict[str, str]) -> dict[str, str]:
    return {f"{PREFIX}{key}": value for key, value in values.items()}


def _refusal(lws: dict[str, Any], old: dict[str, Any] | None = None) -> str:
    answer = admit("LeaderWorkerSet", "CREATE" if old is None else "UPDATE", lws, old)
    return answer.message if isinstance(answer, Denied) else ""


def _warnings(lws: dict[str, Any]) -> tuple[str, ...]:
    answer = admit("LeaderWorkerSet", "CREATE", lws)
    assert isinstance(answer, Admitted), answer
    return answer.warnings


@pytest.mark.parametrize("value", ["", "soon", "10", "-1s", "0s", "1d", "99999h", "1s ", "٣s"])
def test_a_bad_duration_is_refused_with_an_example(value: str) -> None:
    message = _refusal(_set({"restart-backoff": value}))
    assert message.startswith(f'{AT}restart-backoff]: Invalid value: "{value}": must be a positive duration')
    assert "for example lws-events.io/restart-backoff: '10s'" in message


@pytest.mark.parametrize("value", ["10s", "1m30s", "500ms", "1.5h", "8784h"])
def test_durations_are_accepted(value: str) -> None:
    annotations = {"restart-backoff": value, "restart-backoff-max": "8784h", "restart-stable-after": value}
    assert _refusal(_set(annotations)) == ""


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "", "many", "1000001", "٣"])
def test_a_bad_limit_is_refused(value: str) -> None:
    message = _refusal(_set({"restart-limit": value}))
    assert message.startswith(f'{AT}restart-limit]: Invalid value: "{value}": must be a whole number from 1')


def test_a_cap_below_the_first_delay_is_refused() -> None:
    message = _refusal(_set({"restart-backoff": "10s", "restart-backoff-max": "9999ms"}))
    assert message == (
        f'{AT}restart-backoff-max]: Invalid value: "9999ms": must not be shorter than lws-events.io/restart-backoff, '
        "which is 10s, for example 10s"
    )


def test_an_unknown_key_is_refused_and_the_known_ones_are_named() -> None:
    message = _refusal(_set({"restart-backof": "10s"}))
    assert message.startswith(f'{AT}restart-backof]: Invalid value: "10s": is not known')
    assert all(key in message for key in ON_SETS)


def test_keys_in_the_wrong_place_are_told_where_they_belong() -> None:
    assert "belongs to the annotations of a pod template" in _refusal(_set({"ignore-failure": "true"}))
    in_template = _refusal(_set(template={"annotations": _own({"restart-limit": "3"})}))
    assert "belongs to the annotations of the LeaderWorkerSet" in in_template
    assert "labels below this prefix" in _refusal(_set(template={"labels": _own({"kept-for-debugging": "true"})}))


@pytest.mark.parametrize(("value", "refused"), [("true", False), ("false", False), ("yes", True), ("", True)])
def test_ignore_failure_is_true_or_false(value: str, *, refused: bool) -> None:
    assert bool(_refusal(_set(template={"annotations": _own({"ignore-failure": value})}))) == refused


def test_an_update_is_held_only_against_what_it_changes() -> None:
    stored = _set({"restart-backoff": "soon", "unknown": "x"})
    assert _refusal(_set({"restart-backoff": "soon", "unknown": "x"}, policy="None"), stored) == ""
    assert _refusal(_set({"restart-backoff": "later", "unknown": "x"}), stored).startswith(f"{AT}restart-backoff]")
    assert _refusal(_set({}), stored) == ""


def test_annotations_without_effect_are_warned_of() -> None:
    everything = {"restart-backoff": "1s", "restart-limit": "3"}
    assert not [each for each in _warnings(_set(everything)) if PREFIX in each]
    under_none = _warnings(_set(everything, policy="None"))
    assert f"{AT}restart-backoff]: has no effect, because restartPolicy None recreates no groups" in under_none
    assert f"{AT}restart-limit]: has no effect, because restartPolicy None recreates no groups" in under_none
    alone = _warnings(_set({"restart-backoff-max": "1m", "restart-stable-after": "1m"}))
    assert f"{AT}restart-backoff-max]: has no effect without lws-events.io/restart-backoff" in alone
    assert any(each.startswith(f"{AT}restart-stable-after]: has no effect without") for each in alone)


@pytest.mark.parametrize("known", [ON_SETS, ON_PODS])
def test_every_example_is_accepted(known: dict[str, Any]) -> None:
    assert all(kind.accepts(kind.example) for kind in known.values())


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [("10s", 10_000), ("1m30s", 90_000), ("1.5h", 5_400_000), ("0.0009s", 0), ("500ms", 500), ("8785h", None)],
)
def test_durations_in_milliseconds(text: str, milliseconds: int | None) -> None:
    assert duration_ms(text) == milliseconds


@pytest.mark.parametrize("milliseconds", [1, 999, 10_000, 90_000, 3_600_000, 3_661_001])
def test_durations_in_words_can_be_read_again(milliseconds: int) -> None:
    assert duration_ms(duration_words(milliseconds)) == milliseconds
