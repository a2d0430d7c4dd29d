"""``lws-events ui``: the web page of any journal, on this machine."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from adapters.cli.options import reads_journal
from adapters.errors import WrongUsage
from adapters.reading.source import JournalSource

if TYPE_CHECKING:
    from adapters.journal.port import Journal
    from adapters.observability.addresses import Address
    from adapters.web.page import Page

_LARGE_BYTES: Final = 2 * 1024 * 1024

FileArgument = Annotated[
    Path | None,
    typer.Argument(metavar="[FILE]", exists=True, dir_okay=False, help="The same as --file FILE.", show_default=False),
]
AddressOption = Annotated[
    str, typer.Option("--bind-address", metavar="ADDRESS", help="An address of loopback, or its port; port 0: any.")
]


@reads_journal
def command(
    *, source: JournalSource, journal_file: FileArgument = None, bind_address: AddressOption = "127.0.0.1:0"
) -> None:
    """Show a journal as a web page: sets, groups, timelines, reasons, and any moment of the past.

    The page is served on this machine alone until Ctrl-C. A journal that a controller is writing is followed. A
    controller serves the same page itself with [bold]--ui-bind-address[/bold].

    Examples:

      lws-events ui incident.jsonl.gz
      lws-events ui --data-dir /var/lib/lws-events
      lws-events ui --nats-url nats://bus:4222 --bind-address 8082
    """
    import asyncio

    from adapters.web.addresses import page_address

    try:
        address = page_address(bind_address)
    except ValueError as error:
        raise WrongUsage(f"--bind-address {bind_address!r} {error}") from error
    if address is None or not address.is_loopback:
        raise WrongUsage(
            f"--bind-address {bind_address} is not one of loopback, and there is no token here",
            hint="leave it out, forward the port with ssh -L, or let the controller serve it (--ui-bind-address)",
        )
    if journal_file is not None:
        if source.file is not None and source.file != journal_file:
            raise WrongUsage("FILE and --file name different journals", hint="give one of them")
        source = JournalSource(file=journal_file, cluster=source.cluster)
    asyncio.run(_serve(source, address))


async def _serve(source: JournalSource, address: "Address") -> None:
    import asyncio
    import contextlib
    import signal

    from adapters.controller.errors import listening
    from adapters.lifecycle_events.web import add_lifecycle_routes
    from adapters.observability.logs import configure_tool_logs
    from adapters.observability.serving import serving
    from adapters.reading.reader import open_journal_of
    from adapters.web.access import Access
    from adapters.web.api import add_page_routes
    from adapters.web.application import web_application

    configure_tool_logs()
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    async with contextlib.AsyncExitStack() as stack:
        journal = await open_journal_of(source, stack)
        application = web_application(Access(None), loopback=True)
        add_page_routes(application, _page(journal, source))
        add_lifecycle_routes(application, journal, grows=source.file is None)
        with listening("--bind-address", port=address.port, host=address.host):
            port = await stack.enter_async_context(serving(application, address))
        host = f"[{address.host}]" if ":" in address.host else address.host
        typer.echo(f"http://{host}:{port}/ui")
        typer.echo(f"shows {_words(source)}; Ctrl-C ends it", err=True)
        if source.file is not None and _is_slow(source.file):
            typer.echo(f"  hint: it is large; lws-events journal index {source.file} makes the page quick", err=True)
        await ended.wait()


def _page(journal: "Journal", source: JournalSource) -> "Page":
    from adapters.kubernetes.pace import SystemClock
    from adapters.web.page import page_of_journal

    is_file = source.file is not None
    return page_of_journal(
        journal,
        source=_words(source),
        in_loop=not is_file,
        considerate=False,
        now_ms=None if is_file else SystemClock().now_ms,
    )


def _is_slow(path: Path) -> bool:
    """Whether each question would be heard: a large file is read from end to end for each, unless it has an index."""
    from adapters.journal.index.reading import open_index

    return path.stat().st_size > _LARGE_BYTES and open_index(path) is None


def _words(source: JournalSource) -> str:
    """Which journal it is; an address is not told, for it may have a password in it."""
    if source.file is not None:
        return f"the file {source.file.name}"
    return f"the data directory {source.data_dir}" if source.data_dir is not None else "the journal on a NATS server"
