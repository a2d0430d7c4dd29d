"""The page beside a real controller: it follows a failure live, agrees with the journal, and needs its token."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest

from adapters.demo.sample import GROUPS, NAME
from tests.controlplane.api import eventually
from tests.controlplane.cluster import free_ports
from tests.integration.controller.clusters import Cluster
from tests.integration.controller.conftest import MakeProgram
from tests.integration.controller.program import PROGRAM
from tests.integration.test_nats_servers_of_others import serving

TOKEN: Final = "one-token-for-the-page"
SET: Final = f"/sets/default/{NAME}"
SECONDS_MAX: Final = 30.0


class Watcher:
    """A browser that has the page open."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.session = session

    async def get(self, path: str, **query: Any) -> Any:
        async with self.session.get(
            f"/ui/api/v1{path}", params={key: str(one) for key, one in query.items()}
        ) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def states(self) -> str:
        found: str = (await self.get(SET))["groups"]["states"]
        return found

    @contextlib.asynccontextmanager
    async def told(self) -> AsyncIterator[aiohttp.StreamReader]:
        async with self.session.get("/ui/api/v1/changes") as answer:
            yield answer.content

    async def until_told_of(self, stream: aiohttp.StreamReader, name: str) -> None:
        async with asyncio.timeout(SECONDS_MAX):
            while name.encode() not in await stream.readline():
                pass


@contextlib.asynccontextmanager
async def watching(port: int, *, token: str = "") -> AsyncIterator[Watcher]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}", headers=headers) as session:
        yield Watcher(session)


async def _all_ready(watcher: Watcher) -> None:
    async def ready() -> bool:
        return await watcher.states() == "R" * GROUPS

    await eventually(ready, what="all groups to be shown as ready", interval_seconds=0.1)


async def _printed(*arguments: str) -> Any:
    process = await asyncio.create_subprocess_exec(PROGRAM, *arguments, stdout=asyncio.subprocess.PIPE)
    printed, _ = await process.communicate()
    return json.loads(printed)


@pytest.mark.timeout(120)
async def test_a_failure_is_followed_live_and_the_past_is_what_replay_says(
    cluster: Cluster, program: MakeProgram, tmp_path: Path
) -> None:
    [port] = free_ports(1)
    (tmp_path / "token").write_text(TOKEN)
    controller = program(
        *("--no-webhooks", "--no-leader-elect", "--ui-bind-address", str(port)),
        *("--ui-token-file", str(tmp_path / "token")),
        kubeconfig=cluster.kubeconfig,
    )
    controller.start()
    await controller.ready()
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as stranger:
        for path in ("/ui/api/v1/sets", "/ui/api/v1/changes", "/ui/static/main.js", "/events"):
            async with stranger.get(path) as answer:
                assert answer.status == 401
    cluster.apply()
    await cluster.complete()
    async with watching(port, token=TOKEN) as watcher:
        await _all_ready(watcher)
        async with watcher.told() as stream:
            before = set(cluster.pods().values())
            cluster.kill(f"{NAME}-1-1")
            await watcher.until_told_of(stream, f"default/{NAME}")
        await cluster.complete(without={one for one in before if one in set(cluster.group(1).values())})
        await _all_ready(watcher)

        async def told() -> list[Any]:
            return [one for one in (await watcher.get(f"{SET}/timeline"))["entries"] if one["kind"] == "restart"]

        [restart] = await eventually(told, what="the restart to be told", interval_seconds=0.1)
        then = await watcher.get(SET, at=restart["sequence"])
        assert then["groups"]["states"][1] == "C"
        assert (await watcher.get(f"{SET}/groups/1"))["restarts"][0]["sequence"] == restart["sequence"]
        chains = (await watcher.get(f"{SET}/why", group=1))["chains"]
        assert chains[-1]["failed_pod"] == f"{NAME}-1-1"
        listed = (await watcher.get("/sets"))["sets"]
        assert [(one["name"], one["restarts"]) for one in listed] == [(NAME, {"hour": 1, "day": 1})]
        state = await watcher.get(f"{SET}/state", at=restart["sequence"])
    place = ("--data-dir", str(controller.data_dir))
    replayed = await _printed("replay", f"default/{NAME}", "--at", str(restart["sequence"]), "-o", "json", *place)
    assert {key: replayed[key] for key in state} == state
    await _shows_a_journal_that_is_being_written(place, cluster)
    assert controller.child.running()
    assert "defect" not in controller.log


async def _shows_a_journal_that_is_being_written(place: tuple[str, ...], cluster: Cluster) -> None:
    """``lws-events ui`` beside the controller, which goes on."""
    process = await asyncio.create_subprocess_exec(
        PROGRAM, "ui", *place, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(SECONDS_MAX):
            url = (await process.stdout.readline()).decode().strip()
        assert url.startswith("http://127.0.0.1:")
        async with watching(int(url.removesuffix("/ui").rsplit(":", 1)[1])) as watcher:
            await _all_ready(watcher)
            async with watcher.told() as stream:
                cluster.kill(f"{NAME}-0-1")
                await watcher.until_told_of(stream, f"default/{NAME}")

                async def restarted() -> bool:
                    return bool((await watcher.get(f"{SET}/groups/0"))["restarts"])

                await eventually(restarted, what="the second restart to be shown", interval_seconds=0.1)
        process.terminate()
        async with asyncio.timeout(SECONDS_MAX):
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.mark.timeout(120)
async def test_a_standby_shows_the_same(cluster: Cluster, program: MakeProgram, tmp_path: Path) -> None:
    async with serving(tmp_path, f'jetstream {{ store_dir: "{tmp_path}/js", sync_interval: always }}') as bus:
        ports = free_ports(2)
        replicas = []
        for port, name in zip(ports, ("first", "second"), strict=True):
            replica = program(
                *("--no-webhooks", "--namespace", "default", "--nats-url", f"nats://127.0.0.1:{bus}"),
                *("--ui-bind-address", f"127.0.0.1:{port}"),
                kubeconfig=cluster.kubeconfig,
                name=name,
            )
            replica.start()
            await replica.ready()
            replicas.append(replica)
        cluster.apply()
        await cluster.complete()
        for port in ports:
            async with watching(port) as watcher:
                await _all_ready(watcher)
                assert (await watcher.get(f"{SET}/groups/0"))["group"]["health"] == "ready"
