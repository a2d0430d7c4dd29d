"""The client of the Kubernetes API: errors, limits, credentials that change, streams that break."""

import json
from collections import Counter
from pathlib import Path

import pytest

from adapters.kubernetes import plain_credentials
from adapters.kubernetes.client import ApiClient
from adapters.kubernetes.credentials import REREAD_SECONDS, Access, FixedCredentials, load
from adapters.kubernetes.errors import ApiError, ApiUnavailable, CredentialsError
from adapters.kubernetes.resources import LEADER_WORKER_SETS, NODES, PODS, resource_of
from tests.controlplane.certificates import make_authority
from tests.unit.scripted_api import ScriptedApi, answer, lost, refuse, stream
from tests.unit.virtual_clocks import LeapingClock

PATH = "/api/v1/namespaces/ns/pods/a"


class Meter:
    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str, int]] = Counter()

    def count(self, *, method: str, resource: str, code: int) -> None:
        self.counts[method, resource, code] += 1


class ChangingCredentials:
    """Hands out numbered tokens."""

    def __init__(self, server: str) -> None:
        self.server = server
        self.number = 1

    async def access(self) -> Access:
        return Access(f"Bearer token-{self.number}", True)

    async def renew(self, refused: Access) -> Access:
        self.number += 1
        return await self.access()


async def test_answers_are_bytes_and_requests_say_who_asks() -> None:
    meter = Meter()
    async with ScriptedApi() as api, api.client(meter=meter) as client:
        api.script("GET", PATH, answer(b'{"a": 1}'))
        assert await client.get(PODS, "ns", "a") == b'{"a": 1}'
    assert api.asked[0].headers["User-Agent"].startswith("lws-events/")
    assert meter.counts == {("GET", "pods", 200): 1}


async def test_warnings_are_handed_on_as_they_were_meant() -> None:
    warnings: list[str] = []
    async with (
        ScriptedApi() as api,
        ApiClient(FixedCredentials(api.url), timeout_seconds=5.0, on_warning=warnings.append) as client,
    ):
        api.script("GET", PATH, answer(b"{}", headers={"Warning": r'299 - "size \"0\" is odd"'}))
        api.script("GET", PATH, refuse(422, "Invalid", headers={"Warning": "of a proxy"}))
        await client.get(PODS, "ns", "a")
        with pytest.raises(ApiError):
            await client.get(PODS, "ns", "a")
    assert warnings == ['size "0" is odd', "of a proxy"]


async def test_a_refusal_keeps_what_the_api_server_said() -> None:
    causes = [{"field": "metadata.uid", "reason": "FieldValueInvalid", "message": "immutable"}]
    async with ScriptedApi() as api, api.client() as client:
        api.script(
            "GET",
            PATH,
            refuse(429, "TooManyRequests", "slow down", headers={"Retry-After": "7"}),
            refuse(422, "Invalid", causes=causes),
            answer(b"<html>bad gateway</html>", code=502),
        )
        with pytest.raises(ApiError, match="slow down") as limited:
            await client.get(PODS, "ns", "a")
        with pytest.raises(ApiError) as invalid:
            await client.get(PODS, "ns", "a")
        with pytest.raises(ApiError, match="bad gateway") as gateway:
            await client.get(PODS, "ns", "a")
    assert (limited.value.code, limited.value.retry_after_seconds, limited.value.transient) == (429, 7.0, True)
    assert [cause.field for cause in invalid.value.causes] == ["metadata.uid"]
    assert (gateway.value.code, gateway.value.reason) == (502, "Unknown")


async def test_a_lost_connection_is_not_an_answer() -> None:
    meter = Meter()
    async with ScriptedApi() as api, api.client(meter=meter) as client:
        api.always("POST", "/api/v1/namespaces/ns/pods", lost())
        with pytest.raises(ApiUnavailable):
            await client.create(PODS, "ns", b"{}")
    assert meter.counts == {("POST", "pods", 0): 1}


async def test_credentials_are_renewed_once_after_401() -> None:
    async with ScriptedApi() as api, api.client(ChangingCredentials(api.url)) as client:
        api.script("GET", PATH, refuse(401, "Unauthorized"), answer({}))
        await client.get(PODS, "ns", "a")
        assert [asked.headers["Authorization"] for asked in api.asked] == ["Bearer token-1", "Bearer token-2"]
        api.script("GET", PATH, refuse(401, "Unauthorized"), refuse(401, "Unauthorized"))
        with pytest.raises(ApiError) as refused:
            await client.get(PODS, "ns", "a")
    assert refused.value.code == 401
    assert len(api.asked) == 4


async def test_a_stream_gives_complete_lines_however_they_are_cut() -> None:
    async with ScriptedApi() as api, api.client() as client:
        api.script("GET", "/api/v1/pods", stream(b"one\ntw", b"o\nthr", b"ee\nrest"))
        lines = [line async for line in client.stream("/api/v1/pods", {"watch": "1"}, idle_seconds=5)]
    assert lines == [b"one", b"two", b"three"]


async def test_a_stream_that_breaks_off_mid_line_says_so() -> None:
    lines: list[bytes] = []

    async def read(client: ApiClient) -> None:
        async for line in client.stream("/api/v1/pods", {}, idle_seconds=5):
            lines.append(line)

    async with ScriptedApi() as api, api.client() as client:
        api.script("GET", "/api/v1/pods", stream(b"one\ntw", then="cut"))
        with pytest.raises(ApiUnavailable):
            await read(client)
    assert lines == [b"one"]


