"""Pages that are served while a block runs: of a recorded journal by the program, of a controller in another thread."""

import asyncio
import contextlib
import subprocess
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, Final, TypeVar

from adapters.controller.process import run_controller
from adapters.demo.sample import NAME, SAMPLE
from adapters.settings.controller import Settings
from adapters.simulation import Simulation, kinds, objects, racks
from adapters.simulation.http import ClusterServer, ServerSettings
from adapters.simulation.set_admission import set_admission
from tests.controlplane.api import eventually
from tests.controlplane.cluster import free_ports

_PROGRAM: Final = Path(sys.executable).parent / "lws-events"
_SECONDS_MAX: Final = 60.0
_NAMESPACE: Final = "default"

_T = TypeVar("_T")


@contextlib.contextmanager
def page_of(journal: Path) -> Iterator[str]:
    """Address of the page of a journal file."""
    command = [str(_PROGRAM), "ui", str(journal)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


class Live:
    """A controller with its page, and a simulated cluster, in a loop of another thread: Playwright has this one."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._ended: asyncio.Task[int] | None = None
        [self.port] = free_ports(1)
        self.simulation = Simulation(nodes=racks(4, nodes_per_rack=4), admission=set_admission)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/ui"

    def run(self, work: Coroutine[Any, Any, _T]) -> _T:
        """In the loop, to its end."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=_SECONDS_MAX)

    def do(self, act: Callable[[], Any]) -> None:
        """In the loop: the cluster belongs to it."""

        async def acting() -> None:
            act()

        self.run(acting())

    def kill(self, pod: str) -> None:
        self.do(lambda: self.simulation.api.delete(kinds.PODS, pod, namespace=_NAMESPACE, grace_seconds=0))

    def uid(self, pod: str) -> str:
        found = self.simulation.api.find(kinds.PODS, pod, namespace=_NAMESPACE)
        return objects.uid(found) if found is not None else ""

    def apply(self) -> None:
        self.do(lambda: self.simulation.api.create(kinds.LEADERWORKERSETS, SAMPLE, namespace=_NAMESPACE))

    def until_ready(self, *, without: str = "") -> None:
        """Until all pods are, none of them with this uid."""

        async def ready() -> bool:
            pods = list(self.simulation.api.select(kinds.PODS, namespace=_NAMESPACE))
            sets = self.simulation.api.select(kinds.LEADERWORKERSETS, namespace=_NAMESPACE)
            calm = all(objects.is_true(pod, "Ready") and not objects.terminating(pod) for pod in pods)
            return (
                calm and all(objects.is_true(lws, "Available") for lws in sets) and self.uid(f"{NAME}-1-1") != without
            )

        self.run(eventually(ready, what="all pods to be ready", interval_seconds=0.05))

    def start_controller(self) -> None:
        async def start() -> None:
            settings = Settings(
                kubeconfig=self._directory / "kubeconfig",
                data_dir=self._directory / "data",
                webhooks=False,
                leader_elect=False,
                health_probe_bind_address="0",
                metrics_bind_address="0",
                ui_bind_address=str(self.port),
            )
            self._stop = asyncio.Event()
            self._ended = asyncio.create_task(run_controller(settings, stop=self._stop))

            async def listens() -> bool:
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                    writer.close()
                    return True
                return False

            await eventually(listens, what="the page to be served", interval_seconds=0.05)

        self.run(start())

    def stop_controller(self) -> None:
        async def stop() -> None:
            self._stop.set()
            if self._ended is not None:
                await self._ended

        self.run(stop())

    @contextlib.contextmanager
    def staged(self) -> Iterator[None]:
        """The cluster is there, and the controller too at first."""
        thread = threading.Thread(target=self._loop.run_forever, name="cluster of a browser test")
        thread.start()
        stack = contextlib.AsyncExitStack()

        async def build() -> None:
            server = await stack.enter_async_context(ClusterServer(self.simulation, settings=ServerSettings(speed=8.0)))
            server.write_kubeconfig(self._directory / "kubeconfig")

        try:
            self.run(build())
            self.start_controller()
            yield
        finally:
            try:
                self.stop_controller()
                self.run(stack.aclose())
            finally:
                self._loop.call_soon_threadsafe(self._loop.stop)
                thread.join(timeout=10)
                self._loop.close()
