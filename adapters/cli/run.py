"""``lws-events run``: controller and webhooks in one process."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

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


def _option(*names: str, text: str, panel: str, default: str | bool = False) -> Any:
    return typer.Option(*names, help=text, rich_help_panel=panel, show_default=default)


_CLUSTER = "Kubernetes"
_JOURNAL = "Journal"
_NATS = "Reaching NATS"
_WEBHOOKS = "Webhooks"
_PROCESS = "Process"


def command(
    *,
    config: Annotated[
        Path | None, typer.Option("--config", help="YAML file with the names of these flags as keys.")
    ] = None,
    kubeconfig: Annotated[
        Path | None,
        _option("--kubeconfig", text="Default: in-cluster, then $KUBECONFIG, then ~/.kube/config.", panel=_CLUSTER),
    ] = None,
    cluster: Annotated[
        str | None, _option("--cluster", text="Name of the cluster in the journal.", panel=_CLUSTER, default="default")
    ] = None,
    namespace: Annotated[
        str | None,
        _option(
            "--namespace",
            text="Where Lease and Secret of the controller are. Sets are managed in all namespaces.",
            panel=_CLUSTER,
            default="the pod's own, else lws-system",
        ),
    ] = None,
    leader_elect: Annotated[
        bool | None,
        _option(
            "--leader-elect/--no-leader-elect", text="Act only while holding the Lease.", panel=_CLUSTER, default="on"
        ),
    ] = None,
    lease_duration_seconds: Annotated[
        int | None,
        _option(
            "--lease-duration-seconds",
            text="Others take over a Lease unchanged for so long.",
            panel=_CLUSTER,
            default="15",
        ),
    ] = None,
    renew_deadline_seconds: Annotated[
        float | None,
        _option(
            "--renew-deadline-seconds",
            text="A leader without Lease or journal for so long steps down.",
            panel=_CLUSTER,
            default="10",
        ),
    ] = None,
    retry_period_seconds: Annotated[
        float | None,
        _option("--retry-period-seconds", text="How often the Lease is renewed.", panel=_CLUSTER, default="2"),
    ] = None,
    data_dir: Annotated[
        Path | None,
        _option(
            "--data-dir",
            text="Where the embedded NATS server keeps the journal.",
            panel=_JOURNAL,
            default="$XDG_STATE_HOME/lws-events",
        ),
    ] = None,
    nats_url: Annotated[
        str | None, _option("--nats-url", text="Use this NATS server, not an embedded one.", panel=_JOURNAL)
    ] = None,
    journal_bytes_max: Annotated[
        int | None, _option("--journal-bytes-max", text="Limit of each stream.", panel=_JOURNAL, default="10 GiB")
    ] = None,
    nats_replicas: Annotated[
        int | None, _option("--nats-replicas", text="Copies of each stream on a cluster.", panel=_JOURNAL, default="1")
    ] = None,
    nats_creds: Annotated[Path | None, _option("--nats-creds", text="Credentials file (.creds).", panel=_NATS)] = None,
    nats_user: Annotated[str | None, _option("--nats-user", text="User name.", panel=_NATS)] = None,
    nats_password: Annotated[
        str | None, _option("--nats-password", text="Better given by the environment.", panel=_NATS)
    ] = None,
    nats_token: Annotated[
        str | None, _option("--nats-token", text="Better given by the environment.", panel=_NATS)
    ] = None,
    nats_tls_ca: Annotated[Path | None, _option("--nats-tls-ca", text="CA certificates to trust.", panel=_NATS)] = None,
    nats_tls_cert: Annotated[Path | None, _option("--nats-tls-cert", text="Client certificate.", panel=_NATS)] = None,
    nats_tls_key: Annotated[
        Path | None, _option("--nats-tls-key", text="Key of the client certificate.", panel=_NATS)
    ] = None,
    webhooks: Annotated[
        bool | None, _option("--webhooks/--no-webhooks", text="Serve admission.", panel=_WEBHOOKS, default="on")
    ] = None,
    only_webhooks: Annotated[
        bool | None, _option("--only-webhooks", text="Serve admission alone, as one of many.", panel=_WEBHOOKS)
    ] = None,
    webhook_host: Annotated[
        str | None, _option("--webhook-host", text="Address to listen on.", panel=_WEBHOOKS, default="all")
    ] = None,
    webhook_port: Annotated[
        int | None, _option("--webhook-port", text="Port; 0: any.", panel=_WEBHOOKS, default="9443")
    ] = None,
    webhook_cert_dir: Annotated[
        Path | None,
        _option("--webhook-cert-dir", text="Directory with tls.crt and tls.key, reloaded on change.", panel=_WEBHOOKS),
    ] = None,
    manage_certificates: Annotated[
        bool | None,
        _option(
            "--manage-certificates/--no-manage-certificates",
            text="Make and rotate certificates and write them into the cluster.",
            panel=_WEBHOOKS,
            default="on, unless --webhook-cert-dir is given",
        ),
    ] = None,
    webhook_service_name: Annotated[
        str | None,
        _option(
            "--webhook-service-name",
            text="Service in front of the webhooks; its name is in the certificate.",
            panel=_WEBHOOKS,
            default="lws-webhook-service",
        ),
    ] = None,
    webhook_secret_name: Annotated[
        str | None,
        _option(
            "--webhook-secret-name",
            text="Secret that keeps the certificate and its authority.",
            panel=_WEBHOOKS,
            default="lws-webhook-server-cert",
        ),
    ] = None,
    gang_provider: Annotated[
        str | None,
        _option(
            "--gang-provider",
            "--gang-scheduler-provider",
            text="Have the pods of a group placed together by this scheduler: volcano.",
            panel=_CLUSTER,
            default="none",
        ),
    ] = None,
    gang_match_scheduler_name: Annotated[
        bool | None,
        _option(
            "--gang-match-scheduler-name/--no-gang-match-scheduler-name",
            text="Only pods whose schedulerName is that scheduler.",
            panel=_CLUSTER,
            default="off",
        ),
    ] = None,
    health_port: Annotated[
        int | None, _option("--health-port", text="/healthz and /readyz; 0: off.", panel=_PROCESS, default="8081")
    ] = None,
    metrics_port: Annotated[
        int | None, _option("--metrics-port", text="/metrics; 0: off.", panel=_PROCESS, default="8080")
    ] = None,
    log_level: Annotated[
        LogLevel | None,
        _option("--log-level", text="Show lines of this level and above.", panel=_PROCESS, default="info"),
    ] = None,
    log_format: Annotated[
        LogFormat | None,
        _option("--log-format", text="console: for people; json: for collectors.", panel=_PROCESS, default="console"),
    ] = None,
) -> None:
    """Run the controller and its webhooks against a Kubernetes cluster.

    Without --nats-url it brings its own NATS server and keeps the journal in --data-dir. Every flag is also an
    environment variable (--webhook-port: LWS_EVENTS_WEBHOOK_PORT) and a key of --config (webhook-port); a flag beats
    the environment, the environment beats the file. SIGTERM stops it gracefully.

    Examples:

      lws-events run --kubeconfig ~/.kube/config --no-webhooks
      lws-events run --nats-url tls://bus:4222 --nats-creds lws.creds --nats-replicas 3
      lws-events run --only-webhooks --webhook-cert-dir /certs
    """
    given = {name: value for name, value in locals().items() if name != "config" and value is not None}

    from adapters.cli.settings import load_settings
    from adapters.controller import run

    raise typer.Exit(run(load_settings(flags=given, config=config)))
