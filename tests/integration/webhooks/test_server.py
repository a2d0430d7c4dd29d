"""The server answers whatever is sent to it, cleanly and in time."""

import asyncio
import gzip
import json
import ssl
from collections.abc import Sequence
from typing import Any

import pytest

from adapters.webhooks.errors import CertificateError
from adapters.webhooks.relay import RequestRelay
from adapters.webhooks.server import AdmissionServer, ServerLimits
from adapters.webhooks.tls import LiveCertificate
from lws_events import names
from lws_events.admission import PATHS, RECORD, AdmissionRequest, Surroundings
from lws_events.admission.review import MUTATE_POD, MUTATE_SET, VALIDATE_SET
from lws_events.requests import SpecChangeRequested
from tests.integration.webhooks.client import eventually, live, posted, serving, session, trusting
from tests.unit.admission.objects import a_set, patched, review

POD = {
    "metadata": {
        "name": "set-0-1",
        "namespace": "default",
        "labels": {names.SET_NAME: "set", names.GROUP_INDEX: "0", names.GROUP_KEY: "key"},
        "annotations": {names.SIZE: "2"},
    },
    "spec": {"subdomain": "set", "containers": [{"name": "c"}]},
}


class Measured:
    def __init__(self) -> None:
        self.requests: list[tuple[str, int]] = []

    def observe(self, path: str, code: int, seconds: float) -> None:
        assert seconds >= 0
        self.requests.append((path, code))


async def test_sets_and_pods_are_admitted() -> None:
    metrics = Measured()
    async with serving(metrics=metrics) as server, session() as client:
        assert server.ready
        answer = await posted(client, server, MUTATE_SET, review("CREATE", a_set()))
        assert patched(a_set(), answer)["spec"]["networkConfig"] == {"subdomainPolicy": "Shared"}
        answer = await posted(client, server, MUTATE_POD, review("CREATE", POD))
        assert patched(POD, answer)["metadata"]["labels"][names.WORKER_INDEX] == "1"
        answer = await posted(client, server, VALIDATE_SET, review("CREATE", a_set(replicas=-1)))
        assert answer["response"]["status"]["code"] == 403
    assert metrics.requests == [(MUTATE_SET, 200), (MUTATE_POD, 200), (VALIDATE_SET, 200)]
    assert not server.ready
    assert server.port == 0


async def test_what_is_known_around_a_set_comes_in() -> None:
    def around(namespace: str, name: str) -> Surroundings:
        return Surroundings(sibling_names=(name.removesuffix("-1"),) if namespace == "default" else ())

    async with serving(surroundings_of=around) as server, session() as client:
        answer = await posted(client, server, VALIDATE_SET, review("CREATE", a_set("a-1")))
    assert answer["response"]["warnings"] == [
        "metadata.name: objects of a-1 and of the existing a may get the same names"
    ]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "request body is empty"),
        (b"{", "the request body is not JSON: Input data was truncated"),
        (b"\xff\xfe", "the request body is not JSON: JSON is malformed: invalid character (byte 0)"),
        (b'"\xff"', "the request body is not JSON: "),
        (b"1e999", "the request body is not JSON: "),
        (b"[" * 100_000, "the request body is nested too deeply"),
        (b"[]", "the body is not an AdmissionReview of admission.k8s.io/v1"),
    ],
)
async def test_a_malformed_body_is_refused_inside_a_review(body: bytes, message: str) -> None:
    async with serving() as server, session() as client:
        for path in PATHS:
            answer = await posted(client, server, path, body)
            assert answer["response"]["allowed"] is False
            assert answer["response"]["status"]["code"] == 400
            assert answer["response"]["status"]["message"].startswith(message)


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 100_000, b'"\xff"', b"[]", b'{"request":{"uid":"u"}}'])
async def test_the_recording_path_lets_everything_through(body: bytes) -> None:
    """A refusal there would hold up what is none of our business, whatever its failurePolicy."""
    async with serving(limits=ServerLimits(body_bytes_max=50_000)) as server, session() as client:
        answer = await posted(client, server, RECORD, body)
        assert answer["response"]["allowed"] is True
        assert "patch" not in answer["response"]


async def test_an_error_of_ours_lets_a_deletion_through() -> None:
    class Broken(RequestRelay):
        def offer(self, request: AdmissionRequest) -> None:
            raise RuntimeError("a bug")

    resource = {"group": names.GROUP, "resource": names.PLURAL}
    async with serving(requests=Broken(Journal())) as server, session() as client:
        answer = await posted(client, server, RECORD, review("DELETE", None, a_set(), resource=resource))
    assert answer["response"]["allowed"] is True


