"""The aiohttp application of the web page: its files, the login, and whatever routes are added to it.

application = web_application(Access(TokenFile(path)), loopback=False)
add_lifecycle_routes(application, journal)
async with serving(application, address, tls=context) as port: ...
"""

import hashlib
from collections.abc import Callable
from importlib.resources import files
from typing import Final

from aiohttp import web

from adapters.pages.timeline import colours, drawing_module
from adapters.web.access import Access
from adapters.web.guarding import LOGIN, add_headers, guarding, logged_in

FOLDER: Final = "ui"
"""Of ``adapters/pages``: served as it is."""
_KINDS: Final = {
    "html": "text/html",
    "css": "text/css",
    "js": "text/javascript",
    "svg": "image/svg+xml",
}
_REQUEST_BYTES_MAX: Final = 4096


def web_application(
    access: Access, *, loopback: bool, secure: bool = False, answered_with: Callable[[int], None] = lambda _status: None
) -> web.Application:
    """The page without what it asks for. ``loopback``: answers to names of loopback only; ``secure``: over TLS.

    ``answered_with`` is told the status of each answer.
    """
    guard = guarding(access, only_own_hosts=loopback, secure=secure, answered_with=answered_with)
    application = web.Application(middlewares=[guard], client_max_size=_REQUEST_BYTES_MAX)
    application.on_response_prepare.append(add_headers)
    contents = _contents()

    async def page(request: web.Request) -> web.Response:
        return _file("page.html", contents, request)

    async def static(request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in contents:
            raise web.HTTPNotFound
        return _file(name, contents, request)

    async def to_page(_: web.Request) -> web.Response:
        raise web.HTTPSeeOther("/ui")

    async def login_form(request: web.Request) -> web.Response:
        answer = _file("login.html", contents, request)
        if "failed" in request.query:  # said by the server: who is not logged in gets no scripts
            answer = web.Response(body=contents["login.html"].replace(b'class="failed"', b'class="failed shown"'))
            answer.content_type = "text/html"
        return answer

    async def login(request: web.Request) -> web.Response:
        fields = await request.post()
        if not access.is_token(str(fields.get("token", ""))):
            raise web.HTTPSeeOther(f"{LOGIN}?failed")
        return logged_in("/ui", access, secure=secure)

    application.router.add_get("/", to_page)
    application.router.add_get("/ui", page)
    application.router.add_get("/ui/", to_page)
    application.router.add_get(LOGIN, login_form)
    application.router.add_post(LOGIN, login)
    application.router.add_get("/ui/static/{name}", static)
    return application


def _contents() -> dict[str, bytes]:
    """All files of the page, by name: what is not among them cannot be asked for."""
    folder = files("adapters.pages") / FOLDER
    own = {one.name: one.read_bytes() for one in folder.iterdir() if one.name.rpartition(".")[2] in _KINDS}
    return own | {"drawing.js": drawing_module().encode(), "colours.css": colours().encode()}


def _file(name: str, contents: dict[str, bytes], request: web.Request) -> web.Response:
    """A file; only whether it is still the same, where the browser has it already."""
    body = contents[name]
    mark = f'"{hashlib.sha256(body).hexdigest()[:20]}"'
    headers = {"ETag": mark, "Cache-Control": "private, no-cache"}
    if request.headers.get("If-None-Match") == mark:
        return web.Response(status=304, headers=headers)
    kind = _KINDS[name.rpartition(".")[2]]
    return web.Response(body=body, content_type=kind, charset="utf-8", headers=headers)
