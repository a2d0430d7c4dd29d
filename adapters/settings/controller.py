"""Settings of ``lws-events run``: flags > environment (``LWS_EVENTS_…``) > configuration file > defaults.

The file is the reference's (``configuration_file``); ``PATHS`` says which of its fields is which setting. All other
settings are ours, and may stand in its block ``lwsEvents``. Names and defaults of what the reference has too are the
reference's (spec 10.3, 10.4).
"""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from adapters.kubernetes.election import LEASE_NAME, ElectionSettings, own_namespace
from adapters.kubernetes.log_capture import LogCaptureSettings
from adapters.observability.addresses import Address, parse_address
from adapters.reading.source import default_data_dir
from adapters.settings.journal import ENVIRONMENT_PREFIX, Seconds
from adapters.settings.lifecycle import LifecycleSettings
from adapters.settings.requests import RequestSettings
from adapters.settings.web import WebSettings
from adapters.webhooks.cipher_suites import tls_settings
from adapters.webhooks.configuration import SECRET, SERVICE
from lws_events import gang

if TYPE_CHECKING:
    from adapters.nats.connection import ConnectionSettings
    from adapters.webhooks.tls import TlsSettings

CERT_DIR: Final = Path("/tmp/k8s-webhook-server/serving-certs")
METRICS_CERT_DIR: Final = Path("/tmp/k8s-metrics-server/serving-certs")
"""The reference's places (spec 10.3, 10.6)."""

PATHS: Final = {
    "webhook_port": "webhook.port",
    "webhook_host": "webhook.host",
    "webhook_cert_dir": "webhook.certDir",
    "leader_elect": "leaderElection.leaderElect",
    "leader_elect_lease_duration": "leaderElection.leaseDuration",
    "leader_elect_renew_deadline": "leaderElection.renewDeadline",
    "leader_elect_retry_period": "leaderElection.retryPeriod",
    "leader_elect_resource_lock": "leaderElection.resourceLock",
    "leader_elect_resource_name": "leaderElection.resourceName",
    "leader_elect_resource_namespace": "leaderElection.resourceNamespace",
    "metrics_bind_address": "metrics.bindAddress",
    "health_probe_bind_address": "health.healthProbeBindAddress",
    "readiness_endpoint_name": "health.readinessEndpointName",
    "liveness_endpoint_name": "health.livenessEndpointName",
    "tls_min_version": "tls.minVersion",
    "tls_cipher_suites": "tls.cipherSuites",
    "manage_certificates": "internalCertManagement.enable",
    "webhook_service_name": "internalCertManagement.webhookServiceName",
    "webhook_secret_name": "internalCertManagement.webhookSecretName",
    "gang_provider": "gangSchedulingManagement.schedulerProvider",
    "kube_api_qps": "clientConnection.qps",
    "kube_api_burst": "clientConnection.burst",
}
"""Where a setting stands in the configuration file; what is not here stands in ``lwsEvents``."""

_REMOVED_LOCKS: Final = ("configmaps", "endpoints", "configmapsleases", "endpointsleases")
_RETRY_FACTOR: Final = 1.2
"""Of the reference: a renewal may come so much later than ``retryPeriod``."""


def _list(value: Any) -> Any:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _lines(value: Any) -> Any:
    return [line for line in value.splitlines() if line.strip()] if isinstance(value, str) else value


