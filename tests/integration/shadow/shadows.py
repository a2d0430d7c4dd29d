"""``lws-events shadow`` as a process, and a controller beside it that may have a rule switched off."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import aiohttp

from tests.controlplane.api import eventually
from tests.controlplane.cluster import free_ports
from tests.controlplane.processes import Child

PROGRAM: Final = str(Path(sys.executable).with_name("lws-events"))
PATIENCE_SECONDS: Final = 4
_CALM_LOOKS: Final = 6
_STOP_SECONDS: Final = 20.0


class Shadow:
    """One shadow with its own data directory."""

    def __init__(
        self, directory: Path, *arguments: str, kubeconfig: Path, patience_seconds: float = PATIENCE_SECONDS
    ) -> None:
        self.data_dir = directory / "shadow-data"
        self._log = directory / "shadow.log"
        self._health_port, self._metrics_port = free_ports(2)
        self.child = Child(
            [
                *(PROGRAM, "shadow", "--kubeconfig", str(kubeconfig), "--data-dir", str(self.data_dir)),
                *("--patience", f"{patience_seconds}s"),
                *("--health-probe-bind-address", f"127.0.0.1:{self._health_port}"),
                *("--metrics-bind-address", f"127.0.0.1:{self._metrics_port}"),
                *arguments,
            ],
            log=self._log,
        )

    @property
    def log(self) -> str:
        """Everything that it has said."""
        return self._log.read_text() if self._log.exists() else ""

    async def start(self) -> None:
        """Start it, and return when it sees the cluster."""
        self.child.start()

        async def ready() -> bool:
            assert self.child.running(), self.log
            return await self._get(self._health_port, "/readyz") == "ok"

        await eventually(ready, what="the shadow to be ready", interval_seconds=0.05)

    async def stop(self) -> None:
        """Stop it; the exit code must say that all was well."""
        code = await asyncio.to_thread(self.child.stop, grace_seconds=_STOP_SECONDS)
        assert code == 0, self.log

    async def kill(self) -> None:
        """SIGKILL."""
        await asyncio.to_thread(self.child.kill)

    async def metrics(self) -> dict[str, float]:
        """All numbers, by name and labels."""
        lines = [line for line in (await self._get(self._metrics_port, "/metrics")).splitlines() if line[0] != "#"]
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}

    async def at_rest(self) -> None:
        """Wait until nothing is waited for, several looks in a row."""
        calm = 0

        async def resting() -> bool:
            nonlocal calm
            assert self.child.running(), self.log
            is_calm = (await self.metrics()).get("lws_events_shadow_open") == 0
            calm = calm + 1 if is_calm else 0
            return calm >= _CALM_LOOKS

        await eventually(resting, what="the shadow to come to rest", interval_seconds=0.25, timeout_seconds=120)

    def report(self, *arguments: str) -> "Report":
        """What ``shadow report`` says, while it runs or after."""
        return asked("report", "--data-dir", str(self.data_dir), *arguments)

    def page(self) -> str:
        """The report as a page for a review."""
        command = [PROGRAM, "shadow", "report", "--data-dir", str(self.data_dir), "-o", "markdown"]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120).stdout

    async def found(self, count: int = 1) -> dict[str, Any]:
        """Wait for so many differences, and then for rest; the report."""

        async def enough() -> bool:
            numbers = await self.metrics()
            total = sum(n for name, n in numbers.items() if name.startswith("lws_events_shadow_differences_total"))
            return total >= count

        await eventually(enough, what=f"{count} differences", interval_seconds=0.25, timeout_seconds=90)
        await self.at_rest()
        return (await asyncio.to_thread(self.report)).content

    async def _get(self, port: int, path: str) -> str:
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session,
                session.get(f"http://127.0.0.1:{port}{path}") as response,
            ):
                return await response.text()
        except (aiohttp.ClientError, TimeoutError):
            return ""


class Report:
    """An answer of ``shadow report``."""

    def __init__(self, code: int, content: dict[str, Any]) -> None:
        self.code = code
        self.content = content


def asked(*arguments: str) -> Report:
    """Ask another process, as JSON."""
    done = subprocess.run(
        [PROGRAM, "shadow", *arguments, "-o", "json"], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode in (0, 1), f"{arguments}: {done.returncode}\n{done.stderr}"
    return Report(done.returncode, json.loads(done.stdout))


def mutated(directory: Path, mutation: str, *, kubeconfig: Path) -> Child:
    """A controller with one rule switched off (``tests.mutated_controller``)."""
    return Child(
        [
            *(sys.executable, "-m", "tests.mutated_controller", mutation, "run", "--kubeconfig", str(kubeconfig)),
            *("--data-dir", str(directory / "mutated-data"), "--no-webhooks", "--no-leader-elect"),
            *("--health-probe-bind-address", "0", "--metrics-bind-address", "0"),
        ],
        log=directory / "mutated.log",
        environment={"PYTHONPATH": str(Path(__file__).parents[3])},
    )
