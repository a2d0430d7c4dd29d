"""``lws-events run``: controller and webhooks in one process; and ``manager``, the same under the reference's name."""

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from adapters.cli.run_options import takes_run_options


def _show_version(wanted: bool) -> None:
    """In the three lines of the reference (spec 10.4); the image knows when and from what it was built."""
    if wanted:
        from lws_events import __version__

        typer.echo(f"Version: v{__version__}")
        typer.echo(f"Build Date: {os.environ.get('LWS_EVENTS_BUILD_DATE') or 'N/A'}")
        typer.echo(f"Git Commit: {os.environ.get('LWS_EVENTS_GIT_COMMIT') or 'N/A'}")
        raise typer.Exit


@takes_run_options
def command(
    *,
    given: dict[str, Any],
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Run the controller and its webhooks against a Kubernetes cluster.

    Without --nats-url it brings its own NATS server and keeps the journal in --data-dir. Flags and configuration file
    of the reference are understood, with one dash or two. Every setting is an environment variable as well
    (--webhook-port: LWS_EVENTS_WEBHOOK_PORT); a flag beats the environment, the environment beats the file. SIGTERM
    stops it gracefully.

    Examples:

      lws-events run --kubeconfig ~/.kube/config --no-webhooks
      lws-events run --config=/controller_manager_config.yaml --zap-log-level=2
      lws-events run --nats-url tls://bus:4222 --nats-creds lws.creds --nats-replicas 3
      lws-events run --only-webhooks --webhook-cert-dir /certs --metrics-port 0
    """
    del version  # has been shown
    from adapters.cli.zap_flags import translated
    from adapters.controller import run
    from adapters.settings.loading import load_settings

    config: Path | None = given.pop("config", None)
    settings = load_settings(flags=translated(_addresses(given)), config=config)
    raise typer.Exit(run(settings, config=config))


def _addresses(given: dict[str, Any]) -> dict[str, Any]:
    """A port alone is short for all addresses with that port, and 0 for off."""
    from adapters.errors import WrongUsage

    flags = dict(given)
    for short, name in (("health_port", "health_probe_bind_address"), ("metrics_port", "metrics_bind_address")):
        if short not in flags:
            continue
        if name in flags:
            flag, other = ("--" + one.replace("_", "-") for one in (short, name))
            raise WrongUsage(f"{flag} and {other} say the same thing", hint="give one of them")
        port = flags.pop(short)
        flags[name] = f":{port}" if port else "0"
    return flags
