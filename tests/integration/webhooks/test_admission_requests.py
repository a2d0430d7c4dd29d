"""From a webhook server without a journal to the controller: trusted both ways, and robust against any body."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import msgspec
import pytest
from aiohttp import web

from adapters.admission_requests.authority import CONFIG_MAP, PublishedAuthority, make_identity
from adapters.admission_requests.endpoint import guard_of_endpoint, requests_application
from adapters.admission_requests.sending import NotTakenError, Sender
from adapters.admission_requests.wire import AUDIENCE, BODY_BYTES_MAX, PATH, REQUESTS_MAX, decode, encode, in_bodies
from adapters.controller.recording import Recorder
from adapters.journal.errors import JournalUnavailable
from adapters.journal.group_commit import GroupCommit
from adapters.journal.memory import MemoryJournal
from adapters.journal.snapshots.last_known import LastStates
from adapters.kubernetes.pace import SystemClock
from adapters.observability.access import ACCESS_REVIEWS, TOKEN_REVIEWS
from adapters.observability.addresses import Address
from adapters.observability.serving import serving
from adapters.webhooks.errors import RequestsRefused
from adapters.webhooks.relay import RequestRelay
from adapters.webhooks.tls import LiveCertificate
from lws_events import events, names
from lws_events.admission import RECORD, AdmissionRequest
from lws_events.requests import DeletionRequested
from tests.integration.webhooks import client as webhooks
from tests.unit.admission.objects import a_set, review
from tests.unit.scripted_api import ScriptedApi, refuse

PLACE = f"/api/v1/namespaces/lws-system/configmaps/{CONFIG_MAP}"
DELETION = review("DELETE", None, a_set(), resource={"group": names.GROUP, "resource": names.PLURAL}, name="set")


class Api:
    """Knows the webhook server's token, and one of somebody else; keeps one ConfigMap."""

    def __init__(self, script: ScriptedApi) -> None:
        self.script = script
        self.config_map: dict[str, Any] = {
            "metadata": {"name": CONFIG_MAP, "resourceVersion": "1", "labels": {"a": "b"}}
        }
        script.always("POST", TOKEN_REVIEWS, self._token)
        script.always("POST", ACCESS_REVIEWS, self._access)
        script.always("GET", PLACE, self._read)
        script.always("PUT", PLACE, self._write)

    async def _token(self, request: web.Request) -> web.StreamResponse:
        spec = json.loads(await request.read())["spec"]
        assert spec["audiences"] == [AUDIENCE]
        name, _, audience = spec["token"].partition("@")
        if name not in ("webhook-server", "stranger"):
            return web.json_response({"status": {"error": "invalid bearer token"}}, status=201)
        status = {"authenticated": True, "user": {"username": name}, "audiences": [audience] if audience else None}
        return web.json_response({"status": status}, status=201)

    async def _access(self, request: web.Request) -> web.StreamResponse:
        spec = json.loads(await request.read())["spec"]
        assert spec["nonResourceAttributes"] == {"path": PATH, "verb": "post"}
        return web.json_response({"status": {"allowed": spec["user"] == "webhook-server"}}, status=201)

    async def _read(self, _: web.Request) -> web.StreamResponse:
        return web.json_response(self.config_map)

    async def _write(self, request: web.Request) -> web.StreamResponse:
        self.config_map = json.loads(await request.read())
        return web.json_response(self.config_map)

    @property
    def authority(self) -> str:
        return str(self.config_map.get("data", {}).get("ca.crt", ""))


class Controller(NamedTuple):
    """The controller's end, with its journal."""

    api: Api
    memory: MemoryJournal
    recorder: Recorder
    port: int
    token_file: Path

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def recorded(self) -> list[events.Fact]:
        return [events.decode(record.data).fact for record in self.memory.events.records]


@contextlib.asynccontextmanager
async def controller(api: Api, client: Any, token_file: Path, *, port: int = 0) -> AsyncIterator[Controller]:
    """An endpoint whose journal is open; another one each time, with another authority."""
    memory, clock = MemoryJournal("test"), SystemClock()
    identity = await make_identity("lws-system")
    live = LiveCertificate()
    live.use(identity.server)
    keeping = asyncio.create_task(
        PublishedAuthority(client, namespace="lws-system").keep(identity.authority_pem, clock=clock)
    )
    async with GroupCommit(memory.events) as writer:
        recorder = Recorder(cluster="test", clock=clock)
        recorder.open(writer, LastStates(memory.journal))
        application = requests_application(
            recorder.record, is_open=lambda: recorder.is_open, guard=guard_of_endpoint(client, clock=clock)
        )
        try:
            async with serving(application, Address("127.0.0.1", port), tls=live.context()) as found:
                await webhooks.eventually(lambda: _is(api.authority == identity.authority_pem.decode()))
                yield Controller(api, memory, recorder, found, token_file)
        finally:
            keeping.cancel()


async def _is(value: bool) -> bool:
    return value


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    file = tmp_path / "token"
    file.write_text(f"webhook-server@{AUDIENCE}\n")
    return file