async def test_another_content_type_is_refused() -> None:
    async with serving() as server, session() as client:
        answer = await posted(client, server, MUTATE_SET, review("CREATE", a_set()), **{"Content-Type": "text/plain"})
    assert answer["response"]["status"]["message"] == "contentType=text/plain, expected application/json"


async def test_other_methods_on_a_known_path_hear_a_refusal() -> None:
    async with serving() as server, session() as client:
        for method in ("GET", "PUT", "DELETE"):
            async with client.request(method, f"https://127.0.0.1:{server.port}{MUTATE_SET}") as answer:
                assert answer.status == 200
                assert (await answer.json())["response"]["status"]["message"] == "request body is empty"


@pytest.mark.parametrize("path", ["/", "/convert", "/mutate--v1-pod/", "/validate-disaggregatedset", "/%ff"])
async def test_an_unknown_path_is_not_found(path: str) -> None:
    async with serving() as server, session() as client:
        answer = await client.post(f"https://127.0.0.1:{server.port}{path}", data=b"{}")
        assert answer.status == 404


@pytest.mark.parametrize("announced", [True, False], ids=["with its length", "in chunks"])
async def test_a_body_that_is_too_large_is_refused(announced: bool) -> None:
    limits = ServerLimits(body_bytes_max=10_000)
    body = json.dumps(review("CREATE", a_set(), padding="x" * 20_000)).encode()

    async def pieces() -> Any:
        for start in range(0, len(body), 1000):
            yield body[start : start + 1000]

    async with serving(limits=limits) as server, session() as client:
        url = f"https://127.0.0.1:{server.port}{VALIDATE_SET}"
        async with client.post(url, data=body if announced else pieces()) as answer:
            status = (await answer.json())["response"]["status"]
        assert status == {"code": 413, "message": "request entity is too large; limit is 10000 bytes"}
        answered = await posted(client, server, VALIDATE_SET, review("CREATE", a_set()))
        assert answered["response"]["allowed"]


async def test_a_compressed_body_counts_with_its_real_size() -> None:
    body = gzip.compress(b" " * 1_000_000)
    async with serving(limits=ServerLimits(body_bytes_max=10_000)) as server, session() as client:
        answer = await posted(client, server, VALIDATE_SET, body, **{"Content-Encoding": "gzip"})
    assert answer["response"]["status"]["code"] == 413


async def test_a_body_that_does_not_arrive_is_given_up() -> None:
    async with serving(limits=ServerLimits(body_seconds_max=0.2)) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port, ssl=trusting())
        head = (
            f"POST {MUTATE_SET} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{{"
        )
        writer.write(head.encode())
        answer = await asyncio.wait_for(reader.read(), 10)  # to the end: the connection is closed as well
        writer.close()
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["response"]["status"] == {
        "code": 408,
        "message": "the request body did not arrive within 0.2 s",
    }


@pytest.mark.parametrize("head", [b"", b"POST / HTTP/1.1\r\nX: "], ids=["nothing", "half a head"])
async def test_a_connection_that_stays_silent_is_closed(head: bytes) -> None:
    async with serving(limits=ServerLimits(silence_seconds_max=0.3)) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port, ssl=trusting())
        writer.write(head)
        assert await asyncio.wait_for(reader.read(), 10) == b""
        writer.close()


async def test_a_connection_without_tls_is_closed() -> None:
    async with serving(limits=ServerLimits(silence_seconds_max=0.3)) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        assert b"HTTP" not in await asyncio.wait_for(reader.read(), 10)
        writer.close()


async def test_rubbish_instead_of_http_is_answered_with_bad_request() -> None:
    async with serving() as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port, ssl=trusting())
        writer.write(b"\x00\x01\x02\r\n\r\n")
        assert (await asyncio.wait_for(reader.read(), 10)).startswith(b"HTTP/1.0 400")
        writer.close()


async def test_an_error_of_ours_is_a_refusal() -> None:
    def broken(namespace: str, name: str) -> Surroundings:
        raise RuntimeError("surroundings are out")

    async with serving(surroundings_of=broken) as server, session() as client:
        answer = await posted(client, server, VALIDATE_SET, review("CREATE", a_set()))
    assert answer["response"]["status"]["code"] == 500
    assert "surroundings are out" not in answer["response"]["status"]["message"]


