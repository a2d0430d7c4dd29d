"""Options that several commands share: which journal to read, which set, and how to print.

The journal options are written once and added to a command by ``reads_journal``, which hands it one ``JournalSource``.
"""

import functools
import inspect
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from adapters.errors import WrongUsage
from adapters.reading.source import JournalSource, default_data_dir

_PANEL = "Which journal"
_NATS_PANEL = "Reaching NATS"


class Output(StrEnum):
    """How to print."""

    TABLE = "table"
    JSON = "json"


SetArgument = Annotated[
    str,
    typer.Argument(
        metavar="SET",
        help="The LeaderWorkerSet: [bold]namespace/name[/bold], or name (see --namespace).",
        show_default=False,
    ),
]
NamespaceOption = Annotated[
    str | None,
    typer.Option("--namespace", "-n", help="Namespace of SET, if it is given by its name alone.", show_default=False),
]
ContextNamespaceOption = Annotated[
    str | None,
    typer.Option(
        "--namespace",
        "-n",
        help="Namespace of what names none.",
        show_default="that of the kubeconfig's context",
    ),
]
GroupOption = Annotated[
    str | None,
    typer.Option(
        "--group", "-g", help="Only this group: its index, or the name of its leader pod.", show_default=False
    ),
]
OutputOption = Annotated[Output, typer.Option("--output", "-o", help="For people, or for programs (on stdout).")]

_DATA_DIR = typer.Option(
    "--data-dir",
    envvar="LWS_EVENTS_DATA_DIR",
    help="Data directory of an embedded server, running or not.",
    show_default="$XDG_STATE_HOME/lws-events",
    rich_help_panel=_PANEL,
)
_FILE = typer.Option(
    "--file",
    exists=True,
    dir_okay=False,
    envvar="LWS_EVENTS_FILE",
    help="A file that `journal export` wrote.",
    rich_help_panel=_PANEL,
    show_default=False,
)
_CLUSTER = typer.Option(
    "--cluster",
    envvar="LWS_EVENTS_CLUSTER",
    help="Name of the cluster in the journal.",
    rich_help_panel=_PANEL,
    show_default="the only one there",
)


def _nats(name: str, text: str, panel: str = _NATS_PANEL) -> Any:
    variable = "LWS_EVENTS_" + name.removeprefix("--").replace("-", "_").upper()
    return typer.Option(name, envvar=variable, help=text, rich_help_panel=panel, show_default=False)


def _parameter(name: str, kind: Any, option: Any, default: Any = None) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, option])


_JOURNAL_PARAMETERS = (
    _parameter("data_dir", Path | None, _DATA_DIR),
    _parameter(
        "nats_url", str | None, _nats("--nats-url", "URL of a NATS server, for example nats://host:4222.", _PANEL)
    ),
    _parameter("file", Path | None, _FILE),
    _parameter("cluster", str | None, _CLUSTER),
    _parameter("nats_creds", Path | None, _nats("--nats-creds", "Credentials file (.creds).")),
    _parameter("nats_user", str | None, _nats("--nats-user", "User name.")),
    _parameter("nats_password", str | None, _nats("--nats-password", "Password; better given by the environment.")),
    _parameter("nats_token", str | None, _nats("--nats-token", "Token; better given by the environment.")),
    _parameter("nats_tls_ca", Path | None, _nats("--nats-tls-ca", "CA certificates to trust (PEM).")),
    _parameter("nats_tls_cert", Path | None, _nats("--nats-tls-cert", "Client certificate (PEM).")),
    _parameter("nats_tls_key", Path | None, _nats("--nats-tls-key", "Key of the client certificate (PEM).")),
)
_PLACES = ("data_dir", "nats_url", "file")


def reads_journal(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the journal options; it receives them as its parameter ``source``."""
    signature = inspect.signature(command)
    own = [parameter for name, parameter in signature.parameters.items() if name != "source"]
    context = inspect.Parameter("ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)

    @functools.wraps(command)
    def with_source(ctx: typer.Context, **arguments: Any) -> None:
        values = {parameter.name: arguments.pop(parameter.name) for parameter in _JOURNAL_PARAMETERS}
        command(source=_one_place(ctx, values), **arguments)

    ordered = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own]
    with_source.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[context, *ordered, *_JOURNAL_PARAMETERS]
    )
    with_source.__annotations__ = {"ctx": typer.Context}
    return with_source


def help_text(command: Callable[..., None]) -> str:
    """The docstring with its paragraphs as one line each, so that they fill any terminal; examples stay as they are."""
    paragraphs = inspect.cleandoc(command.__doc__ or "").split("\n\n")
    return "\n\n".join(one if one.startswith("  ") else one.replace("\n", " ") for one in paragraphs)


def _one_place(ctx: typer.Context, values: dict[str, Any]) -> JournalSource:
    """A flag beats the environment; two places of the same rank contradict each other."""
    given = [name for name in _PLACES if values[name] is not None]
    flags = [name for name in given if getattr(ctx.get_parameter_source(name), "name", "") == "COMMANDLINE"]
    chosen = flags or given
    if len(chosen) > 1:
        names = " and ".join(_shown(name, flag=name in flags) for name in chosen)
        raise WrongUsage(f"{names} name different journals", hint="give one of --data-dir, --nats-url, --file")
    for name in _PLACES:
        if name not in chosen:
            values[name] = None
    if not chosen:
        values["data_dir"] = default_data_dir()
    return JournalSource(**values)


def _shown(name: str, *, flag: bool) -> str:
    return "--" + name.replace("_", "-") if flag else "LWS_EVENTS_" + name.upper()
