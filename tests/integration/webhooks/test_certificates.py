"""Certificates: reloaded from files, or made, kept, renewed and injected by the program itself."""

import asyncio
import base64
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import structlog.testing
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from adapters.kubernetes.errors import ApiError
from adapters.webhooks.certificates import ServerIdentity, make_authority, make_server_certificate
from adapters.webhooks.cluster import KubernetesSecretStore, KubernetesWebhookConfigurations
from adapters.webhooks.configuration import (
    RECORDING,
    SECRET,
    recording_configuration,
    service_client,
    url_client,
    webhook_configurations,
)
from adapters.webhooks.errors import CertificateError
from adapters.webhooks.files import CertificateFiles
from adapters.webhooks.rotation import CertificateRotator
from adapters.webhooks.stores import InMemorySecretStore, InMemoryWebhookConfigurations
from adapters.webhooks.tls import KeyPair, LiveCertificate
from lws_events.admission.review import VALIDATE_SET
from tests.integration.webhooks.client import (
    AUTHORITY,
    IDENTITY,
    OTHER_PAIR,
    PAIR,
    KeptConnection,
    der,
    eventually,
    posted,
    serving,
    session,
    shown_certificate,
    trusting,
)
from tests.unit.admission.objects import a_set, review


def put(directory: Path, pair: KeyPair) -> None:
    (directory / "tls.crt").write_bytes(pair.certificate)
    (directory / "tls.key").write_bytes(pair.key)


async def test_a_changed_file_is_shown_to_new_connections_and_old_ones_stay(tmp_path: Path) -> None:
    put(tmp_path, PAIR)
    live = LiveCertificate()
    files = CertificateFiles(tmp_path, live, interval_seconds=0.02)
    assert files.load()
    assert not files.load()
    running = asyncio.create_task(files.run())
    try:
        async with serving(live) as server:
            old = await KeptConnection.to(server)
            assert (await old.post(VALIDATE_SET, review("CREATE", a_set())))["response"]["allowed"]
            assert await shown_certificate(server) == der(PAIR)
            put(tmp_path, OTHER_PAIR)

            async def reloaded() -> bool:
                return await shown_certificate(server) == der(OTHER_PAIR)

            await eventually(reloaded)
            assert await shown_certificate(server, name="localhost") == der(OTHER_PAIR)
            assert (await old.post(VALIDATE_SET, review("CREATE", a_set())))["response"]["allowed"]
            old.close()
    finally:
        running.cancel()


async def test_half_of_a_new_pair_is_never_shown(tmp_path: Path) -> None:
    put(tmp_path, PAIR)
    live = LiveCertificate()
    files = CertificateFiles(tmp_path, live, interval_seconds=0.01)
    files.load()
    (tmp_path / "tls.crt").write_bytes(OTHER_PAIR.certificate)
    with pytest.raises(CertificateError, match="cannot be used together"):
        files.load()
    running = asyncio.create_task(files.run())
    try:
        async with serving(live) as server:
            assert await shown_certificate(server) == der(PAIR)
            (tmp_path / "tls.key").write_bytes(OTHER_PAIR.key)

            async def completed() -> bool:
                return await shown_certificate(server) == der(OTHER_PAIR)

            await eventually(completed)
    finally:
        running.cancel()


