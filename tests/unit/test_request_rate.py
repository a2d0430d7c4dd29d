"""No more requests than the configuration allows: a burst, then one by one (spec 10.3, ``clientConnection``)."""

import asyncio

import pytest

from adapters.kubernetes.client import ApiClient
from adapters.kubernetes.credentials import FixedCredentials
from adapters.kubernetes.rate import RequestRate
from adapters.kubernetes.resources import PODS
from tests.unit.scripted_api import ScriptedApi, answer
from tests.unit.virtual_clocks import LeapingClock

PATH = "/api/v1/namespaces/ns/pods/a"


@pytest.mark.parametrize(
    ("qps", "burst", "requests", "seconds"),
    [
        (10, 5, 5, 0.0),
        (10, 5, 6, 0.1),
        (10, 5, 25, 2.0),
        (0.5, 1, 3, 4.0),
        (0, 0, 11, 0.2),  # what Kubernetes clients take for 0: 5 a second, 10 at once
        (-1, 1, 1000, 0.0),
    ],
)
async def test_how_long_requests_take(qps: float, burst: int, requests: int, seconds: float) -> None:
    clock = LeapingClock()
    rate = RequestRate(qps=qps, burst=burst, clock=clock)
    began = clock.monotonic()
    for _ in range(requests):
        await rate.admitted()
    assert clock.monotonic() - began == pytest.approx(seconds)


async def test_a_rest_fills_the_bucket_and_no_more() -> None:
    clock = LeapingClock()
    rate = RequestRate(qps=10, burst=5, clock=clock)
    await clock.sleep(3600)
    began = clock.monotonic()
    for _ in range(6):
        await rate.admitted()
    assert clock.monotonic() - began == pytest.approx(0.1)


async def test_requests_of_a_client_wait_for_their_turn() -> None:
    clock = LeapingClock()
    rate = RequestRate(qps=1, burst=2, clock=clock)
    began = clock.monotonic()
    async with ScriptedApi() as api, ApiClient(FixedCredentials(api.url), rate=rate) as client:
        api.always("GET", PATH, answer(b"{}"))
        for _ in range(4):
            await client.get(PODS, "ns", "a")
        assert clock.monotonic() - began == pytest.approx(2)
        await asyncio.gather(*(client.get(PODS, "ns", "a") for _ in range(3)))
    assert len(api.asked) == 7
