"""The options of ``lws-events run``, as a table: those of the reference (spec 10.4), and ours.

An option has the name of its setting, unless it is written otherwise. Defaults are not here: an option that is not
given must leave the word to environment and file.
"""

import functools
import inspect
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

import typer


class LogLevel(StrEnum):
    """From the most talkative."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(StrEnum):
    """For a collector, or for people."""

    JSON = "json"
    CONSOLE = "console"


class StackTraces(StrEnum):
    """Lowest level that has one; ``panic``: none."""

    INFO = "info"
    ERROR = "error"
    PANIC = "panic"


class LogTime(StrEnum):
    """How the time of a line is written."""

    EPOCH = "epoch"
    MILLIS = "millis"
    NANO = "nano"
    ISO8601 = "iso8601"
    RFC3339 = "rfc3339"
    RFC3339NANO = "rfc3339nano"


class RunOption(NamedTuple):
    """One option. ``default`` is only shown."""

    name: str
    kind: Any
    panel: str
    text: str
    default: str | bool = False
    flags: tuple[str, ...] = ()
    """Empty: the flag of that name; with its negation, where the kind is bool."""

    @property
    def option_flags(self) -> tuple[str, ...]:
        """As typer takes them."""
        flag = self.name.replace("_", "-")
        return self.flags or (f"--{flag}/--no-{flag}" if self.kind is bool else f"--{flag}",)

    @property
    def _value(self) -> str:
        """What it takes, in a word."""
        if issubclass(self.kind, StrEnum):
            return "|".join(self.kind)
        return {Path: "PATH", int: "NUMBER", float: "NUMBER"}.get(self.kind, "TEXT")

    @property
    def parameter(self) -> inspect.Parameter:
        """As typer reads it from a signature."""
        option = typer.Option(
            *self.option_flags,
            help=self.text,
            rich_help_panel=self.panel,
            show_default=self.default,
            metavar=None if self.kind is bool else self._value,
        )
        return inspect.Parameter(
            self.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[self.kind | None, option]
        )


_CLUSTER: Final = "Kubernetes"
_CAPTURED: Final = "Logs of failed containers"
_ELECTION: Final = "Leader election"
_JOURNAL: Final = "Journal"
_NATS: Final = "Reaching NATS"
_WEBHOOKS: Final = "Webhooks"
_SERVERS: Final = "Health, metrics, TLS"
_PAGE: Final = "Web page"
_LOGS: Final = "Logs"
_ZAP: Final = "Logs, as the reference's flags say it"

# fmt: off
RUN_OPTIONS: Final = (
    RunOption("config", Path, _CLUSTER, "Configuration file of the reference; lwsEvents in it has the other settings."),
    RunOption("kubeconfig", Path, _CLUSTER, "Default: in-cluster, then $KUBECONFIG, then ~/.kube/config."),
    RunOption("cluster", str, _CLUSTER, "Name of the cluster in the journal.", "default"),
    RunOption(
        "namespace", str, _CLUSTER, "Where Lease and Secret of the controller are. Sets are managed in all namespaces.",
        "the pod's own, else lws-system",
    ),
    RunOption("kube_api_qps", float, _CLUSTER, "Requests to the API server per second; negative: no limit.", "500"),
    RunOption("kube_api_burst", int, _CLUSTER, "Requests at once after a rest.", "500"),
    RunOption(
        "gang_provider", str, _CLUSTER, "Have the pods of a group placed together by this scheduler: volcano.", "none",
        ("--gang-provider", "--gang-scheduler-provider"),
    ),
    RunOption(
        "gang_match_scheduler_name", bool, _CLUSTER, "Only pods whose schedulerName is that scheduler.", "off"
    ),
    RunOption(
        "capture_logs", bool, _CAPTURED, "Keep the end of a failed container's log before its group is deleted.", "off"
    ),
    RunOption("capture_logs_timeout", str, _CAPTURED, "How long the deletion waits for it.", "1s"),
    RunOption("capture_logs_bytes_max", int, _CAPTURED, "Most bytes that are kept of one log.", "16384"),
    RunOption("capture_logs_lines_max", int, _CAPTURED, "Most lines.", "200"),
    RunOption(
        "capture_logs_redact", str, _CAPTURED, "Regular expressions, one a line: matches are left out, as secrets are."
    ),
    RunOption("leader_elect", bool, _ELECTION, "Act only while holding the Lease.", "on"),
    RunOption(
        "leader_elect_lease_duration", str, _ELECTION, "Others take over a Lease unchanged for so long.", "15s"
    ),
    RunOption(
        "leader_elect_renew_deadline", str, _ELECTION, "A leader without Lease or journal for so long steps down.",
        "10s",
    ),
    RunOption("leader_elect_retry_period", str, _ELECTION, "How often the Lease is renewed.", "2s"),
    RunOption("leader_elect_resource_lock", str, _ELECTION, "Kind of the lock; there is one.", "leases"),
    RunOption("leader_elect_resource_name", str, _ELECTION, "Name of the Lease.", "b8b2488c.x-k8s.io"),
    RunOption("leader_elect_resource_namespace", str, _ELECTION, "Its namespace.", "--namespace"),
    RunOption(
        "data_dir", Path, _JOURNAL, "Where the embedded NATS server keeps the journal.", "$XDG_STATE_HOME/lws-events"
    ),
    RunOption("nats_url", str, _JOURNAL, "Use this NATS server, not an embedded one."),
    RunOption("journal_bytes_max", int, _JOURNAL, "Limit of each stream.", "10 GiB"),
    RunOption("journal_keep", str, _JOURNAL, "Keep events for at least so long, for example 720h.", "for ever"),
    RunOption("journal_keep_events", int, _JOURNAL, "Keep at least so many events.", "all"),
    RunOption("journal_keep_bytes", int, _JOURNAL, "Keep at least so many bytes of events.", "all"),
    RunOption("journal_archive", str, _JOURNAL, "Archive what is purged: a directory, or s3://bucket/prefix.", "no"),
    RunOption("audit_keep", str, _JOURNAL, "Keep facts of audit for so long after that; 0: not at all.", "9600h"),
    RunOption("audit_keep_bytes", int, _JOURNAL, "Keep at most so many bytes of them, compressed.", "1 GiB"),
    RunOption("seal_events", int, _JOURNAL, "Seal the journal after so many events.", "1000"),
    RunOption("seal_interval", str, _JOURNAL, "Or after this time, if there was any event.", "1m"),
    RunOption("snapshot_events", int, _JOURNAL, "Write the sets down after so many events.", "10000"),
    RunOption(
        "lifecycle_events", bool, _JOURNAL, "Publish lifecycle facts as CloudEvents on NATS, for other programs.", "off"
    ),
    RunOption("lifecycle_events_keep", str, _JOURNAL, "How long they are kept; 0: as long as there is room.", "168h"),
    RunOption("lifecycle_events_bytes_max", int, _JOURNAL, "Limit of their stream; the oldest make room.", "256 MiB"),
    RunOption("lifecycle_events_max", int, _JOURNAL, "How many are kept at most.", "no limit"),
    RunOption("nats_replicas", int, _JOURNAL, "Copies of each stream on a cluster.", "1"),
    RunOption("nats_creds", Path, _NATS, "Credentials file (.creds)."),
    RunOption("nats_user", str, _NATS, "User name."),
    RunOption("nats_password", str, _NATS, "Better given by the environment."),
    RunOption("nats_token", str, _NATS, "Better given by the environment."),
    RunOption("nats_tls_ca", Path, _NATS, "CA certificates to trust."),
    RunOption("nats_tls_cert", Path, _NATS, "Client certificate."),
    RunOption("nats_tls_key", Path, _NATS, "Key of the client certificate."),
    RunOption("webhooks", bool, _WEBHOOKS, "Serve admission.", "on, unless ENABLE_WEBHOOKS is false"),
    RunOption("only_webhooks", bool, _WEBHOOKS, "Serve admission alone, as one of many.", flags=("--only-webhooks",)),
    RunOption("webhook_host", str, _WEBHOOKS, "Address to listen on.", "all"),
    RunOption("webhook_port", int, _WEBHOOKS, "Port; 0: any.", "9443"),
    RunOption("webhook_cert_dir", Path, _WEBHOOKS, "Directory with tls.crt and tls.key, reloaded on change."),
    RunOption(
        "manage_certificates", bool, _WEBHOOKS, "Make and rotate certificates and write them into the cluster.",
        "on, unless --webhook-cert-dir is given",
    ),
    RunOption(
        "webhook_service_name", str, _WEBHOOKS, "Service in front of the webhooks; its name is in the certificate.",
        "lws-webhook-service",
    ),
    RunOption(
        "webhook_secret_name", str, _WEBHOOKS, "Secret that keeps the certificate and its authority.",
        "lws-webhook-server-cert",
    ),
    RunOption(
        "admission_requests_bind_address", str, _WEBHOOKS,
        "Address where the controller takes in who asked for what, from webhook servers; 0: off.", "0",
    ),
    RunOption(
        "admission_requests_url", str, _WEBHOOKS,
        "Where webhook servers without a journal send that: https://<host>:<port>.", "nowhere",
    ),
    RunOption(
        "admission_requests_token_file", Path, _WEBHOOKS, "Token that they show, for the audience lws-events.",
        "/var/run/secrets/lws-events/token",
    ),
    RunOption("health_probe_bind_address", str, _SERVERS, "Address of health and readiness; 0: off.", ":8081"),
    RunOption("health_port", int, _SERVERS, "The same by its port alone.", flags=("--health-port",)),
    RunOption("readiness_endpoint_name", str, _SERVERS, "Path of readiness.", "/readyz"),
    RunOption("liveness_endpoint_name", str, _SERVERS, "Path of health.", "/healthz"),
    RunOption("metrics_bind_address", str, _SERVERS, "Address of /metrics; 0: off.", ":8443"),
    RunOption("metrics_port", int, _SERVERS, "The same by its port alone.", flags=("--metrics-port",)),
    RunOption(
        "metrics_secure", bool, _SERVERS, "TLS, and only for who may get /metrics; else plain HTTP, on loopback.", "on"
    ),
    RunOption(
        "metrics_cert_dir", Path, _SERVERS, "Where tls.crt and tls.key are looked for; else one is made.",
        "/tmp/k8s-metrics-server/serving-certs",
    ),
    RunOption("tls_min_version", str, _SERVERS, "VersionTLS12 or VersionTLS13, of webhooks and metrics.", "TLS 1.2"),
    RunOption("tls_cipher_suites", str, _SERVERS, "Comma-separated IANA names, for TLS 1.2.", "those of OpenSSL"),
    RunOption("ui_bind_address", str, _PAGE, "Address of the page /ui: a port of loopback, an address; 0: off.", "0"),
    RunOption(
        "ui_token_file", Path, _PAGE, "File with the token that the page asks for; needed beyond loopback.", "none"
    ),
    RunOption("log_level", LogLevel, _LOGS, "Show lines of this level and above.", "info"),
    RunOption("log_format", LogFormat, _LOGS, "console: for people; json: for collectors.", "console"),
    RunOption("log_stack_traces", StackTraces, _LOGS, "Show where lines of this level and above come from.", "never"),
    RunOption("log_time", LogTime, _LOGS, "How the time is written.", "rfc3339nano"),
    RunOption("zap_devel", bool, _ZAP, "On: console and debug. Off: JSON and info.", "neither"),
    RunOption("zap_log_level", str, _ZAP, "debug, info, error, panic, or a verbosity: 1 and above are debug."),
    RunOption("zap_encoder", LogFormat, _ZAP, "As --log-format."),
    RunOption("zap_stacktrace_level", StackTraces, _ZAP, "As --log-stack-traces."),
    RunOption("zap_time_encoding", str, _ZAP, "As --log-time."),
)
# fmt: on


def takes_run_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command these options; it receives as ``given`` those that were given, by name."""
    own = [one for name, one in inspect.signature(command).parameters.items() if name != "given"]

    @functools.wraps(command)
    def with_options(**arguments: Any) -> None:
        options = {option.name: arguments.pop(option.name) for option in RUN_OPTIONS}
        command(given={name: value for name, value in options.items() if value is not None}, **arguments)

    parameters = [*own, *(option.parameter for option in RUN_OPTIONS)]
    with_options.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    with_options.__annotations__ = {}
    return with_options
