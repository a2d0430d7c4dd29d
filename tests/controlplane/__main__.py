"""Run a control plane with kubelets until interrupted, or only the kubelets for a cluster that runs already.

For a look around by hand, and for the bench, which keeps the kubelets' work out of its own process.
"""

import argparse
import asyncio
import signal
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import yaml

from tests.controlplane import nodes
from tests.controlplane.api import Connection
from tests.controlplane.build import BuildError
from tests.controlplane.cluster import ControlPlane
from tests.controlplane.kubelets import Kubelets


def connection_from(kubeconfig: Path) -> Connection:
    """The connection in a kubeconfig written by ``ControlPlane``."""
    content = yaml.safe_load(kubeconfig.read_text())
    cluster = content["clusters"][0]["cluster"]
    token = content["users"][0]["user"]["token"]
    return Connection(cluster["server"], Path(cluster["certificate-authority"]), token)


async def serve(options: argparse.Namespace) -> None:
    """Start what was asked for, say where it is, and wait for a signal."""
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with AsyncExitStack() as stack:
        if options.kubeconfig is None:
            control_plane = await stack.enter_async_context(ControlPlane(audit=options.audit))
            connection, kubeconfig = control_plane.connection, control_plane.kubeconfig
        else:
            connection, kubeconfig = connection_from(options.kubeconfig), options.kubeconfig
        specs = nodes.racks(options.racks, nodes_per_rack=options.nodes_per_rack)
        await stack.enter_async_context(Kubelets(connection, specs, start_seconds=options.start_seconds))
        print(f"ready: export KUBECONFIG={kubeconfig}", flush=True)
        await stopped.wait()


def main() -> int:
    """Parse the arguments and serve."""
    parser = argparse.ArgumentParser(prog="python -m tests.controlplane", description=__doc__)
    parser.add_argument("--kubeconfig", type=Path, help="run only the kubelets, for this cluster")
    parser.add_argument("--racks", type=int, default=4, help="number of racks (default: 4)")
    parser.add_argument("--nodes-per-rack", type=int, default=2, help="nodes in each (default: 2)")
    parser.add_argument("--start-seconds", type=float, default=0.0, help="how long a pod takes to start")
    parser.add_argument("--audit", action="store_true", help="write an audit log of all write requests")
    try:
        asyncio.run(serve(parser.parse_args()))
    except BuildError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
