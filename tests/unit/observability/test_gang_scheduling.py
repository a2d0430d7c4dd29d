"""Trouble with PodGroups is told by readiness and metrics, and makes nothing unready."""

import aiohttp

from adapters.observability.addresses import Address
from adapters.observability.health import Health
from adapters.observability.metrics import Metrics
from adapters.observability.serving import serving


async def _get(port: int, path: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}{path}") as response:
        return response.status, await response.text()


async def test_readiness_tells_it_and_stays_ready() -> None:
    problems = ["podgroups: 404"]
    health = Health()
    health.add_note("gang-scheduling", lambda: problems[0])
    async with serving(health.application(), Address("127.0.0.1", 0)) as port:
        assert await _get(port, "/readyz") == (200, "ok")
        status, text = await _get(port, "/readyz?verbose")
        assert (status, text) == (200, "[+]readyz ok\n[!]gang-scheduling: podgroups: 404\n")
        assert "gang" not in (await _get(port, "/healthz?verbose"))[1]
        problems[0] = ""
        assert await _get(port, "/readyz?verbose") == (200, "[+]readyz ok\n")


def test_metrics_have_it_where_gang_scheduling_is_on() -> None:
    problems = [""]
    metrics = Metrics()
    assert b"gang_scheduling" not in metrics.text()
    metrics.gang_scheduling(lambda: problems[0])
    assert b"lws_events_gang_scheduling_failing 0.0" in metrics.text()
    problems[0] = "podgroups: 404"
    assert b"lws_events_gang_scheduling_failing 1.0" in metrics.text()
