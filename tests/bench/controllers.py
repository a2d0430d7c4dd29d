"""Run a controller as its users run it: a program with a kubeconfig, a webhook port and certificates.

Ours by its command line; any other by a command template. The webhooks are registered here, not by the controller, so
that both are reached in the same way.
"""

import asyncio
import shlex
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, NamedTuple

import aiohttp

from tests.bench.figures import ProcessCost
from tests.controlplane import proc
from tests.controlplane.api import Api, ApiError, Json, eventually, leaderworkersets
from tests.controlplane.certificates import make_authority, write_server_certificate
from tests.controlplane.cluster import free_ports
from tests.controlplane.installation import install_webhooks
from tests.controlplane.processes import Child

OURS: Final = "lws-events"
OUR_USER_AGENT: Final = "lws-events/"
OUR_COMMAND: Final = (
    f"{shlex.quote(str(Path(sys.executable).with_name('lws-events')))} run --kubeconfig {{kubeconfig}} "
    "--data-dir {data_dir} --webhook-host 127.0.0.1 --webhook-port {webhook_port} --webhook-cert-dir {cert_dir} "
    "--no-leader-elect --health-port {health_port} --metrics-port 0 --log-level warning"
)
START_SECONDS_MAX: Final = 60.0
STOP_SECONDS_MAX: Final = 20.0


class Controller(NamedTuple):
    """What to run, and by what beginning of the user agent the API server knows it."""

    name: str
    command: str
    user_agent: str


class Moment(NamedTuple):
    """Usage of the controller and of its NATS server at one moment."""

    controller: proc.Usage
    nats: proc.Usage | None

    def cost_since(self, before: "Moment") -> ProcessCost:
        """Of the controller's own process."""
        return _cost(before.controller, self.controller)

    def nats_cost_since(self, before: "Moment") -> ProcessCost | None:
        """Of the NATS server; None without one."""
        if self.nats is None or before.nats is None:
            return None
        return _cost(before.nats, self.nats)


class Running:
    """A started controller."""

    def __init__(self, child: Child, *, data_dir: Path) -> None:
        self._child = child
        self.data_dir = data_dir
        """Where ours keeps its journal; another controller leaves it empty."""

    def now(self) -> Moment:
        """Usage so far. Raises ``ControllerEnded``."""
        self.require_running()
        nats = proc.nats_child(self._child.pid)
        return Moment(proc.usage(self._child.pid), None if nats is None else proc.usage(nats))

    def require_running(self) -> None:
        """Raise ``ControllerEnded`` with the end of its log if it does not run any more."""
        if not self._child.running():
            raise ControllerEnded(f"the controller {self._child.name} has ended; its log:\n{self._child.log_tail()}")

    async def stop(self) -> None:
        """Stop in good order, so that the journal can be read."""
        await asyncio.to_thread(self._child.stop, grace_seconds=STOP_SECONDS_MAX)


class ControllerEnded(Exception):  # noqa: N818 - a fact, like the controller's own errors
    """The controller ended by itself."""


@asynccontextmanager
async def running(
    controller: Controller, api: Api, *, kubeconfig: Path, directory: Path, probe: Json
) -> AsyncIterator[Running]:
    """Start the controller and its webhooks; on entering, a set like ``probe`` would be accepted.

    Raises ``ControllerEnded``, ``TimeoutError``.
    """
    webhook_port, health_port = free_ports(2)
    cert_dir, data_dir = directory / "certificates", directory / "data"
    cert_dir.mkdir(parents=True)
    data_dir.mkdir()
    authority = make_authority()
    write_server_certificate(authority, cert_dir, hosts=("127.0.0.1", "localhost"))
    command = controller.command.format(
        kubeconfig=shlex.quote(str(kubeconfig)),
        webhook_port=webhook_port,
        cert_dir=shlex.quote(str(cert_dir)),
        data_dir=shlex.quote(str(data_dir)),
        health_port=health_port,
    )
    child = Child(shlex.split(command), log=directory / "controller.log")
    started = Running(child, data_dir=data_dir)
    try:
        child.start()
        await _listening(started, webhook_port)
        await install_webhooks(api, url=f"https://127.0.0.1:{webhook_port}", authority_pem=authority.pem)
        await _admitting(started, api, probe)
        if "{health_port}" in controller.command:
            await _ready(started, health_port)
        yield started
    finally:
        await started.stop()


async def _listening(started: Running, port: int) -> None:
    async def connects() -> bool:
        started.require_running()
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return False
        writer.close()
        return True

    await eventually(connects, what=f"the controller to listen on {port}", timeout_seconds=START_SECONDS_MAX)


async def _admitting(started: Running, api: Api, probe: Json) -> None:
    """The API server takes a moment to know new webhook configurations, and the controller to answer them."""
    collection = leaderworkersets(probe["metadata"]["namespace"])

    async def accepted() -> bool:
        started.require_running()
        try:
            answer = await api.call("POST", collection, probe, params={"dryRun": "All"})
        except ApiError:
            return False
        # A default that only the mutating webhook sets tells that it has been asked.
        return "networkConfig" in answer["spec"]

    await eventually(accepted, what="the webhooks to admit a set", timeout_seconds=START_SECONDS_MAX)


async def _ready(started: Running, port: int) -> None:
    async def answers() -> bool:
        started.require_running()
        try:
            async with aiohttp.request("GET", f"http://127.0.0.1:{port}/readyz") as response:
                return response.status == 200
        except aiohttp.ClientError:
            return False

    await eventually(answers, what="/readyz of the controller", timeout_seconds=START_SECONDS_MAX)


def _cost(before: proc.Usage, after: proc.Usage) -> ProcessCost:
    return ProcessCost(cpu_seconds=after.cpu_seconds - before.cpu_seconds, rss_peak_mib=after.rss_peak_mib)
