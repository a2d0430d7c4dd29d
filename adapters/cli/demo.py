"""``lws-events demo``: a group is killed and recreated before your eyes, without a cluster."""

from pathlib import Path
from typing import Annotated

import typer


def command(
    data_dir: Annotated[
        Path | None, typer.Option("--data-dir", help="Keep the journal here.", show_default="a new directory")
    ] = None,
) -> None:
    """See it work in half a minute: nothing is needed and nothing is installed.

    Starts an embedded NATS server and a simulated cluster with racks, runs the controller, applies the sample of the
    LeaderWorkerSet documentation, kills a worker, shows its group being recreated as a unit, explains why, and verifies
    the journal, which stays for you to explore.
    """
    from adapters.demo import run

    raise typer.Exit(run(data_dir=data_dir))
