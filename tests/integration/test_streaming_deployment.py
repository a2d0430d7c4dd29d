"""``deploy --follow`` and ``rollout follow`` as a person runs them, beside a controller and a simulated cluster."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final, Literal

import pytest
import yaml

from adapters.nats.connection import connect
from adapters.nats.embedded import EmbeddedServer
from adapters.nats.journal import open_journal
from adapters.simulation import kinds
from lws_events.names import REPLACE_BROKEN_GROUPS_FIRST
from tests.journals.recording import Story, staged
from tests.pages import blocks, missing
from tests.program_runs import Ran, ended, started

PAGE: Final = Path(__file__).parents[2] / "docs" / "deploy.md"
SECONDS_MAX: Final = 60.0


class Stage:
    """A story with the program beside it."""

    def __init__(self, story: Story, folder: Path) -> None:
        self.story = story
        self._folder = folder

    async def run(self, *arguments: str) -> Ran:
        return await ended(await started(*arguments), seconds_max=SECONDS_MAX)

    async def deploy(
        self,
        *documents: dict[str, Any],
        options: tuple[str, ...] = ("--follow",),
        data_dir: Path | Literal["own"] | None = "own",
    ) -> Ran:
        path = self._folder / "manifest.yaml"
        path.write_text(yaml.safe_dump_all(documents))
        journal = self._folder if data_dir == "own" else data_dir
        where = () if journal is None else ("--data-dir", str(journal))
        kubeconfig = ("--kubeconfig", str(self._folder / "kubeconfig"))
        return await self.run("deploy", "-f", str(path), *kubeconfig, *where, *options)

    async def follow(self, *options: str) -> Ran:
        return await self.run("rollout", "follow", "llama", "--data-dir", str(self._folder), *options)


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with staged(tmp_path) as story:
        yield Stage(story, tmp_path)


def llama(image: str = "example.test/main:1", *, name: str = "llama", is_schedulable: bool = True) -> dict[str, Any]:
    nowhere = {} if is_schedulable else {"nodeSelector": {"example.test/nowhere": "yes"}}
    template = {"spec": {"containers": [{"name": "main", "image": image}]} | nowhere}
    return {
        "apiVersion": "leaderworkerset.x-k8s.io/v1",
        "kind": "LeaderWorkerSet",
        "metadata": {"name": name},
        "spec": {"replicas": 2, "leaderWorkerTemplate": {"size": 2, "workerTemplate": template}},
    }


def kinds_of(documents: list[dict[str, Any]]) -> list[str]:
    return [one["kind"] for one in documents]


def missing_of_page(beginning: str, *, printed: str) -> list[str]:
    """Lines of the page's block that begins so and were not printed."""
    [shown] = [block for block in blocks(PAGE.read_text(), "text") if block.startswith(beginning)]
    return missing(shown.splitlines(), printed=printed)


async def test_the_page_shows_what_a_rollout_prints(stage: Stage) -> None:
    assert (await stage.deploy(llama())).code == 0
    changed = await stage.deploy(llama("example.test/main:2"))
    assert changed.code == 0, changed
    assert missing_of_page("LeaderWorkerSet default/llama configured\n", printed=changed.out) == []


async def test_a_rollout_is_followed_to_its_end_and_then_none_is_under_way(stage: Stage) -> None:
    created = await stage.deploy(llama())
    assert created.code == 0, created
    assert "LeaderWorkerSet default/llama created" in created.out
    assert "→ Ready" in created.out
    assert "rollout of default/llama (generation 1) done: 2 of 2 groups updated, 2 of 2 ready" in created.out
    changed = await stage.deploy(llama("example.test/main:2"), options=("--follow", "-o", "json"))
    assert changed.code == 0, changed
    kinds = kinds_of(changed.documents)
    assert kinds[:2] == ["applied", "begun"]
    assert kinds[-2:] == ["ended", "end"]
    assert kinds.count("ended") == 1
    progress = [one["counts"] for one in changed.documents if one["kind"] == "progress"]
    assert progress[0]["updated"] == 0
    assert progress[-1] == {"replicas": 2, "wanted_updated": 2, "updated": 2, "ready": 2, "surplus": 0}
    status = stage.story.status("llama")
    assert (status["updatedReplicas"], status["readyReplicas"], status["observedGeneration"]) == (2, 2, 2)
    for none in (await stage.follow(), await stage.deploy(llama("example.test/main:2"))):
        assert none.code == 0, none
        assert "no rollout of default/llama is under way: 2 of 2 groups updated" in none.out


