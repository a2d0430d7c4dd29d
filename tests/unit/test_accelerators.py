"""Which pods request TPUs (spec 3.7)."""

from typing import Any

import pytest

from lws_events.accelerators import container_requests_tpus, requests_tpus


def container(limit: Any = None, request: Any = None) -> dict[str, Any]:
    return {"resources": {"limits": {"google.com/tpu": limit}, "requests": {"google.com/tpu": request}}}


@pytest.mark.parametrize(
    ("subject", "requests"),
    [
        (container("4"), True),
        (container(None, "4"), True),
        (container("0", "4"), True),
        (container(4), True),
        (container("0"), False),
        (container("0Ki", "0m"), False),
        (container(), False),
        ({"resources": {"limits": {"cpu": "4"}}}, False),
        ({"resources": None}, False),
        ({}, False),
    ],
)
def test_a_container_requests_tpus_by_limit_or_request(subject: dict[str, Any], requests: bool) -> None:
    assert container_requests_tpus(subject) == requests


def test_any_container_or_init_container_counts() -> None:
    assert requests_tpus({"containers": [{}, container("4")]})
    assert requests_tpus({"containers": [{}], "initContainers": [container("4")]})
    assert not requests_tpus({"containers": [{}], "initContainers": None})
    assert not requests_tpus({"ephemeralContainers": [container("4")]})