@contextlib.asynccontextmanager
async def installation(token_file: Path) -> AsyncIterator[Controller]:
    async with ScriptedApi() as script, script.client() as client, controller(Api(script), client, token_file) as found:
        yield found


def deletion(request: str = "r1", **fact: Any) -> AdmissionRequest:
    asked = DeletionRequested(kind="set", name="set", user="bob", uid="u", request=request, **fact)
    return AdmissionRequest(namespace="default", name="set", fact=asked)


async def post(
    controller: Controller, body: bytes, *, token: str | None = f"webhook-server@{AUDIENCE}", **headers: str
) -> tuple[int, str]:
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    headers.setdefault("Content-Type", "application/json")
    connector = aiohttp.TCPConnector(ssl=False)
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        session.post(controller.url + PATH, data=body, headers=headers) as answer,
    ):
        return answer.status, await answer.text()


async def test_a_deletion_reaches_the_journal_of_another_process(token_file: Path) -> None:
    async with ScriptedApi() as script, script.client() as client, controller(Api(script), client, token_file) as there:
        authority = PublishedAuthority(client, namespace="lws-system")
        async with Sender(there.url, authority=authority, token_file=token_file) as sender:
            relay = RequestRelay(sender.deliver)
            running = asyncio.create_task(relay.run())
            async with webhooks.serving(requests=relay) as server, webhooks.session() as session:
                answer = await webhooks.posted(session, server, RECORD, DELETION)
                assert answer["response"] == {"uid": "request-uid", "allowed": True, "status": {"code": 200}}
                assert await relay.drained(seconds_max=10)
            running.cancel()
        [fact] = there.recorded
    assert isinstance(fact, DeletionRequested)
    assert (fact.user, fact.name, fact.request) == ("alice", "set", "request-uid")
    assert there.api.config_map["metadata"]["labels"] == {"a": "b"}, "what is not ours stays"


async def test_a_restarted_controller_is_found_again_and_nothing_is_recorded_twice(token_file: Path) -> None:
    async with ScriptedApi() as script, script.client() as client:
        api = Api(script)
        authority = PublishedAuthority(client, namespace="lws-system")
        async with contextlib.AsyncExitStack() as term:
            first = await term.enter_async_context(controller(api, client, token_file))
            sender = Sender(first.url, authority=authority, token_file=token_file)
            kept_open = contextlib.AsyncExitStack()
            await kept_open.enter_async_context(sender)
            await sender.deliver([deletion()])
            await sender.deliver([deletion()])
            assert len(first.recorded) == 1
        async with kept_open:
            relay = RequestRelay(sender.deliver, retry_seconds=0.01, retry_seconds_max=0.05)
            running = asyncio.create_task(relay.run())
            relay.offer(deletion("r2"))
            await webhooks.eventually(lambda: _is("cannot be reached" in relay.problem))
            async with controller(api, client, token_file, port=first.port) as second:
                assert await relay.drained(seconds_max=10)
                assert [fact.request for fact in second.recorded if isinstance(fact, DeletionRequested)] == ["r2"]
            running.cancel()


@pytest.mark.parametrize(
    ("token", "status"),
    [
        (None, 401),
        ("forged", 401),
        ("webhook-server", 401),
        ("webhook-server@https://kubernetes.default.svc", 401),
        (f"stranger@{AUDIENCE}", 403),
    ],
)
async def test_only_a_webhook_server_with_a_token_for_us_may_send(
    token_file: Path, token: str | None, status: int
) -> None:
    async with installation(token_file) as there:
        found, _ = await post(there, encode([deletion()]), token=token)
        assert found == status
        assert there.recorded == []


def _forged(**change: Any) -> bytes:
    body = json.loads(encode([deletion(request="good"), deletion()]))
    body["requests"][1].update(change)
    return json.dumps(body).encode()


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b"", 400, "the body is not what a webhook server sends"),
        (b"\xff\xfe{", 400, "the body is not what a webhook server sends"),
        (b"[" * 5000, 400, "the body is not what a webhook server sends"),
        (b'{"requests":7}', 400, "Expected `array`"),
        (encode([deletion(str(n)) for n in range(REQUESTS_MAX + 1)]), 400, f"the limit is {REQUESTS_MAX}"),
        (b" " * (BODY_BYTES_MAX + 1), 413, "larger than"),
        (_forged(namespace="a.b.>"), 400, "request 1 names no object"),
        (_forged(namespace="x" * 300), 400, "request 1 names no object"),
        (_forged(fact={"type": "SetDeleted", "uid": "u", "resource_version": "1"}), 400, "Invalid value 'SetDeleted'"),
        (_forged(fact={"type": "EpochStarted", "epoch": "e"}), 400, "Invalid value 'EpochStarted'"),
        (
            _forged(fact={"type": "DeletionRequested", "kind": "set", "name": "set", "user": "x" * 10**5}),
            400,
            "request 1",
        ),
        (_forged(fact={"type": "SpecChangeRequested", "user": "x", "groups": ["g"] * 5000}), 400, "request 1"),
    ],
)
async def test_a_body_that_is_none_is_refused_as_a_whole(
    token_file: Path, body: bytes, status: int, message: str
) -> None:
    async with installation(token_file) as there:
        found, text = await post(there, body)
        assert (found, message in text) == (status, True), text
        assert there.recorded == []
        assert await post(there, encode([deletion()])) == (200, "recorded 1\n"), "and the next one is taken"


