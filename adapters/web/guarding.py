"""What all answers of the web server have in common: who is let in, from where, by which methods; the headers."""

from collections.abc import Callable
from typing import Final

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from adapters.web.access import COOKIE, Access
from adapters.web.addresses import is_own_host
from adapters.web.errors import QuestionRefused

_log = structlog.get_logger(__name__)

LOGIN: Final = "/ui/login"
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_PAGE: Final = ("/", "/ui", "/ui/")
_OPEN: Final = (LOGIN, "/ui/static/login.css")
"""What is shown to those who are still to log in."""


def guarding(access: Access, *, only_own_hosts: bool, secure: bool, answered_with: Callable[[int], None]) -> Middleware:
    """Middleware around everything. ``only_own_hosts``: refuse requests to names that are not loopback's.

    ``answered_with`` is told the status of each answer.
    """

    async def answered(request: web.Request, handler: Handler) -> web.StreamResponse:
        if only_own_hosts and not is_own_host(request.headers.get("Host", "")):
            return refusal(403, "this page answers to localhost only", hint="open it as http://localhost:PORT/ui")
        if request.method not in ("GET", "HEAD") and (request.method, request.path) != ("POST", LOGIN):
            return refusal(405, "the page is read only", allow="GET, HEAD")
        if request.path in _PAGE and "token" in request.query:
            return _login_by_address(request, access, secure=secure)
        cookie = request.cookies.get(COOKIE, "")
        if request.path in _OPEN or access.admits(
            authorization=request.headers.get("Authorization", ""), cookie=cookie
        ):
            return await handler(request)
        if request.path in _PAGE:
            raise web.HTTPSeeOther(LOGIN)
        return refusal(401, "a token is needed", hint="send it as Authorization: Bearer TOKEN, or log in at /ui/login")

    @web.middleware
    async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            response = await answered(request, handler)
        except web.HTTPNotFound:
            response = refusal(404, f"there is no {request.path} here", hint="the page is at /ui")
        except web.HTTPException as answer:
            answer.headers.update(HEADERS)
            answered_with(answer.status)
            raise
        except QuestionRefused as refused:
            response = refusal(refused.status, str(refused), hint=refused.hint)
        except ConnectionError:
            raise
        except Exception:
            _log.exception("the web page could not answer", path=request.path)
            response = refusal(500, "this question could not be answered: a defect", hint="the controller's log has it")
        answered_with(response.status)
        if not response.prepared:
            response.headers.update(HEADERS)
        return response

    return guarded


async def add_headers(_: web.Request, response: web.StreamResponse) -> None:
    """Before an answer of any route begins, also of one that is streamed."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Cache-Control", "no-store")


def refusal(status: int, message: str, *, hint: str = "", allow: str = "") -> web.Response:
    """An error as JSON, in words."""
    headers = {"Allow": allow} if allow else {}
    return web.json_response({"error": message, "hint": hint}, status=status, headers=headers)


def logged_in(target: str, access: Access, *, secure: bool) -> web.Response:
    """Go there, with the cookie."""
    response = web.Response(status=303, headers={"Location": target})
    response.set_cookie(COOKIE, access.cookie, path="/", httponly=True, secure=secure, samesite="Lax")
    return response


def _login_by_address(request: web.Request, access: Access, *, secure: bool) -> web.Response:
    """A token in the address is good for a login alone, and leaves the address at once."""
    rest = request.rel_url.without_query_params("token").with_path("/ui", keep_query=True)
    if access.admits(cookie=request.cookies.get(COOKIE, "")):
        return web.Response(status=303, headers={"Location": str(rest)})
    if not access.is_token(request.query["token"]):
        return web.Response(status=303, headers={"Location": f"{LOGIN}?failed"})
    return logged_in(str(rest), access, secure=secure)