async def test_many_clients_at_once() -> None:
    async with serving() as server, session() as client:
        answers = await asyncio.gather(
            *(posted(client, server, VALIDATE_SET, review("CREATE", a_set(), uid=str(n))) for n in range(200))
        )
    assert [answer["response"]["uid"] for answer in answers] == [str(n) for n in range(200)]
    assert all(answer["response"]["allowed"] for answer in answers)


async def test_old_versions_of_tls_are_refused_and_http2_is_not_offered() -> None:
    async with serving() as server:
        newest_refused, oldest_accepted = (
            trusting(maximum=v) for v in (ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2)
        )
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await asyncio.open_connection("127.0.0.1", server.port, ssl=newest_refused)
        _, writer = await asyncio.open_connection("127.0.0.1", server.port, ssl=oldest_accepted)
        assert writer.get_extra_info("ssl_object").version() == "TLSv1.2"
        writer.close()
        context = trusting()
        context.set_alpn_protocols(["h2", "http/1.1"])
        _, writer = await asyncio.open_connection("127.0.0.1", server.port, ssl=context, server_hostname="localhost")
        assert writer.get_extra_info("ssl_object").selected_alpn_protocol() == "http/1.1"
        writer.close()


async def test_without_a_certificate_it_does_not_start() -> None:
    server = AdmissionServer(LiveCertificate(), host="127.0.0.1", port=0)
    with pytest.raises(CertificateError, match="there is no certificate yet"):
        await server.start()
    assert not server.ready


async def test_a_taken_port_is_an_error() -> None:
    async with serving() as first:
        second = AdmissionServer(live(), host="127.0.0.1", port=first.port)
        with pytest.raises(OSError, match="address already in use"):
            await second.start()
        assert not second.ready


class Journal:
    """Takes changes, or fails, as it is told."""

    def __init__(self, *, works: bool = True) -> None:
        self.works = works
        self.taken: list[AdmissionRequest] = []

    async def __call__(self, requests: Sequence[AdmissionRequest]) -> None:
        if not self.works:
            raise ConnectionError("the journal is down")
        self.taken += requests


async def test_the_deciding_user_reaches_the_audit() -> None:
    journal = Journal()
    relay = RequestRelay(journal)
    running = asyncio.create_task(relay.run())
    try:
        async with serving(requests=relay) as server, session() as client:
            await posted(client, server, VALIDATE_SET, review("CREATE", a_set(replicas=-1)))
            await posted(client, server, VALIDATE_SET, review("CREATE", a_set(), dryRun=True))
            await posted(client, server, VALIDATE_SET, review("UPDATE", a_set(replicas=3), a_set()))
        assert await relay.drained(seconds_max=5)
    finally:
        running.cancel()
    [request] = journal.taken
    assert isinstance(request.fact, SpecChangeRequested)
    assert (request.name, request.fact.user, request.fact.operation) == ("set", "alice", "UPDATE")
    assert request.fact.asked_ms > 0


async def test_admission_goes_on_while_the_journal_is_down_and_the_newest_changes_are_kept() -> None:
    journal = Journal(works=False)
    relay = RequestRelay(journal, waiting_max=3, retry_seconds=0.01, retry_seconds_max=0.02)
    running = asyncio.create_task(relay.run())
    try:
        async with serving(requests=relay) as server, session() as client:
            for replicas in range(10, 20):
                answer = await posted(client, server, VALIDATE_SET, review("CREATE", a_set(f"set{replicas}")))
                assert answer["response"]["allowed"]
        assert relay.dropped == 7
        assert not await relay.drained(seconds_max=0.05)
        journal.works = True
        assert await relay.drained(seconds_max=5)
    finally:
        running.cancel()
    assert [change.name for change in journal.taken] == ["set17", "set18", "set19"]


async def test_a_journal_that_hangs_is_asked_again() -> None:
    calls: list[str] = []

    async def hangs_once(requests: Sequence[AdmissionRequest]) -> None:
        calls.extend(request.name for request in requests)
        if len(calls) == 1:
            await asyncio.Event().wait()

    relay = RequestRelay(hangs_once, delivery_seconds_max=0.05, retry_seconds=0.01)
    running = asyncio.create_task(relay.run())
    try:
        async with serving(requests=relay) as server, session() as client:
            await posted(client, server, VALIDATE_SET, review("CREATE", a_set()))

        async def asked_again() -> bool:
            return len(calls) == 2

        await eventually(asked_again)
        assert await relay.drained(seconds_max=5)
    finally:
        running.cancel()
