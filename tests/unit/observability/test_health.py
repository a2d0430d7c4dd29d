"""Health and readiness say which check fails and why, at the paths that they are given."""

import aiohttp

from adapters.observability.addresses import Address
from adapters.observability.health import Health
from adapters.observability.metrics import Metrics
from adapters.observability.serving import metrics_application, serving

LOOPBACK = Address("127.0.0.1", 0)


async def _get(port: int, path: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}{path}") as response:
        return response.status, await response.text()


async def test_well_and_unwell() -> None:
    problems = {"journal": "", "watch": ""}
    health = Health()
    health.add_readiness("journal", lambda: problems["journal"])
    health.add_readiness("watch", lambda: problems["watch"])
    async with serving(health.application(), LOOPBACK) as port:
        assert await _get(port, "/healthz") == (200, "ok")
        assert await _get(port, "/readyz") == (200, "ok")
        problems["journal"] = "not caught up"
        status, body = await _get(port, "/readyz")
        assert status == 500
        assert body.splitlines() == ["[+]readyz ok", "[-]journal failed: not caught up", "[+]watch ok", "failed"]
        assert await _get(port, "/healthz") == (200, "ok")
        assert (await _get(port, "/readyz/watch")) == (200, "ok")
        assert (await _get(port, "/readyz/journal"))[0] == 500
        problems["journal"] = ""
        assert await _get(port, "/readyz") == (200, "ok")


async def test_named_and_verbose_checks() -> None:
    health = Health()
    async with serving(health.application(), LOOPBACK) as port:
        assert await _get(port, "/healthz/healthz") == (200, "ok")
        assert await _get(port, "/readyz?verbose") == (200, "[+]readyz ok\n")
        status, body = await _get(port, "/readyz/nothing")
        assert (status, body) == (404, "there is no check nothing; there are: readyz\n")
        assert (await _get(port, "/livez"))[0] == 404


async def test_paths_of_the_configuration() -> None:
    health = Health()
    health.add_readiness("journal", lambda: "away")
    async with serving(health.application(liveness="/live", readiness="/ready"), LOOPBACK) as port:
        assert await _get(port, "/live") == (200, "ok")
        assert await _get(port, "/live/healthz") == (200, "ok")
        assert (await _get(port, "/ready"))[0] == 500
        assert await _get(port, "/ready/readyz") == (200, "ok")
        assert (await _get(port, "/healthz"))[0] == 404
        assert (await _get(port, "/readyz"))[0] == 404


async def test_metrics_without_a_guard() -> None:
    metrics = Metrics()
    metrics.leads("b8b2488c.x-k8s.io", leads=True)
    async with serving(metrics_application(metrics), LOOPBACK) as port:
        status, body = await _get(port, "/metrics")
        assert status == 200
        assert 'leader_election_master_status{name="b8b2488c.x-k8s.io"} 1.0' in body
        assert "process_cpu_seconds_total" in body
        assert (await _get(port, "/"))[0] == 404
