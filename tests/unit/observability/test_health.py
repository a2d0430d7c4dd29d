"""Health and readiness say which check fails and why; metrics are on a port of their own."""

import aiohttp

from adapters.observability.health import Health, metrics_application, serving
from adapters.observability.metrics import Metrics


async def _get(port: int, path: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}{path}") as response:
        return response.status, await response.text()


async def test_well_and_unwell() -> None:
    problems = {"journal": "", "watch": ""}
    health = Health()
    health.add_readiness("journal", lambda: problems["journal"])
    health.add_readiness("watch", lambda: problems["watch"])
    async with serving(health.application(), port=0, host="127.0.0.1") as port:
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
    async with serving(health.application(), port=0, host="127.0.0.1") as port:
        assert await _get(port, "/healthz/healthz") == (200, "ok")
        assert await _get(port, "/readyz?verbose") == (200, "[+]readyz ok\n")
        status, body = await _get(port, "/readyz/nothing")
        assert (status, body) == (404, "there is no check nothing; there are: readyz\n")
        assert (await _get(port, "/livez"))[0] == 404


async def test_metrics_port() -> None:
    metrics = Metrics()
    metrics.leads("b8b2488c.x-k8s.io", leads=True)
    async with serving(metrics_application(metrics), port=0, host="127.0.0.1") as port:
        status, body = await _get(port, "/metrics")
        assert status == 200
        assert 'leader_election_master_status{name="b8b2488c.x-k8s.io"} 1.0' in body
        assert "process_cpu_seconds_total" in body
        assert (await _get(port, "/"))[0] == 404