@pytest.mark.parametrize("content", [None, b"", b"no certificate", AUTHORITY.certificate])
def test_files_that_are_no_pair_are_named(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        put(tmp_path, KeyPair(certificate=content, key=PAIR.key))
    with pytest.raises(CertificateError):
        CertificateFiles(tmp_path, LiveCertificate()).load()


class Clock:
    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now


class Managed:
    """A rotator with its doubles, on a clock that the test moves."""

    def __init__(self, identity: ServerIdentity = IDENTITY, secret: Mapping[str, bytes] | None = None) -> None:
        self.clock = Clock()
        self.secrets = InMemorySecretStore(secret)
        self.configurations = InMemoryWebhookConfigurations()
        self.live = LiveCertificate()
        self.identity = identity
        self.rotator = self.replica(self.live)

    def replica(self, live: LiveCertificate) -> CertificateRotator:
        return CertificateRotator(
            self.secrets,
            self.configurations,
            live,
            identity=self.identity,
            now=self.clock,
            interval_seconds=0.01,
        )

    async def data(self) -> Mapping[str, bytes]:
        content = await self.secrets.read()
        assert content is not None
        return content.data


async def test_an_empty_secret_is_filled_and_the_authority_injected() -> None:
    managed = Managed(secret={})
    await managed.rotator.ensure()
    data = await managed.data()
    assert sorted(data) == ["ca.crt", "ca.key", "tls.crt", "tls.key"]
    assert managed.configurations.ca_bundle == data["ca.crt"]
    authority = KeyPair(certificate=data["ca.crt"], key=data["ca.key"])
    async with serving(managed.live) as server, session(trusting(authority)) as client:
        answer = await posted(client, server, VALIDATE_SET, review("CREATE", a_set()))
        assert answer["response"]["allowed"]
    before = await managed.secrets.read()
    await managed.rotator.ensure()
    assert await managed.secrets.read() == before, "a settled Secret is not written"


async def test_the_certificates_are_laid_out_as_the_reference_expects() -> None:
    managed = Managed(ServerIdentity.of_service("lws-webhook-service", "lws-system"))
    await managed.rotator.ensure()
    data = await managed.data()
    assert data["ca.key"].startswith(b"-----BEGIN RSA PRIVATE KEY-----")
    assert data["tls.key"].startswith(b"-----BEGIN RSA PRIVATE KEY-----")
    authority = x509.load_pem_x509_certificate(data["ca.crt"])
    server = x509.load_pem_x509_certificate(data["tls.crt"])
    named = {attribute.oid: attribute.value for attribute in authority.subject}
    assert named == {NameOID.COMMON_NAME: "lws-ca", NameOID.ORGANIZATION_NAME: "lws"}
    (common_name,) = server.subject
    assert common_name.value == "lws-webhook-service.lws-system.svc"
    alternative = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert list(alternative) == [x509.DNSName("lws-webhook-service.lws-system.svc")]
    usage = server.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]
    lifetimes = [c.not_valid_after_utc - c.not_valid_before_utc for c in (authority, server)]
    assert lifetimes == [timedelta(days=3650, hours=1), timedelta(days=365, hours=1)]


async def test_the_server_certificate_is_renewed_ninety_days_ahead_under_the_same_authority() -> None:
    managed = Managed()
    await managed.rotator.ensure()
    first = await managed.data()
    managed.clock.now += timedelta(days=274)
    await managed.rotator.ensure()
    assert await managed.data() == first
    managed.clock.now += timedelta(days=2)
    await managed.rotator.ensure()
    second = await managed.data()
    assert second["ca.crt"] == first["ca.crt"]
    assert second["tls.crt"] != first["tls.crt"]
    assert managed.live.pair == KeyPair(certificate=second["tls.crt"], key=second["tls.key"])


async def test_the_authority_is_renewed_with_everything_below_it() -> None:
    managed = Managed()
    await managed.rotator.ensure()
    first = await managed.data()
    managed.clock.now += timedelta(days=3561)
    await managed.rotator.ensure()
    second = await managed.data()
    assert second["ca.crt"] != first["ca.crt"]
    assert managed.configurations.ca_bundle == second["ca.crt"]


@pytest.mark.parametrize(
    "damage",
    [
        {"ca.crt": b"rubbish"},
        {"ca.key": PAIR.key},
        {"tls.crt": PAIR.certificate},
        {"tls.key": b""},
        {"ca.crt": b"", "ca.key": b"", "tls.crt": b"", "tls.key": b""},
    ],
    ids="+".join,
)
async def test_a_damaged_secret_heals(damage: dict[str, bytes]) -> None:
    managed = Managed()
    await managed.rotator.ensure()
    broken = Managed(secret={**await managed.data(), **damage, "other": b"kept"})
    await broken.rotator.ensure()
    data = await broken.data()
    assert data["other"] == b"kept"
    authority = KeyPair(certificate=data["ca.crt"], key=data["ca.key"])
    async with serving(broken.live) as server:
        assert await shown_certificate(server, authority=authority)


async def test_a_new_name_gives_a_new_certificate() -> None:
    managed = Managed()
    await managed.rotator.ensure()
    first = await managed.data()
    moved = Managed(ServerIdentity(dns_names=("localhost", "moved"), ip_addresses=("127.0.0.1", "::1")), first)
    await moved.rotator.ensure()
    second = await moved.data()
    assert second["ca.crt"] == first["ca.crt"]
    assert second["tls.crt"] != first["tls.crt"]


async def test_two_replicas_agree_and_follow_each_other() -> None:
    managed = Managed()
    other = LiveCertificate()
    replica = managed.replica(other)
    await asyncio.gather(managed.rotator.ensure(), replica.ensure())
    assert managed.live.pair == other.pair
    running = asyncio.create_task(replica.run())
    try:
        managed.clock.now += timedelta(days=300)
        await managed.rotator.ensure()

        async def followed() -> bool:
            return managed.live.pair == other.pair

        await eventually(followed)
    finally:
        running.cancel()


