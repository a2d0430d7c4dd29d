"""Reckoning with quantities and with what pods ask for agrees with plain arithmetic."""

from fractions import Fraction
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lws_events.canonical.quantity import Amount, comparable_quantity
from lws_events.objects.pod_resources import pod_requests

SUFFIXES = ["", "m", "k", "M", "G", "Ki", "Mi", "Gi"]
QUANTITIES = st.builds("{}{}".format, st.integers(0, 10**6), st.sampled_from(SUFFIXES))
ANY = st.builds(
    "{}{}{}".format,
    st.sampled_from(["", "-"]),
    st.integers(0, 10**25),
    st.just("") | st.integers(-99, 10**6).map("e{}".format),
)
RESOURCES = st.dictionaries(st.sampled_from(["cpu", "memory", "google.com/tpu"]), QUANTITIES, max_size=3)
CONTAINERS = st.lists(
    st.fixed_dictionaries(
        {"resources": st.fixed_dictionaries({}, optional={"requests": RESOURCES, "limits": RESOURCES})},
        optional={"restartPolicy": st.just("Always")},
    ),
    max_size=4,
)


def value(text: str | Amount) -> Fraction:
    digits, exponent = comparable_quantity(str(text))
    return Fraction(digits) * Fraction(10) ** exponent


@given(first=QUANTITIES, second=QUANTITIES, times=st.integers(0, 1000))
def test_sums_are_sums(first: str, second: str, times: int) -> None:
    one, other = Amount(first), Amount(second)
    assert value(one.plus(other, times=times)) == value(first) + times * value(second)
    assert one.exceeds(other) == (value(first) > value(second))


@given(first=ANY, second=ANY, times=st.integers(0, 1000))
def test_nothing_is_too_large_to_be_reckoned_with(first: str, second: str, times: int) -> None:
    one, other = Amount(first), Amount(second)
    assert str(Amount(str(one.plus(other, times=times))))
    assert not (one.exceeds(other) and other.exceeds(one))


@given(containers=CONTAINERS, initial=CONTAINERS)
def test_a_pod_needs_the_most_that_it_ever_needs_at_once(
    containers: list[dict[str, Any]], initial: list[dict[str, Any]]
) -> None:
    """By the definition: play the pod's start, one init container after the other."""

    def asked(container: dict[str, Any], name: str) -> Fraction:
        resources = container["resources"]
        both = {**resources.get("limits", {}), **resources.get("requests", {})}
        return value(both.get(name, "0"))

    spec = {"containers": containers, "initContainers": initial}
    requests = pod_requests(spec)
    for name in ("cpu", "memory", "google.com/tpu"):
        running, most = Fraction(0), Fraction(0)
        for container in initial:
            most = max(most, running + asked(container, name))
            if "restartPolicy" in container:
                running += asked(container, name)
        most = max(most, running + sum(asked(container, name) for container in containers))
        assert value(requests.get(name, Amount("0"))) == most
