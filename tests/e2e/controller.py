"""The controller as its users run it: ``lws-events run`` as a process, its webhooks registered by URL.

It can be stopped, killed and started again on the same journal or on none, and its journal can be asked and verified by
other processes of the same program. Deliberately absent: leader election (a test of its own), other controllers.
"""

import asyncio
import base64
import contextlib
import os
import shutil
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec

from adapters.journal.port import Journal, Record
from adapters.nats.connection import connect
from adapters.nats.embedded import server_for_reading
from adapters.nats.journal import open_journal_for_reading
from adapters.webhooks.configuration import RECORDING, recording_configuration, url_client
from lws_events.decisions import LifecycleFact, decode
from lws_events.subjects import SetName, parse
from tests.controlplane.api import Api, ApiError, eventually, leaderworkersets
from tests.controlplane.certificates import make_authority, write_server_certificate
from tests.controlplane.cluster import free_ports
from tests.controlplane.installation import VALIDATING, install_webhooks
from tests.controlplane.processes import Child

PROGRAM: Final = str(Path(sys.executable).with_name("lws-events"))
USER_AGENT: Final = "lws-events/"
CLUSTER: Final = "default"
# Decisions must depend neither on the hash seed nor on the process: the journal is verified with another one.
_SEED: Final = "101"
_OTHER_SEED: Final = "20202"
_STOP_SECONDS_MAX: Final = 20
# Counts in the status are written a second after the last write at most.
_REST_SECONDS: Final = 2.0