async def test_a_silent_stream_is_given_up() -> None:
    async with ScriptedApi() as api, api.client() as client:
        api.script("GET", "/api/v1/pods", stream(b"one\n", then="wait"))
        with pytest.raises(ApiUnavailable):
            _ = [line async for line in client.stream("/api/v1/pods", {}, idle_seconds=0.05)]


async def test_writes_carry_what_the_api_server_needs() -> None:
    async with ScriptedApi() as api, api.client() as client:
        sets = "/apis/leaderworkerset.x-k8s.io/v1/namespaces/ns/leaderworkersets/a"
        api.script("PATCH", sets, answer({}))
        api.script("DELETE", PATH, answer({}))
        await client.apply(LEADER_WORKER_SETS, "ns", "a", b"{}", field_manager="lws")
        await client.delete(PODS, "ns", "a", uid="u1", propagation="Foreground")
    apply, delete = api.asked
    assert apply.query == {"fieldManager": "lws", "force": "true"}
    assert apply.headers["Content-Type"] == "application/apply-patch+yaml"
    assert delete.json["preconditions"] == {"uid": "u1"}
    assert delete.json["propagationPolicy"] == "Foreground"


def test_paths_and_the_resources_in_them() -> None:
    assert LEADER_WORKER_SETS.path("ns", "a", "status") == (
        "/apis/leaderworkerset.x-k8s.io/v1/namespaces/ns/leaderworkersets/a/status"
    )
    assert NODES.path("ns") == "/api/v1/nodes"
    assert resource_of(LEADER_WORKER_SETS.path("ns", "a", "status")) == "leaderworkersets/status"
    assert resource_of(PODS.path()) == "pods"
    assert resource_of(PODS.path("ns", "a")) == "pods"
    assert resource_of(NODES.path(None, "n")) == "nodes"


def kubeconfig(directory: Path, server: str, user: dict[str, object]) -> Path:
    file = directory / "config"
    file.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "c",
                "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
                "clusters": [{"name": "k", "cluster": {"server": server}}],
                "users": [{"name": "u", "user": user}],
            }
        )
    )
    return file


async def test_a_token_file_is_read_again(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("first\n")
    clock = LeapingClock()
    async with ScriptedApi() as api:
        api.always("GET", PATH, answer({}))
        config = kubeconfig(tmp_path, api.url, {"tokenFile": str(token)})
        credentials = await load(str(config), environ={}, clock=clock)
        async with ApiClient(credentials) as client:
            await client.get(PODS, "ns", "a")
            token.write_text("second\n")
            await client.get(PODS, "ns", "a")
            clock.now += REREAD_SECONDS
            await client.get(PODS, "ns", "a")
    assert [asked.headers["Authorization"] for asked in api.asked] == ["Bearer first", "Bearer first", "Bearer second"]


async def test_a_refused_token_is_read_again_at_once(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("first")
    async with ScriptedApi() as api:
        api.script("GET", PATH, refuse(401, "Unauthorized"), answer({}))
        config = kubeconfig(tmp_path, api.url, {"tokenFile": str(token)})
        credentials = await load(environ={"KUBECONFIG": str(config)}, clock=LeapingClock())
        token.write_text("second")
        async with ApiClient(credentials) as client:
            await client.get(PODS, "ns", "a")
    assert [asked.headers["Authorization"] for asked in api.asked] == ["Bearer first", "Bearer second"]


async def test_an_exec_plugin_is_run_again_after_401(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("first")
    script = (
        'printf \'{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential",'
        f'"status":{{"token":"%s"}}}}\' "$(cat {token})"'
    )
    user = {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "sh", "args": ["-c", script]}}
    async with ScriptedApi() as api:
        api.script("GET", PATH, refuse(401, "Unauthorized"), answer({}))
        config = kubeconfig(tmp_path, api.url, user)
        credentials = await load(str(config), environ={}, clock=LeapingClock())
        token.write_text("second")
        async with ApiClient(credentials) as client:
            await client.get(PODS, "ns", "a")
    assert [asked.headers["Authorization"] for asked in api.asked] == ["Bearer first", "Bearer second"]


async def test_the_account_of_a_pod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain_credentials, "ACCOUNT", tmp_path)
    token, authority = tmp_path / "token", tmp_path / "ca.crt"
    token.write_text("first")
    authority.write_bytes(make_authority().pem)
    environ = {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"}
    credentials = await load(environ=environ, clock=LeapingClock())
    first = await credentials.access()
    assert credentials.server == "https://[fd00::1]:443"
    assert first.authorization == "Bearer first"
    token.write_text("second")
    authority.write_bytes(make_authority().pem)
    second = await credentials.renew(first)
    assert second.authorization == "Bearer second"
    assert second.tls is not first.tls  # a rotated authority is trusted
    assert await credentials.renew(first) is second  # many were refused with the same token: one renewal


async def test_missing_credentials_say_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(CredentialsError, match="nowhere does not exist"):
        await load(str(tmp_path / "nowhere"), environ={})
    broken = kubeconfig(tmp_path, "http://x", {"exec": {"apiVersion": "v1", "command": "/nonexistent"}})
    with pytest.raises(CredentialsError, match="exec plugin"):
        await load(str(broken), environ={})
