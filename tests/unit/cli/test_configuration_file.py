"""The reference's configuration file, row by row (spec 10.3): fields, defaults, what is refused and how."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from adapters.errors import ConfigurationRefused, PlainError
from adapters.settings.controller import Settings
from adapters.settings.file import API_VERSION
from adapters.settings.loading import effective, load_settings

HEADER = f"apiVersion: {API_VERSION}\nkind: Configuration\n"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"LWS_EVENTS_{name.upper()}", raising=False)
    monkeypatch.delenv("ENABLE_WEBHOOKS", raising=False)


def _load(tmp_path: Path, text: str, **flags: Any) -> Settings:
    path = tmp_path / "controller_manager_config.yaml"
    path.write_text(text)
    return load_settings(flags=flags, config=path)


# Section, field, a value, the setting, what it becomes, its default.
FIELDS = [
    ("webhook", "port", 1443, "webhook_port", 1443, 9443),
    ("webhook", "host", "10.0.0.1", "webhook_host", "10.0.0.1", ""),
    ("webhook", "certDir", "/certs", "webhook_cert_dir", Path("/certs"), None),
    ("leaderElection", "leaderElect", False, "leader_elect", False, True),
    ("leaderElection", "leaseDuration", "1m30s", "leader_elect_lease_duration", 90.0, 15.0),
    ("leaderElection", "renewDeadline", "12s", "leader_elect_renew_deadline", 12.0, 10.0),
    ("leaderElection", "retryPeriod", "500ms", "leader_elect_retry_period", 0.5, 2.0),
    ("leaderElection", "resourceLock", "leases", "leader_elect_resource_lock", "leases", "leases"),
    ("leaderElection", "resourceName", "mine", "leader_elect_resource_name", "mine", "b8b2488c.x-k8s.io"),
    ("leaderElection", "resourceNamespace", "here", "leader_elect_resource_namespace", "here", ""),
    ("metrics", "bindAddress", "0", "metrics_bind_address", "0", ":8443"),
    ("health", "healthProbeBindAddress", "127.0.0.1:1", "health_probe_bind_address", "127.0.0.1:1", ":8081"),
    ("health", "readinessEndpointName", "/ready", "readiness_endpoint_name", "/ready", "/readyz"),
    ("health", "livenessEndpointName", "/live", "liveness_endpoint_name", "/live", "/healthz"),
    ("tls", "minVersion", "VersionTLS13", "tls_min_version", "VersionTLS13", ""),
    ("tls", "cipherSuites", ["TLS_AES_128_GCM_SHA256"], "tls_cipher_suites", ("TLS_AES_128_GCM_SHA256",), ()),
    ("internalCertManagement", "enable", False, "manage_certificates", False, None),
    ("internalCertManagement", "webhookServiceName", "hooks", "webhook_service_name", "hooks", "lws-webhook-service"),
    ("internalCertManagement", "webhookSecretName", "a.b", "webhook_secret_name", "a.b", "lws-webhook-server-cert"),
    ("gangSchedulingManagement", "schedulerProvider", "volcano", "gang_provider", "volcano", ""),
    ("clientConnection", "qps", 0.5, "kube_api_qps", 0.5, 500.0),
    ("clientConnection", "burst", 7, "kube_api_burst", 7, 500),
]


@pytest.mark.parametrize(("section", "field", "value", "setting", "expected", "default"), FIELDS)
def test_a_field(
    *, section: str, field: str, value: Any, setting: str, expected: Any, default: Any, tmp_path: Path
) -> None:
    text = yaml.safe_dump({section: {field: value}})
    assert getattr(_load(tmp_path, HEADER + text), setting) == expected
    assert getattr(_load(tmp_path, HEADER), setting) == default
    if section != "gangSchedulingManagement":
        assert getattr(_load(tmp_path, f"{section}: {{{field}: null}}"), setting) == default


def test_a_field_of_each_kind_is_in_the_table() -> None:
    from adapters.settings.controller import PATHS

    assert {setting: f"{section}.{field}" for section, field, _, setting, *_ in FIELDS} == PATHS


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing\n",
        "null\n",
        HEADER,
        "kind: Configuration\n",
        "webhook:\n",
        'health: {healthProbeBindAddress: ""}',
        'metrics: {bindAddress: ""}',
        HEADER + "---\nnot: [looked at",
    ],
)
def test_what_leaves_the_defaults(text: str, tmp_path: Path) -> None:
    assert _load(tmp_path, text).model_dump() == load_settings(flags={}).model_dump()


@pytest.mark.parametrize(
    ("text", "complaint", "hint"),
    [
        ("webhook: {prt: 1}", 'strict decoding error: unknown field "webhook.prt"', 'did you mean "port"?'),
        ("webhook: {Port: 1}", 'unknown field "webhook.Port"', 'did you mean "port"?'),
        ("webhooks: {}", 'unknown field "webhooks"', 'did you mean "webhook"?'),
        ("zzz: 1", 'unknown field "zzz"', "there are: apiVersion, kind, webhook, "),
        ("webhook: {zzz: 1}", 'unknown field "webhook.zzz"', "there are: port, host, certDir"),
        (
            "webhook: {port: 1}\nwebhook: {port: 2}",
            'strict decoding error: yaml: unmarshal errors: line 2: key "web',
            "",
        ),
        ("webhook: {port: 1, port: 2}", 'key "port" already set in map', ""),
        ('webhook: {port: "9443"}', "webhook.port: '9443': Input should be a valid integer", ""),
        ("webhook: {port: 70000}", "webhook.port: 70000: ", ""),
        ("webhook: 1", "webhook: 1: Input should be a valid dictionary", ""),
        (
            "leaderElection: {leaderElect: 'yes'}",
            "leaderElection.leaderElect: 'yes': Input should be a valid boolean",
            "",
        ),
        (
            "leaderElection: {leaseDuration: 15}",
            "leaseDuration: 15: Input should be a valid string",
            "a duration is text",
        ),
        ("leaderElection: {leaseDuration: 1 hour}", 'time: unknown unit " hour" in duration "1 hour"', "a duration is"),
        ("leaderElection: {retryPeriod: '2'}", 'time: missing unit in duration "2"', "a duration is text"),
        ("leaderElection: {retryPeriod: soon}", 'time: invalid duration "soon"', "a duration is text"),
        ("leaderElection: {retryPeriod: -1s}", "leaderElection.retryPeriod: -1s: Input should be greater than 0", ""),
        (
            "leaderElection: {leaseDuration: 10s}",
            "failed during initialization leader election process: leaseDuration must be greater than renewDeadline",
            "",
        ),
        ("leaderElection: {retryPeriod: 9s}", "renewDeadline must be greater than retryPeriod*JitterFactor", ""),
        ("leaderElection: {resourceLock: configmaps}", "configmaps lock is removed, migrate to leases", ""),
        ("leaderElection: {resourceLock: files}", "Invalid lock-type files", ""),
        ("metrics: {bindAddress: '8443'}", 'metrics.bindAddress: 8443: must be an address such as ":8443"', ""),
        ("health: {livenessEndpointName: healthz}", "health.livenessEndpointName: healthz: ", ""),
        ("health: {livenessEndpointName: /readyz}", "readiness and liveness cannot both be /readyz", ""),
        (
            "tls: {minVersion: VersionTLS11}",
            "unable to parse TLS options from configuration: invalid minVersion. Please use VersionTLS12",
            "",
        ),
        ("tls: {minVersion: TLS12}", 'invalid minVersion: unknown tls version "TLS12". Please use VersionTLS12 or', ""),
        (
            "tls: {cipherSuites: [TLS_NONE]}",
            "invalid cipher suites: Cipher suite TLS_NONE not supported or doesn't exist.",
            "",
        ),
        (
            "tls: {minVersion: VersionTLS13, cipherSuites: [TLS_RSA_WITH_AES_128_CBC_SHA]}",
            "cipher suites may not be specified when minVersion is 'VersionTLS13'",
            "",
        ),
        (
            "internalCertManagement: {webhookServiceName: 9hooks}",
            'internalCertManagement.webhookServiceName: Invalid value: "9hooks"',
            "",
        ),
        (
            "internalCertManagement: {webhookSecretName: A}",
            'internalCertManagement.webhookSecretName: Invalid value: "A"',
            "",
        ),
        (
            "gangSchedulingManagement: {}",
            "schedulerProvider: Required value: must be set when gang scheduling is enab",
            "",
        ),
        (
            "gangSchedulingManagement: {schedulerProvider: kueue}",
            'schedulerProvider: Unsupported value: "kueue": supported values: "volcano"',
            "",
        ),
        ("clientConnection: {qps: fast}", "clientConnection.qps: 'fast': Input should be a valid number", ""),
        (
            "apiVersion: lws.x-k8s.io/v1alpha1\nkind: Configuration\nspec: {}",
            'no kind "Configuration" is registered for version "lws.x-k8s.io/v1alpha1"',
            "the file begins with apiVersion: config.lws.x-k8s.io/v1alpha1",
        ),
        ("kind: Pod", 'no kind "Pod" is registered for version "config.lws.x-k8s.io/v1alpha1"', "the file begins"),
        ("lwsEvents: {dataDr: /x}", 'unknown field "lwsEvents.dataDr"', 'did you mean "dataDir"?'),
        ("lwsEvents: {webhookPort: 1}", 'unknown field "lwsEvents.webhookPort"', "it is the field webhook.port"),
        ("lwsEvents: {natsReplicas: 9}", "lwsEvents.natsReplicas: 9: ", ""),
        ("- a", "must be a mapping of settings, not a list", ""),
        ("a: [", "is not YAML", ""),
        ("? [a, b]\n: 1", "is not YAML", ""),
    ],
)
def test_what_is_refused(text: str, complaint: str, hint: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationRefused) as refused:
        _load(tmp_path, text)
    assert complaint in str(refused.value)
    assert str(refused.value).startswith("unable to load the configuration: ")
    assert str(tmp_path) in str(refused.value)
    assert refused.value.hint.startswith(hint)
    assert refused.value.exit_code == 1


def test_names_of_a_certificate_that_is_not_managed_are_not_looked_at(tmp_path: Path) -> None:
    settings = _load(tmp_path, "internalCertManagement: {enable: false, webhookServiceName: 9hooks}")
    assert settings.certificate_directory == Path("/tmp/k8s-webhook-server/serving-certs")


@pytest.mark.parametrize(
    ("text", "flags", "directory"),
    [
        ("webhook: {certDir: /c}", {}, None),
        ("webhook: {certDir: /c}\ninternalCertManagement: {enable: true}", {}, None),
        ("webhook: {certDir: /c}\ninternalCertManagement: {enable: false}", {}, Path("/c")),
        ("webhook: {certDir: /c}", {"manage_certificates": False}, Path("/c")),
        ("webhook: {certDir: /c}", {"webhook_cert_dir": Path("/d")}, Path("/d")),
        ("internalCertManagement: {enable: true}", {"webhook_cert_dir": Path("/d")}, Path("/d")),
    ],
)
def test_where_the_certificate_comes_from(
    text: str, flags: dict[str, Any], directory: Path | None, tmp_path: Path
) -> None:
    assert _load(tmp_path, text, **flags).certificate_directory == directory


@pytest.mark.parametrize(("value", "served"), [("false", False), ("False", True), ("0", True), ("true", True)])
def test_admission_is_off_with_exactly_this_word(value: str, served: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Spec 10.4."""
    monkeypatch.setenv("ENABLE_WEBHOOKS", value)
    assert load_settings(flags={}).webhooks is served
    assert load_settings(flags={"webhooks": True}).webhooks is True