class Settings(WebSettings, LifecycleSettings, RequestSettings):
    """Everything that ``run`` can be told. Make it with ``load_settings``."""

    model_config = SettingsConfigDict(env_prefix=ENVIRONMENT_PREFIX, frozen=True, extra="forbid")

    kubeconfig: Path | None = None
    """None: in-cluster credentials, then ``KUBECONFIG``, then ``~/.kube/config``."""
    cluster: str = Field(default="default", min_length=1)
    """Name of the cluster in the journal: one bus can hold the journals of several."""
    namespace: str = Field(default_factory=own_namespace, min_length=1)
    """Where the controller lives (spec 10.4): its Lease and Secret are there. Sets are managed in all namespaces."""
    kube_api_qps: float = 500.0
    """Requests to the API server per second, in the long run. Negative: no limit; 0: the API's own default, 5."""
    kube_api_burst: int = 500
    """Requests that may be sent at once after a rest. 0: the API's own default, 10."""

    data_dir: Path = Field(default_factory=default_data_dir)
    """Of the embedded server; not used with ``nats_url``."""
    nats_url: str | None = None
    nats_creds: Path | None = None
    nats_user: str | None = None
    nats_password: SecretStr | None = None
    nats_token: SecretStr | None = None
    nats_tls_ca: Path | None = None
    nats_tls_cert: Path | None = None
    nats_tls_key: Path | None = None
    nats_replicas: int = Field(default=1, ge=1, le=5)
    """Copies of each stream; 3 on a JetStream cluster."""

    webhooks: bool = True
    only_webhooks: bool = False
    """Serve admission alone: needs no journal; any number may run."""
    webhook_host: str = ""
    """Empty: all addresses."""
    webhook_port: int = Field(default=9443, ge=0, le=65535)
    """0: any free port, which the log names."""
    webhook_cert_dir: Path | None = None
    """Directory with ``tls.crt`` and ``tls.key``; reloaded when they change."""
    manage_certificates: bool | None = None
    """Make and rotate certificates, write the CA into webhook configurations. None: without ``webhook_cert_dir``."""
    webhook_service_name: str = SERVICE
    webhook_secret_name: str = SECRET
    tls_min_version: str = ""
    """``VersionTLS12`` or ``VersionTLS13``, of webhooks and metrics; empty: TLS 1.2."""
    tls_cipher_suites: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_list)] = ()
    """IANA names, for TLS 1.2; empty: what OpenSSL takes by default."""

    gang_provider: str = ""
    """Scheduler that places the pods of a group together or not at all: ``volcano``, or empty for none (spec 4.9)."""
    gang_match_scheduler_name: bool = False
    """Only pods that name that scheduler in ``schedulerName`` take part; else all pods of sets (spec D53)."""

    capture_logs: bool = False
    """Keep the end of a failed container's log before its group is deleted. Needs the right to read logs."""
    capture_logs_timeout: Seconds = Field(default=1.0, gt=0, le=30)
    """How long the deletion waits for a log."""
    capture_logs_bytes_max: int = Field(default=16 * 1024, ge=1024, le=512 * 1024)
    capture_logs_lines_max: int = Field(default=200, ge=1, le=10_000)
    capture_logs_redact: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_lines)] = ()
    """Regular expressions, one a line, whose matches are left out beside those that always are."""

    leader_elect: bool = True
    leader_elect_lease_duration: Seconds = Field(default=15.0, ge=1)
    """How long others wait after the last renewal that they have seen before they take over."""
    leader_elect_renew_deadline: Seconds = Field(default=10.0, gt=0)
    """A leader that cannot renew the Lease, or cannot reach a shared journal, for so long leads no longer."""
    leader_elect_retry_period: Seconds = Field(default=2.0, gt=0)
    """How often the Lease is renewed."""
    leader_elect_resource_lock: str = "leases"
    leader_elect_resource_name: str = Field(default=LEASE_NAME, min_length=1)
    leader_elect_resource_namespace: str = ""
    """Of the Lease; empty: ``namespace``. Honoured, unlike in the reference (D60)."""

    health_probe_bind_address: str = ":8081"
    """``0``: off."""
    readiness_endpoint_name: str = Field(default="/readyz", pattern=r"^/[^/{}]+$")
    liveness_endpoint_name: str = Field(default="/healthz", pattern=r"^/[^/{}]+$")
    metrics_bind_address: str = ":8443"
    """``0``: off."""
    metrics_secure: bool = True
    """TLS, and only for who may get ``/metrics`` (spec 10.6). Else plain HTTP for anybody, on a loopback address."""
    metrics_cert_dir: Path = METRICS_CERT_DIR
    """Where ``tls.crt`` and ``tls.key`` are looked for; a certificate of our own making where there are none."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["json", "console"] = "console"
    log_stack_traces: Literal["info", "error", "panic"] = "panic"
    """Lowest level whose lines say where in the program they come from; exceptions always have their traceback."""
    log_time: Literal["epoch", "millis", "nano", "iso8601", "rfc3339", "rfc3339nano"] = "rfc3339nano"

    @field_validator("cluster")
    @classmethod
    def _is_no_shadows(cls, value: str) -> str:
        from adapters.shadow.place import PREFIX

        if value.startswith(PREFIX):
            raise ValueError(f"the name is that of a shadow's journal, which begins with {PREFIX}: choose another")
        return value

    @field_validator("gang_provider")
    @classmethod
    def _is_supported(cls, value: str) -> str:
        if value and value not in gang.PROVIDERS:
            raise ValueError(f"there is no such gang scheduler; supported values: {', '.join(gang.PROVIDERS)}")
        return value

    @field_validator("capture_logs_redact")
    @classmethod
    def _are_patterns(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in value:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"{pattern!r} is no regular expression: {error}") from error
        return value

    @field_validator("health_probe_bind_address", "metrics_bind_address")
    @classmethod
    def _is_address(cls, value: str) -> str:
        parse_address(value)
        return value

    @field_validator("leader_elect_resource_lock")
    @classmethod
    def _is_lease(cls, value: str) -> str:
        if value in _REMOVED_LOCKS:
            raise ValueError(f"unable to start manager: {value} lock is removed, migrate to leases")
        if value != "leases":
            raise ValueError(f"unable to start manager: Invalid lock-type {value}: use leases")
        return value

    @model_validator(mode="after")
    def _agree(self) -> "Settings":
        if self.only_webhooks and not self.webhooks:
            raise ValueError("only-webhooks and no-webhooks leave nothing to run: give one of them")
        if (self.nats_tls_cert is None) != (self.nats_tls_key is None):
            raise ValueError("nats-tls-cert and nats-tls-key belong together: give both or none")
        if self.readiness_endpoint_name == self.liveness_endpoint_name:
            raise ValueError(f"readiness and liveness cannot both be {self.liveness_endpoint_name}")
        if self.metrics is not None and not self.metrics_secure and not self.metrics.is_loopback:
            raise ValueError(
                f"metrics on {self.metrics_bind_address} would be open to everybody: without TLS they are served on a "
                'loopback address only, such as "127.0.0.1:8443"'
            )
        self._require_one_leader()
        self.require_journal_to_show(kept=self.keeps_journal)
        self.tls()
        return self

    def _require_one_leader(self) -> None:
        """Whole seconds count: the Lease has no others. The messages are the reference's."""
        failed = "failed during initialization leader election process"
        if int(self.leader_elect_lease_duration) <= self.leader_elect_renew_deadline:
            raise ValueError(f"{failed}: leaseDuration must be greater than renewDeadline")
        if self.leader_elect_renew_deadline <= self.leader_elect_retry_period * _RETRY_FACTOR:
            raise ValueError(f"{failed}: renewDeadline must be greater than retryPeriod*JitterFactor")

    @property
    def certificate_directory(self) -> Path | None:
        """Where certificates are read from; None where the process makes and rotates its own."""
        if self.manage_certificates is None:
            return self.webhook_cert_dir
        return None if self.manage_certificates else self.webhook_cert_dir or CERT_DIR

    @property
    def keeps_journal(self) -> bool:
        """Whether a journal is written: admission alone has none, unless it is given a server."""
        return not self.only_webhooks or self.nats_url is not None

    @property
    def metrics(self) -> Address | None:
        """Where metrics are served; None for nowhere."""
        return parse_address(self.metrics_bind_address)

    @property
    def health(self) -> Address | None:
        """Where probes are answered; None for nowhere."""
        return parse_address(self.health_probe_bind_address)

    @property
    def lease_namespace(self) -> str:
        """Where the Lease is."""
        return self.leader_elect_resource_namespace or self.namespace

    def tls(self) -> "TlsSettings":
        """What the servers accept."""
        return tls_settings(minimum_version=self.tls_min_version, suites=self.tls_cipher_suites)

    def election(self) -> ElectionSettings:
        """Durations of leader election."""
        return ElectionSettings(
            lease_seconds=int(self.leader_elect_lease_duration),
            renew_deadline_seconds=self.leader_elect_renew_deadline,
            retry_seconds=self.leader_elect_retry_period,
        )

    def log_capture(self) -> LogCaptureSettings | None:
        """What is kept of logs; None for nothing."""
        if not self.capture_logs:
            return None
        return LogCaptureSettings(
            seconds_max=self.capture_logs_timeout,
            bytes_max=self.capture_logs_bytes_max,
            lines_max=self.capture_logs_lines_max,
            redact=self.capture_logs_redact,
        )

    def nats_connection(self) -> "ConnectionSettings | None":
        """How to reach the server of ``nats_url``; None for the embedded one."""
        if self.nats_url is None:
            return None
        from adapters.nats.connection import ConnectionSettings

        return ConnectionSettings(
            url=self.nats_url,
            user=self.nats_user,
            password=_secret(self.nats_password),
            token=_secret(self.nats_token),
            credentials_file=self.nats_creds,
            tls_ca_file=self.nats_tls_ca,
            tls_cert_file=self.nats_tls_cert,
            tls_key_file=self.nats_tls_key,
        )


def _secret(value: SecretStr | None) -> str | None:
    return None if value is None else value.get_secret_value()