async def test_another_method_or_content_type_is_refused(token_file: Path) -> None:
    async with installation(token_file) as there:
        found, _ = await post(there, encode([deletion()]), **{"Content-Type": "text/plain"})
        assert found == 415


async def test_what_cannot_be_stored_now_is_to_be_sent_again(token_file: Path) -> None:
    async with ScriptedApi() as script, script.client() as client:
        Api(script)
        guard = guard_of_endpoint(client, clock=SystemClock())
        is_open = False

        async def away(_: Sequence[AdmissionRequest]) -> None:
            raise JournalUnavailable("the bus is away")

        application = requests_application(away, is_open=lambda: is_open, guard=guard)
        async with serving(application, Address("127.0.0.1", 0)) as port:
            url, headers = f"http://127.0.0.1:{port}{PATH}", {"Authorization": f"Bearer webhook-server@{AUDIENCE}"}
            async with aiohttp.ClientSession(headers=headers) as session:
                for expected in ("the journal is not open yet", "the bus is away"):
                    async with session.post(url, json=msgspec.to_builtins({"requests": [deletion()]})) as answer:
                        assert answer.status == 503
                        assert expected in await answer.text()
                    is_open = True


async def test_a_sender_says_what_is_missing(token_file: Path) -> None:
    async with ScriptedApi() as script, script.client() as client:
        api = Api(script)
        authority = PublishedAuthority(client, namespace="lws-system")
        async with Sender("https://127.0.0.1:1", authority=authority, token_file=token_file) as sender:
            with pytest.raises(NotTakenError, match="has not written its authority down yet"):
                await sender.deliver([deletion()])
            api.config_map["data"] = {"ca.crt": "no certificate"}
            with pytest.raises(NotTakenError, match="cannot be read"):
                await sender.deliver([deletion()])
            api.config_map["data"] = {"ca.crt": webhooks.AUTHORITY.certificate.decode()}
            with pytest.raises(NotTakenError, match="cannot be reached"):
                await sender.deliver([deletion()])
        missing = token_file.with_name("missing")
        async with Sender("https://127.0.0.1:1", authority=authority, token_file=missing) as sender:
            with pytest.raises(NotTakenError, match="token file"):
                await sender.deliver([deletion()])


async def test_a_controller_of_another_authority_gets_neither_token_nor_requests(token_file: Path) -> None:
    async with ScriptedApi() as script, script.client() as client, controller(Api(script), client, token_file) as there:
        there.api.config_map["data"] = {"ca.crt": webhooks.AUTHORITY.certificate.decode()}
        asked = len(script.requests("POST", TOKEN_REVIEWS))
        authority = PublishedAuthority(client, namespace="lws-system")
        async with Sender(there.url, authority=authority, token_file=token_file) as sender:
            with pytest.raises(NotTakenError, match="shows another certificate"):
                await sender.deliver([deletion()])
        assert len(script.requests("POST", TOKEN_REVIEWS)) == asked
        assert there.recorded == []


async def test_what_the_controller_refuses_for_good_is_not_sent_again(token_file: Path) -> None:
    async with ScriptedApi() as script, script.client() as client, controller(Api(script), client, token_file) as there:
        authority = PublishedAuthority(client, namespace="lws-system")
        async with Sender(there.url, authority=authority, token_file=token_file) as sender:
            with pytest.raises(RequestsRefused, match="the controller answered 400"):
                await sender.deliver([deletion(groups=("x" * 1000,))])
            await asyncio.to_thread(token_file.write_text, f"stranger@{AUDIENCE}")
            with pytest.raises(NotTakenError, match="403"):
                await sender.deliver([deletion()])


async def test_an_authority_that_cannot_be_written_is_told_and_tried_again() -> None:
    async with ScriptedApi() as script, script.client() as client:
        script.script("GET", PLACE, refuse(403, "Forbidden", "no"))
        api = Api(script)
        authority = PublishedAuthority(client, namespace="lws-system")
        keeping = asyncio.create_task(authority.keep(b"PEM", clock=SystemClock()))
        await webhooks.eventually(lambda: _is(CONFIG_MAP in authority.problem))
        await webhooks.eventually(lambda: _is(api.authority == "PEM" and not authority.problem))
        keeping.cancel()


def test_bodies_are_within_the_limits() -> None:
    large = [deletion(str(n), groups=tuple("ü" * 256 for _ in range(65))) for n in range(150)]
    bodies = in_bodies(large)
    assert all(len(body) <= BODY_BYTES_MAX for body in bodies)
    assert [request.fact.request for body in bodies for request in decode(body)] == [str(n) for n in range(150)]
    assert in_bodies([]) == []
