"""``lws-events run`` as a process of its own: started, asked, stopped, killed."""

import asyncio
import json
import re
import sys
from pathlib import Path
from typing import Any, Final

import aiohttp

from tests.controlplane.api import eventually
from tests.controlplane.cluster import free_ports
from tests.controlplane.processes import Child

PROGRAM: Final = str(Path(sys.executable).with_name("lws-events"))
_END_SECONDS: Final = 40.0
_STOP_SECONDS: Final = 20.0


class Program:
    """One controller. ``arguments`` are added to those that every test needs."""

    def __init__(
        self,
        directory: Path,
        *arguments: str,
        kubeconfig: Path | None = None,
        environment: dict[str, str] | None = None,
        name: str = "controller",
        plain: bool = True,
    ) -> None:
        """``plain``: metrics for whoever asks, where ``metrics`` finds them."""
        self.data_dir = directory / f"{name}-data"
        self.health_port, self.metrics_port = free_ports(2)
        self._log = directory / f"{name}.log"
        command = [
            *(PROGRAM, "run", "--health-probe-bind-address", f"127.0.0.1:{self.health_port}"),
        ]
        if plain:
            command += ["--metrics-bind-address", f"127.0.0.1:{self.metrics_port}", "--no-metrics-secure"]
        if kubeconfig is not None:
            command += ["--kubeconfig", str(kubeconfig)]
        if "--nats-url" not in arguments:
            command += ["--data-dir", str(self.data_dir)]
        self.child = Child([*command, *arguments], log=self._log, environment=environment)

    @property
    def log(self) -> str:
        """Everything that it has said, over all its lives."""
        return self._log.read_text() if self._log.exists() else ""

    def start(self) -> None:
        """Start it; returns at once."""
        self.child.start()

    async def ready(self) -> None:
        """Wait until it is ready."""

        async def answered() -> bool:
            assert self.child.running(), f"it has ended\n{self.log}"
            return await self.readyz() == "ok"

        try:
            await eventually(answered, what="the controller to be ready", interval_seconds=0.05)
        except TimeoutError as error:
            raise AssertionError(f"{error}\n{await self.readyz()}\n{self.log}") from error

    async def readyz(self) -> str:
        """What the readiness endpoint says; empty while it does not answer."""
        return await self._get(self.health_port, "/readyz")

    async def readyz_says(self, pattern: str) -> str:
        """Wait until the readiness endpoint says something like this."""

        async def said() -> str:
            text = await self.readyz()
            return text if re.search(pattern, text) else ""

        return await eventually(said, what=f"/readyz to say {pattern!r}", interval_seconds=0.05)

    async def metrics(self) -> dict[str, float]:
        """All numbers, by name and labels."""
        lines = [line for line in (await self._get(self.metrics_port, "/metrics")).splitlines() if line[0] != "#"]
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}

    async def log_says(self, pattern: str, *, timeout_seconds: float = 30.0) -> None:
        """Wait until it has said something like this."""

        async def said() -> bool:
            return re.search(pattern, self.log) is not None

        await eventually(said, what=f"the log to say {pattern!r}", timeout_seconds=timeout_seconds)

    async def ended(self) -> int:
        """Wait for its end; returns the exit code."""

        async def gone() -> bool:
            return not self.child.running()

        await eventually(gone, what="the controller to end", timeout_seconds=_END_SECONDS)
        code = await asyncio.to_thread(self.child.stop)
        assert code is not None
        return code

    async def stop(self) -> int | None:
        """SIGTERM; returns the exit code, None where it had to be killed."""
        return await asyncio.to_thread(self.child.stop, grace_seconds=_STOP_SECONDS)

    async def kill(self) -> None:
        """SIGKILL."""
        await asyncio.to_thread(self.child.kill)

    async def ask(self, *arguments: str) -> Any:
        """What another process of the program says about the journal, as JSON."""
        process = await asyncio.create_subprocess_exec(
            *(PROGRAM, *arguments, "--data-dir", str(self.data_dir), "-o", "json"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, errors = await process.communicate()
        assert process.returncode in (0, 1), f"{arguments}: {process.returncode}\n{errors.decode()}"
        return json.loads(output)

    async def verify(self) -> dict[str, Any]:
        """Recompute all decisions; there must be no difference."""
        result: dict[str, Any] = await self.ask("verify")
        assert result["differences"] == 0, result
        assert result["decisions"] > 0, "nothing was verified"
        return result

    async def _get(self, port: int, path: str) -> str:
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session,
                session.get(f"http://127.0.0.1:{port}{path}") as response,
            ):
                return await response.text()
        except (aiohttp.ClientError, TimeoutError):
            return ""
