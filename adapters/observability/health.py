"""Health and readiness over HTTP.

``/healthz`` and ``/readyz`` answer 200 ``ok``, or 500 with the names of the checks that fail and why; a single check is
at ``/readyz/<name>``, and ``?verbose`` lists all (spec 10.5). Checks are asked at each request and must answer at once.
"""

from collections.abc import Awaitable, Callable

from aiohttp import web

Check = Callable[[], str]
"""Empty while all is well, else what is wrong in a few words."""


class Health:
    """Named checks of readiness. Liveness needs none: what only a restart puts right ends the process by itself."""

    def __init__(self) -> None:
        self._ready: dict[str, Check] = {"readyz": _well}
        self._notes: dict[str, Check] = {}

    def add_readiness(self, name: str, check: Check) -> None:
        """A check of ``/readyz``."""
        self._ready[name] = check

    def add_note(self, name: str, check: Check) -> None:
        """Something that ``/readyz?verbose`` tells, and that makes nothing unready."""
        self._notes[name] = check

    def application(self, *, liveness: str = "/healthz", readiness: str = "/readyz") -> web.Application:
        """What is served on the health port, at these two paths and one level below."""
        application = web.Application()
        for path, checks in ((liveness, {"healthz": _well}), (readiness, self._ready)):
            answer = _answering(checks, self._notes if path == readiness else {})
            application.router.add_get(path, answer)
            application.router.add_get(path + "/{name}", answer)
        return application


def _well() -> str:
    return ""


def _answering(
    checks: dict[str, Check], notes: dict[str, Check]
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def answer(request: web.Request) -> web.StreamResponse:
        asked = request.match_info.get("name")
        if asked is not None and asked not in checks:
            return web.Response(status=404, text=f"there is no check {asked}; there are: {', '.join(checks)}\n")
        names = list(checks) if asked is None else [asked]
        wrong = {name: problem for name in names if (problem := checks[name]())}
        if "verbose" in request.query or wrong:
            lines = [f"[-]{name} failed: {wrong[name]}" if name in wrong else f"[+]{name} ok" for name in names]
            lines += [f"[!]{name}: {note}" for name, check in notes.items() if asked is None and (note := check())]
            text = "\n".join(lines) + ("\n" if not wrong else "\nfailed\n")
        else:
            text = "ok"
        return web.Response(status=500 if wrong else 200, text=text)

    return answer