class Restless(InMemorySecretStore):
    """Somebody else is always faster."""

    async def write(self, data: Mapping[str, bytes], *, version: str | None) -> bool:
        return False


async def test_a_secret_that_never_holds_still_is_an_error() -> None:
    rotator = CertificateRotator(Restless(), InMemoryWebhookConfigurations(), LiveCertificate(), identity=IDENTITY)
    with pytest.raises(CertificateError, match="changed 10 times"):
        await rotator.ensure()


async def test_a_pass_that_fails_is_followed_by_another() -> None:
    class Unreliable(InMemoryWebhookConfigurations):
        failures = 2

        async def inject(self, ca_bundle: bytes) -> int:
            if self.failures:
                self.failures -= 1
                raise ApiError(503, "ServiceUnavailable", "not now")
            return await super().inject(ca_bundle)

    live, configurations = LiveCertificate(), Unreliable()
    rotator = CertificateRotator(InMemorySecretStore(), configurations, live, identity=IDENTITY, interval_seconds=0.01)
    running = asyncio.create_task(rotator.run())
    try:

        async def in_use() -> bool:
            return live.pair is not None

        await eventually(in_use)
    finally:
        running.cancel()
    assert configurations.ca_bundle


class Api:
    """As much of an API server as the stores use: objects by path, versions, conflicts, and what is forbidden."""

    def __init__(self, *, forbidden: tuple[str, ...] = ()) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self.writes: list[str] = []
        self.conflicts = 0
        self.forbidden = forbidden

    def put(self, path: str, value: dict[str, Any]) -> None:
        version = int(self.objects.get(path, {}).get("metadata", {}).get("resourceVersion", "0")) + 1
        self.objects[path] = {**value, "metadata": {**value["metadata"], "resourceVersion": str(version)}}

    async def request(
        self, method: str, path: str, *, query: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> bytes:
        if method in self.forbidden:
            raise ApiError(403, "Forbidden", f"{method} is not allowed")
        value = msgspec.json.decode(body) if body else None
        if method == "POST":
            path = f"{path}/{value['metadata']['name']}"
            if path in self.objects:
                raise ApiError(409, "AlreadyExists", path)
        elif path not in self.objects:
            raise ApiError(404, "NotFound", path)
        if method != "GET":
            self._write(method, path, value, query)
        return msgspec.json.encode(self.objects[path])

    def _write(self, method: str, path: str, value: dict[str, Any], query: Mapping[str, str] | None) -> None:
        assert query == {"fieldManager": "lws"}
        present = self.objects.get(path, {}).get("metadata", {}).get("resourceVersion")
        if self.conflicts or (method == "PUT" and value["metadata"].get("resourceVersion") != present):
            self.conflicts -= 1
            raise ApiError(409, "Conflict", path)
        self.writes.append(f"{method} {path}")
        self.put(path, value)


SECRET_PATH = f"/api/v1/namespaces/lws-system/secrets/{SECRET}"
REGISTRATION = "/apis/admissionregistration.k8s.io/v1"


def with_configurations(api: Api, client: dict[str, Any]) -> list[str]:
    paths = []
    for configuration in webhook_configurations(client):
        plural = f"{configuration['kind'].lower()}s"
        paths.append(f"{REGISTRATION}/{plural}/{configuration['metadata']['name']}")
        api.put(paths[-1], configuration)
    return paths


async def test_secret_and_configurations_of_a_cluster() -> None:
    api = Api()
    paths = with_configurations(api, service_client("lws-system"))
    api.put(SECRET_PATH, {"metadata": {"name": SECRET, "labels": {"a": "b"}}, "type": "Opaque"})
    api.conflicts = 1
    rotator = CertificateRotator(
        KubernetesSecretStore(api, namespace="lws-system", name=SECRET),
        KubernetesWebhookConfigurations(api),
        LiveCertificate(),
        identity=IDENTITY,
    )
    await rotator.ensure()
    secret = api.objects[SECRET_PATH]
    assert secret["metadata"]["labels"] == {"a": "b"}
    assert secret["type"] == "Opaque"
    for path in paths:
        webhooks = api.objects[path]["webhooks"]
        assert {webhook["clientConfig"]["caBundle"] for webhook in webhooks} == {secret["data"]["ca.crt"]}
    assert api.writes == [f"PUT {SECRET_PATH}", *(f"PUT {path}" for path in paths)]
    await rotator.ensure()
    assert len(api.writes) == 3, "nothing changed, nothing is written"
    with_configurations(api, service_client("lws-system"))  # somebody applies the manifests anew, without bundle
    await rotator.ensure()
    assert len(api.writes) == 5


async def test_the_recording_configuration_trusts_us_where_it_is_there_and_in_reach() -> None:
    api = Api()
    with_configurations(api, service_client("lws-system"))
    configurations = KubernetesWebhookConfigurations(api)
    assert await configurations.inject(b"a") == 4
    assert configurations.missing == (), "nothing depends on it"
    path = f"{REGISTRATION}/validatingwebhookconfigurations/{RECORDING}"
    api.put(path, recording_configuration(service_client("lws-system"), pods=True))
    assert await configurations.inject(b"a") == 3
    assert {webhook["clientConfig"]["caBundle"] for webhook in api.objects[path]["webhooks"]} == {"YQ=="}
    assert await configurations.inject(b"a") == 0

    class Forbidding(Api):
        async def request(self, method: str, path: str, **more: Any) -> bytes:
            if RECORDING in path:
                raise ApiError(403, "Forbidden", "not allowed")
            return await super().request(method, path, **more)

    forbidding = Forbidding()
    with_configurations(forbidding, service_client("lws-system"))
    with structlog.testing.capture_logs() as logs:
        without = KubernetesWebhookConfigurations(forbidding)
        assert await without.inject(b"a") == 4
        assert await without.inject(b"a") == 0
    assert [line["event"] for line in logs] == ["who deletes and scales sets is not recorded"], "told once"


async def test_a_missing_secret_is_created_and_missing_configurations_are_left_out() -> None:
    api = Api()
    store = KubernetesSecretStore(api, namespace="lws-system", name=SECRET)
    rotator = CertificateRotator(store, KubernetesWebhookConfigurations(api), LiveCertificate(), identity=IDENTITY)
    await rotator.ensure()
    assert api.writes == [f"POST {SECRET_PATH}"]


async def test_a_secret_that_we_may_not_create_is_named() -> None:
    store = KubernetesSecretStore(Api(forbidden=("POST",)), namespace="lws-system", name=SECRET)
    with pytest.raises(CertificateError, match=f'Secret "{SECRET}" not found in namespace lws-system: create it'):
        await store.write({}, version=None)


async def test_a_secret_with_rubbish_in_it_is_read_as_empty() -> None:
    api = Api()
    api.put(
        SECRET_PATH, {"metadata": {"name": SECRET}, "data": {"tls.crt": "!", "ca.crt": base64.b64encode(b"x").decode()}}
    )
    content = await KubernetesSecretStore(api, namespace="lws-system", name=SECRET).read()
    assert content is not None
    assert content.data == {"tls.crt": b"", "ca.crt": b"x"}


def test_the_configurations_are_those_of_the_reference() -> None:
    mutating, validating = webhook_configurations(service_client("lws-system"))
    assert mutating["metadata"]["name"] == "lws-mutating-webhook-configuration"
    assert validating["metadata"]["name"] == "lws-validating-webhook-configuration"
    by_name = {w["name"]: w for w in [*mutating["webhooks"], *validating["webhooks"]]}
    assert list(by_name) == ["mleaderworkerset.kb.io", "mpod.kb.io", "vleaderworkerset.kb.io", "vpod.kb.io"]
    assert by_name["mpod.kb.io"]["clientConfig"]["service"] == {
        "name": "lws-webhook-service",
        "namespace": "lws-system",
        "path": "/mutate--v1-pod",
    }
    assert by_name["vpod.kb.io"]["rules"][0]["operations"] == ["CREATE"], "D52"
    assert by_name["mleaderworkerset.kb.io"]["rules"][0]["operations"] == ["CREATE", "UPDATE"]
    assert {webhook["failurePolicy"] for webhook in by_name.values()} == {"Fail"}


def test_a_local_server_is_reached_by_its_address() -> None:
    mutating, _ = webhook_configurations(url_client("https://127.0.0.1:9443/"))
    assert mutating["webhooks"][1]["clientConfig"] == {"url": "https://127.0.0.1:9443/mutate--v1-pod"}


def test_a_long_service_name_still_gives_a_certificate() -> None:
    identity = ServerIdentity.of_service("s" * 63, "n" * 63)
    now = datetime.now(UTC)
    pair = make_server_certificate(make_authority(now=now), identity, now=now)
    names = x509.load_pem_x509_certificate(pair.certificate).extensions
    assert list(names.get_extension_for_class(x509.SubjectAlternativeName).value) == [
        x509.DNSName(f"{'s' * 63}.{'n' * 63}.svc")
    ]
