"""Health, readiness and metrics over HTTP.

``/healthz`` and ``/readyz`` answer 200 ``ok``, or 500 with the names of the checks that fail and why; a single check is
at ``/readyz/<name>``, and ``?verbose`` lists all (spec 10.5). Metrics are served on a port of their own. Checks are
asked at each request and must answer at once.
"""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

from aiohttp import web

from adapters.observability.metrics import CONTENT_TYPE, Metrics

Check = Callable[[], str]
"""Empty while all is well, else what is wrong in a few words."""

_SHUTDOWN_SECONDS: Final = 2.0


class Health:
    """Named checks of readiness. Liveness needs none: what only a restart puts right ends the process by itself."""

    def __init__(self) -> None:
        self._ready: dict[str, Check] = {"readyz": _well}

    def add_readiness(self, name: str, check: Check) -> None:
        """A check of ``/readyz``."""
        self._ready[name] = check

    def application(self) -> web.Application:
        """What is served on the health port."""
        application = web.Application()
        for path, checks in (("/healthz", {"healthz": _well}), ("/readyz", self._ready)):
            answer = _answering(checks)
            application.router.add_get(path, answer)
            application.router.add_get(path + "/{name}", answer)
        return application


def metrics_application(metrics: Metrics) -> web.Application:
    """What is served on the metrics port."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=metrics.text(), headers={"Content-Type": CONTENT_TYPE})

    application = web.Application()
    application.router.add_get("/metrics", answer)
    return application


@contextlib.asynccontextmanager
async def serving(application: web.Application, *, port: int, host: str = "") -> AsyncIterator[int]:
    """Serve while the block runs; yields the port, which the system chooses where ``port`` is 0.

    Raises ``OSError`` where the port cannot be had.
    """
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host or None, port)
        await site.start()
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()


def _well() -> str:
    return ""


def _answering(checks: dict[str, Check]) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def answer(request: web.Request) -> web.StreamResponse:
        asked = request.match_info.get("name")
        if asked is not None and asked not in checks:
            return web.Response(status=404, text=f"there is no check {asked}; there are: {', '.join(checks)}\n")
        names = list(checks) if asked is None else [asked]
        wrong = {name: problem for name in names if (problem := checks[name]())}
        if "verbose" in request.query or wrong:
            lines = [f"[-]{name} failed: {wrong[name]}" if name in wrong else f"[+]{name} ok" for name in names]
            text = "\n".join(lines) + ("\n" if not wrong else "\nfailed\n")
        else:
            text = "ok"
        return web.Response(status=500 if wrong else 200, text=text)

    return answer