def test_the_effective_configuration_can_be_loaded_and_is_the_same(tmp_path: Path) -> None:
    text = (
        "leaderElection: {leaseDuration: 1m30s, retryPeriod: 500ms}\nlwsEvents: {dataDir: /journal, logTime: millis}\n"
    )
    settings = _load(tmp_path, text, tls_cipher_suites="TLS_RSA_WITH_AES_128_GCM_SHA256", manage_certificates=True)
    shown = effective(settings)
    assert "leaseDuration: 1m30s" in shown
    assert _load(tmp_path, shown).model_dump() == settings.model_dump()


def test_the_effective_configuration_has_no_credentials(tmp_path: Path) -> None:
    text = "lwsEvents: {natsUrl: 'nats://u:hush@n:4222', natsPassword: hush, natsToken: hush}"
    assert "hush" not in effective(_load(tmp_path, text))


def test_metrics_without_tls_are_for_this_machine(tmp_path: Path) -> None:
    with pytest.raises(PlainError, match="would be open to everybody"):
        load_settings(flags={"metrics_secure": False})
    assert load_settings(flags={"metrics_secure": False, "metrics_bind_address": "[::1]:1"}).metrics == ("::1", 1)
    assert load_settings(flags={"metrics_secure": False, "metrics_bind_address": "0"}).metrics is None