async def test_a_stalled_rollout_is_rolled_back_and_says_so(stage: Stage) -> None:
    assert (await stage.deploy(llama())).code == 0
    bad = llama("example.test/main:2", is_schedulable=False)
    done = await stage.deploy(bad, options=("--follow", "--stall-after", "14s", "--on-stall", "rollback"))
    assert done.code == 5, done
    assert "rollout of default/llama (generation 2) stalled: nothing has come forward for 14 s" in done.out
    assert "llama-1 is Scheduling" in done.out
    assert "rolled back: spec.leaderWorkerTemplate of generation 1 put back, as generation 3" in done.out
    assert "rollout of default/llama (generation 3) done: 2 of 2 groups updated, 2 of 2 ready" in done.out
    assert missing_of_page("rollout of default/llama", printed=done.out) == []
    [found] = stage.story.simulation.api.select(kinds.LEADERWORKERSETS, namespace="default")
    [container] = found["spec"]["leaderWorkerTemplate"]["workerTemplate"]["spec"]["containers"]
    assert (container["image"], found["spec"]["replicas"]) == ("example.test/main:1", 2)
    assert REPLACE_BROKEN_GROUPS_FIRST not in found["metadata"].get("annotations", {})


async def test_a_stalled_rollout_is_taken_up_again_and_may_time_out(stage: Stage) -> None:
    stalled = await stage.deploy(
        llama(is_schedulable=False), options=("--follow", "--stall-after", "3s", "--on-stall", "rollback", "-o", "json")
    )
    assert stalled.code == 5, stalled
    assert stalled.documents[-1] == {
        "kind": "rollback",
        "set": "default/llama",
        "generation": None,
        "parts": [],
        "what": "not rolled back: the journal knows no generation with which all groups were updated and ready",
    }
    again = await stage.follow("--timeout", "1s", "-o", "json")
    assert again.code == 6, again
    assert kinds_of(again.documents)[0] == "begun"
    assert again.documents[-1]["how"] == "timed out"
    assert {one["group"] for one in again.documents[-1]["waits"]} == {"llama-0", "llama-1"}


async def test_refusals_are_told_in_words_and_nothing_is_rolled_out(stage: Stage) -> None:
    bad = llama()
    bad["spec"]["leaderWorkerTemplate"]["size"] = 0
    refused = await stage.deploy(bad)
    assert refused.code == 1, refused
    assert "LeaderWorkerSet default/llama was refused (Forbidden)" in refused.remarks
    assert "spec.leaderWorkerTemplate.size" in refused.remarks
    dry = await stage.deploy(llama(), options=("--dry-run=server",))
    assert "dryRun is not simulated" in dry.remarks
    assert stage.story.pods() == []
    both = await stage.deploy(llama(), llama(name="second"), options=("-o", "json"))
    assert [(one["set"], one["outcome"]) for one in both.documents] == [
        ("default/llama", "created"),
        ("default/second", "created"),
    ]


async def test_a_set_that_is_deleted_meanwhile_has_failed(stage: Stage) -> None:
    await stage.deploy(llama(is_schedulable=False), options=())
    following = asyncio.create_task(stage.follow("-o", "json"))
    await stage.story.until(lambda: len(stage.story.pods()) >= 2, what="pods")
    stage.story.simulation.api.delete(kinds.LEADERWORKERSETS, "llama", namespace="default")
    ran = await following
    assert ran.code == 1, ran
    assert ran.documents[-1]["how"] == "failed"


async def test_a_journal_that_cannot_be_followed_keeps_a_set_from_being_applied(stage: Stage) -> None:
    refused = await stage.deploy(llama(), options=("--follow", "--nats-url", "nats://127.0.0.1:1"), data_dir=None)
    assert refused.code == 3, refused
    assert stage.story.simulation.api.select(kinds.LEADERWORKERSETS, namespace="default") == []


async def test_a_journal_of_another_cluster_never_has_the_change(stage: Stage, tmp_path: Path) -> None:
    """Also of a set that is as it was: nothing is said of it that nobody has recorded."""
    elsewhere = tmp_path / "elsewhere"
    async with EmbeddedServer(elsewhere) as server:
        connection = await connect(server.settings, name="tests")
        await open_journal(connection, "elsewhere")
        await connection.close()
        for outcome in ("created", "unchanged"):
            ran = await stage.deploy(llama(), options=("--follow", "--stall-after", "1s"), data_dir=elsewhere)
            assert ran.code == 5, ran
            assert f"LeaderWorkerSet default/llama {outcome}" in ran.out
            assert "the controller has not recorded the change; does it run?" in ran.out
