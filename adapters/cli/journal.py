"""``lws-events journal``: export it to a file, import a file, index one, and what it holds."""

import asyncio
import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from adapters.cli.archive import add_to as add_archive_commands
from adapters.cli.journal_info import add_to as add_info_command
from adapters.cli.options import Output, OutputOption, help_text, reads_journal
from adapters.cli.seals import add_to as add_seal_commands
from adapters.errors import WrongUsage
from adapters.reading.source import JournalSource

if TYPE_CHECKING:
    from adapters.journal.transfer import Transferred

app = typer.Typer(no_args_is_help=True, help="Export the journal to a file, import a file, show what it holds.")

TargetArgument = Annotated[
    Path, typer.Argument(metavar="FILE", help="Where to; .gz at its end: compressed.", show_default=False)
]
FromArgument = Annotated[
    Path, typer.Argument(metavar="FILE", help="What `journal export` wrote.", show_default=False, exists=True)
]
LogsOption = Annotated[
    bool, typer.Option("--logs", help="Also captured logs, in FILE.logs beside it, where `why --file` finds them.")
]


@reads_journal
def export(
    source: JournalSource, path: TargetArgument, logs: LogsOption = False, output: OutputOption = Output.TABLE
) -> None:
    """Write the whole journal to one file: a back-up, a bug report, a test.

    The file appears when it is complete. Every command that reads a journal reads it with --file. A running controller
    is not disturbed. What programs have written is not in it: captured logs are a file of their own, with --logs.

    Examples:

      lws-events journal export incident.jsonl.gz
      lws-events journal export incident.jsonl.gz --logs
      lws-events journal export prod.jsonl --nats-url nats://bus:4222 --cluster prod
    """
    from adapters.journal.log_file import export_logs, logs_beside
    from adapters.journal.transfer import export_journal
    from adapters.reading.reader import open_for_reading

    with open_for_reading(source) as reader:
        done = reader.wait(export_journal(reader.journal, path))
        count = reader.wait(export_logs(reader.journal, logs_beside(path))) if logs else None
    _report("exported", done, path, output, logs=count)


@reads_journal
def import_(source: JournalSource, path: FromArgument, output: OutputOption = Output.TABLE) -> None:
    """Restore an exported journal into an empty data directory or server, sequence by sequence.

    The whole file is checked before anything is written. The name of the cluster is the file's. Captured logs that lie
    beside it are restored, too.

    Examples:

      lws-events journal import incident.jsonl.gz --data-dir ./incident
      lws-events journal import prod.jsonl --nats-url nats://bus:4222
    """
    if source.file is not None:
        raise WrongUsage("a journal is imported into --data-dir or --nats-url, not into --file")
    done, count = asyncio.run(_import(source, path))
    _report("imported", done, path, output, logs=count)


def index(path: FromArgument, output: OutputOption = Output.TABLE) -> None:
    """Make the index of an exported journal, so that questions about one set are answered at once.

    The index is one file beside the journal. It is used by every command with --file, ignored when the journal is
    another one than it was made from, and can be deleted.

    Examples:

      lws-events journal index incident.jsonl.gz
      lws-events why default/sample --file incident.jsonl.gz
    """
    from adapters.cli.printing import console, print_json, remark
    from adapters.journal.index.writing import build_index

    made = build_index(path, on_progress=lambda count: remark(f"{count:,} records"))
    size = made.stat().st_size
    if output is Output.JSON:
        print_json({"file": str(path), "index": str(made), "size_bytes": size})
    else:
        console().print(f"indexed {path}: {made.name}, {size:,} bytes", markup=False)


async def _import(source: JournalSource, path: Path) -> "tuple[Transferred, int | None]":
    """What was imported, and how many logs; None where none lie beside the file."""
    from adapters.journal.file_format import read_header
    from adapters.journal.log_file import FileLogs, import_logs, logs_beside
    from adapters.journal.transfer import import_journal, restorable
    from adapters.nats.connection import connect
    from adapters.nats.embedded import EmbeddedServer
    from adapters.nats.journal import open_journal
    from adapters.observability.logs import configure_tool_logs
    from adapters.reading.reader import CONNECT_SECONDS, connection_settings

    configure_tool_logs()
    cluster = read_header(path).cluster
    if source.cluster not in (None, cluster):
        raise WrongUsage(
            f"{path} is the journal of cluster {cluster!r}, and stays so: subjects and ids name it",
            hint=f"leave out --cluster {source.cluster} (and LWS_EVENTS_CLUSTER)",
        )
    async with contextlib.AsyncExitStack() as stack:
        if source.data_dir is not None:
            settings = (await stack.enter_async_context(EmbeddedServer(source.data_dir))).settings
        else:
            settings = connection_settings(source)
        connection = await connect(settings, name="lws-events import", timeout=CONNECT_SECONDS)
        stack.push_async_callback(connection.close)
        before = restorable(path).before
        opened = await open_journal(
            connection, cluster, first_event=before["events"] + 1, first_decision=before["decisions"] + 1
        )
        beside = logs_beside(path)
        if beside.exists():
            FileLogs(beside).references()  # readable, before anything is written
        done = await import_journal(path, opened.journal)
        store = opened.journal.logs
        return done, await import_logs(beside, store) if store is not None and beside.exists() else None


def _report(verb: str, done: "Transferred", path: Path, output: Output, *, logs: int | None) -> None:
    from adapters.cli.printing import console, print_json

    if output is Output.JSON:
        counted = {"events": done.events, "decisions": done.decisions}
        print_json({"file": str(path), **counted, **({} if logs is None else {"logs": logs})})
        return
    beside = "" if logs is None else f", and {logs:,} captured logs beside it"
    console().print(f"{verb} {done.events:,} events and {done.decisions:,} decisions: {path}{beside}", markup=False)


add_archive_commands(app)
add_seal_commands(app)
app.command("export", help=help_text(export))(export)
app.command("import", help=help_text(import_))(import_)
app.command("index", help=help_text(index))(index)
add_info_command(app)