class Controller:
    """One controller with its data directory and certificates below ``directory``."""

    def __init__(self, api: Api, *, kubeconfig: Path, directory: Path, arguments: Sequence[str] = ()) -> None:
        """Nothing is started before ``start``. ``arguments`` are further ones of ``run``."""
        self._api = api
        self._webhook_port, self._health_port = free_ports(2)
        self.data_dir = directory / "data"
        certificates = directory / "certificates"
        certificates.mkdir(parents=True)
        self._authority = make_authority()
        write_server_certificate(self._authority, certificates, hosts=("127.0.0.1", "localhost"))
        self._child = Child(
            [
                *(PROGRAM, "run", "--kubeconfig", str(kubeconfig), "--data-dir", str(self.data_dir)),
                *("--webhook-host", "127.0.0.1", "--webhook-port", str(self._webhook_port)),
                *("--webhook-cert-dir", str(certificates), "--no-leader-elect"),
                *("--health-port", str(self._health_port), "--metrics-port", "0"),
                *arguments,
            ],
            log=directory / "controller.log",
            environment={"PYTHONHASHSEED": _SEED},
        )

    async def start(self) -> None:
        """Start, or start again, and return when it is ready."""
        self._child.start()
        try:
            await eventually(self._ready, what="the controller to be ready")
        except (AssertionError, TimeoutError) as error:
            raise AssertionError(f"{error}\n{self.log_tail()}") from error

    async def stop(self) -> None:
        """Stop it as Kubernetes would; the exit code must say that all was well."""
        code = await asyncio.to_thread(self._child.stop, grace_seconds=_STOP_SECONDS_MAX)
        assert code == 0, f"the controller ended with {code}; its log:\n{self.log_tail()}"

    async def kill(self) -> None:
        """End it at once, as a crash would."""
        await asyncio.to_thread(self._child.kill)

    def running(self) -> bool:
        """Whether the process is there."""
        return self._child.running()

    def forget(self) -> None:
        """Remove the journal of a controller that does not run."""
        assert not self.running(), "stop the controller first"
        shutil.rmtree(self.data_dir)

    async def register_webhooks(self) -> None:
        """Install the webhook configurations, and return when the API server asks both kinds of hooks."""
        url = f"https://127.0.0.1:{self._webhook_port}"
        await install_webhooks(self._api, url=url, authority_pem=self._authority.pem)

        async def effective() -> bool:
            # The API server takes a new configuration up with a delay, each of the two by itself.
            code, answer = await self._dry_run(size=1)
            denied, _ = await self._dry_run(size=0)
            return code == 201 and "networkConfig" in answer["spec"] and denied == 403

        await eventually(effective, what="the hooks to be asked")

    async def register_recording(self) -> None:
        """Install our own webhook configuration with the pods': who deletes, evicts and scales is recorded."""
        client = url_client(f"https://127.0.0.1:{self._webhook_port}")
        manifest = recording_configuration(client, pods=True)
        for webhook in manifest["webhooks"]:
            webhook["clientConfig"]["caBundle"] = base64.b64encode(self._authority.pem).decode()
        await self._api.apply(f"{VALIDATING}/{RECORDING}", manifest)

    async def ask(self, *arguments: str) -> Any:
        """What another process of the program says about the journal, as JSON. Raises ``AssertionError``."""
        return await asked(*arguments, "--data-dir", str(self.data_dir))

    async def ask_file(self, file: Path, *arguments: str) -> Any:
        """As ``ask``, about an exported journal."""
        return await asked(*arguments, "--file", str(file))

    async def verify(self) -> dict[str, Any]:
        """Recompute every decision in another process; there must be no difference. Returns the verification."""
        verification: dict[str, Any] = await self.ask("verify")
        assert verification["differences"] == 0, verification
        assert verification["events"] > 0, "nothing was verified"
        return verification

    async def decided(self, namespace: str) -> list[tuple[SetName, LifecycleFact]]:
        """Everything that was decided about the groups and sets of a namespace so far, in order."""
        async with self.journal() as journal:
            batches = journal.decisions.read(
                subject_filter=f"lws.decisions.{CLUSTER}.*.{namespace}.*",
                to_sequence=await journal.decisions.last_sequence(),
                follow=False,
            )
            found = []
            async with contextlib.aclosing(batches):
                async for batch in batches:
                    for record in batch:
                        address = parse(record.subject)
                        assert address is not None
                        found += [(address.set_name, fact) for fact in decode(record.data).facts]
            return found

    @contextlib.asynccontextmanager
    async def journal(self) -> AsyncIterator[Journal]:
        """The journal for reading, while the controller runs."""
        async with server_for_reading(self.data_dir) as settings:
            connection = await connect(settings, name="lws-events tests")
            try:
                yield await open_journal_for_reading(connection, CLUSTER)
            finally:
                await connection.close()

    async def hear(self, namespace: str, *, seconds: float) -> Record | None:
        """The next event about a namespace that is recorded from now on; ``None`` when there is none for so long."""
        async with self.journal() as journal:
            try:
                return await asyncio.wait_for(_next(journal, namespace), timeout=seconds)
            except TimeoutError:
                return None

    async def at_rest(self, namespace: str) -> None:
        """Wait until nothing more comes of what has happened there: longer than any timer of a healthy set."""

        async def silent() -> bool:
            return await self.hear(namespace, seconds=_REST_SECONDS) is None

        await eventually(silent, what=f"the journal to come to rest about {namespace}")

    def log_tail(self) -> str:
        """The end of what the controller has said."""
        return self._child.log_tail()

    async def readiness(self) -> str:
        """All that it tells of its readiness."""
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session,
            session.get(f"http://127.0.0.1:{self._health_port}/readyz?verbose") as response,
        ):
            return await response.text()

    async def _ready(self) -> bool:
        assert self.running(), "the controller has ended"
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session,
                session.get(f"http://127.0.0.1:{self._health_port}/readyz") as response,
            ):
                return response.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False

    async def _dry_run(self, *, size: int) -> tuple[int, Any]:
        container = {"name": "main", "image": "example.test/main:1"}
        manifest = {
            "apiVersion": "leaderworkerset.x-k8s.io/v1",
            "kind": "LeaderWorkerSet",
            "metadata": {"name": "probe"},
            "spec": {"leaderWorkerTemplate": {"size": size, "workerTemplate": {"spec": {"containers": [container]}}}},
        }
        try:
            params = {"dryRun": "All"}
            return 201, await self._api.call("POST", leaderworkersets("default"), manifest, params=params)
        except ApiError as error:
            return error.code, error.status


async def asked(*arguments: str) -> Any:
    """What another process of the program says, as JSON. Raises ``AssertionError`` where it fails."""
    process = await asyncio.create_subprocess_exec(
        *(PROGRAM, *arguments, "-o", "json"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONHASHSEED": _OTHER_SEED},
    )
    output, errors = await process.communicate()
    said = f"lws-events {' '.join(arguments)}: exit code {process.returncode}\n{output.decode()}\n{errors.decode()}"
    assert process.returncode == 0, said
    return msgspec.json.decode(output)


async def _next(journal: Journal, namespace: str) -> Record:
    last = await journal.events.last_sequence()
    batches = journal.events.read(
        from_sequence=last + 1, subject_filter=f"lws.events.{CLUSTER}.*.{namespace}.>", follow=True
    )
    async with contextlib.aclosing(batches):
        async for batch in batches:
            return batch[0]
    raise AssertionError("the journal has ended")
