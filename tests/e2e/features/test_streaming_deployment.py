"""``deploy`` and ``rollout follow`` as a person runs them on a real cluster, beside the running controller.

The stories of this module happen at the same time, each with sets of its own: they begin with the first test, and each
test waits for its story. Containers of the image ``STUCK`` never start.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
import pytest_asyncio
import yaml

from lws_events.names import REPLACE_BROKEN_GROUPS_FIRST
from tests.controlplane.api import Api, Json, leaderworkersets
from tests.controlplane.cluster import ControlPlane
from tests.controlplane.fixtures import create_namespace, remove_namespace
from tests.controlplane.kubelets import Kubelets
from tests.controlplane.pod_status import Pod
from tests.e2e.controller import Controller
from tests.e2e.features.sets import Sets, a_set, a_template
from tests.pages import blocks
from tests.program_runs import Ran, ended, started

pytestmark = [pytest.mark.controlplane, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(240)]

PAGE: Final = Path(__file__).parents[3] / "docs" / "deploy.md"
GOOD: Final = "example.test/main:2"
STUCK: Final = "example.test/stuck:1"
SECONDS_MAX: Final = 120.0
# The controller looks for 10 seconds at groups that are not ready before it names or replaces them.
STALL: Final = "16s"
ROLLING: Final = {"type": "RollingUpdate", "rollingUpdateConfiguration": {"maxUnavailable": 2}}


class Person:
    """Somebody with the program, a kubeconfig and the address of the journal."""

    def __init__(self, sets: Sets, controller: Controller, kubeconfig: Path, folder: Path) -> None:
        self.sets = sets
        self._journal = ("--data-dir", str(controller.data_dir))
        self._kubeconfig = kubeconfig
        self._folder = folder

    async def deploy(
        self, *manifests: Json, options: tuple[str, ...] = ("--follow",), kubeconfig: Path | None = None
    ) -> Ran:
        """Deploy a file with these documents."""
        path = self._folder / f"{manifests[0]['metadata']['name']}.yaml"
        path.write_text(yaml.safe_dump_all(manifests))
        return await _ended("deploy", "-f", str(path), *self._cluster(kubeconfig), *options)

    async def deploy_standard_input(self, *manifests: Json, options: tuple[str, ...]) -> Ran:
        """Deploy documents that are piped in."""
        text = yaml.safe_dump_all(manifests)
        return await _ended("deploy", "-f", "-", *self._cluster(None), *options, text=text)

    async def start_following(self, name: str, *options: str) -> asyncio.subprocess.Process:
        """Begin to look at a rollout."""
        of_set = f"{self.sets.namespace}/{name}"
        return await started("rollout", "follow", of_set, *self._journal, *options)

    async def follow(self, name: str, *options: str) -> Ran:
        """Look at a rollout to its end."""
        return await ended(await self.start_following(name, *options), seconds_max=SECONDS_MAX)

    def _cluster(self, kubeconfig: Path | None) -> tuple[str, ...]:
        return (*self._journal, "--kubeconfig", str(kubeconfig or self._kubeconfig))


async def _ended(*arguments: str, text: str = "") -> Ran:
    return await ended(await started(*arguments), seconds_max=SECONDS_MAX, text=text)


def named(name: str, namespace: str, *, image: str = "example.test/main:1", replicas: int = 2, **spec: Any) -> Json:
    """A set of groups of two pods, with its namespace."""
    manifest = a_set(name, replicas=replicas, template={"workerTemplate": a_template(image)}, **spec)
    manifest["metadata"] = {"name": name, "namespace": namespace}
    return manifest


class Stories(NamedTuple):
    """What happens at the same time, by name."""

    person: Person
    running: dict[str, asyncio.Task[Any]]

    async def told(self, name: str) -> Any:
        """What came of one."""
        return await self.running[name]


async def _rolled_back(person: Person) -> tuple[Ran, Json, Ran]:
    """A broken image, the way back, and the next file: what each ``deploy`` said, and the set in between."""
    namespace = person.sets.namespace
    assert (await person.deploy(named("undone", namespace, replicas=3))).code == 0
    broken = named("undone", namespace, image=STUCK, replicas=3)
    broken["spec"]["leaderWorkerTemplate"]["leaderTemplate"] = a_template(STUCK)
    done = await person.deploy(broken, options=("--follow", "--stall-after", STALL, "--on-stall", "rollback"))
    between = await person.sets.get("undone")
    return done, between, await person.deploy(named("undone", namespace, image=GOOD, replicas=3))


async def _held_budget(person: Person, kubelets: Kubelets) -> Ran:
    """A group that is not ready holds the budget of a good change."""
    namespace = person.sets.namespace
    await person.deploy(named("held", namespace, replicas=3))
    await kubelets.set_ready(namespace, "held-0-1", ready=False)
    changed = named("held", namespace, image=GOOD, replicas=3)
    return await person.deploy(changed, options=("--follow", "--stall-after", STALL, "-o", "json"))


async def _taken_up_again(person: Person) -> tuple[list[str], Ran, Ran]:
    """Given up after a while, looked at by a process that is killed, then by another."""
    namespace = person.sets.namespace
    stuck = named("resumed", namespace, image=STUCK)
    given_up = await person.deploy(stuck, options=("--follow", "--timeout", "8s", "-o", "json"))
    killed = await person.start_following("resumed", "-o", "json")
    assert killed.stdout is not None
    try:
        async with asyncio.timeout(SECONDS_MAX):
            seen = [json.loads(await killed.stdout.readline())["kind"] for _ in range(2)]
    finally:
        killed.kill()
        await killed.wait()
    last = asyncio.create_task(person.follow("resumed", "-o", "json"))
    await person.sets.change("resumed", {"leaderWorkerTemplate": {"workerTemplate": a_template(GOOD)}})
    return seen, given_up, await last


async def _deleted_meanwhile(person: Person) -> Ran:
    """The set goes while its rollout is looked at."""
    namespace = person.sets.namespace
    following = asyncio.create_task(person.deploy(named("gone", namespace, image=STUCK)))
    await person.sets.when("gone", what="pods of the set", holds=lambda pods: len(pods) == 4)
    await person.sets.api.delete(leaderworkersets(namespace, "gone"))
    return await following


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stories(
    api: Api,
    running_controller: Controller,
    control_plane: ControlPlane,
    kubelets: Kubelets,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Stories]:
    """All that takes long begins at once."""
    namespace = await create_namespace(api)
    person = Person(
        Sets(api, namespace), running_controller, control_plane.kubeconfig, tmp_path_factory.mktemp("deployments")
    )

    def never_starts(pod: Pod) -> bool:
        return any(container.image == STUCK for container in pod.spec.containers)

    await kubelets.hold_starts(never_starts)
    stories: dict[str, Callable[[], Awaitable[Any]]] = {
        "rolled back": lambda: _rolled_back(person),
        "held budget": lambda: _held_budget(person, kubelets),
        "taken up again": lambda: _taken_up_again(person),
        "deleted meanwhile": lambda: _deleted_meanwhile(person),
    }
    running = {name: asyncio.ensure_future(story()) for name, story in stories.items()}
    try:
        yield Stories(person, running)
    finally:
        for task in running.values():
            task.cancel()
        await asyncio.gather(*running.values(), return_exceptions=True)
        await kubelets.release_starts()
        await remove_namespace(api, namespace)


async def test_several_sets_of_standard_input_are_followed_to_their_ends(stories: Stories) -> None:
    namespace = stories.person.sets.namespace
    both = (named("first", namespace), named("second", namespace, replicas=0))
    done = await stories.person.deploy_standard_input(*both, options=("--follow",))
    assert done.code == 0, done
    for name, groups in (("first", 2), ("second", 0)):
        assert f"LeaderWorkerSet {namespace}/{name} created" in done.out
        assert f"rollout of {namespace}/{name} (generation 1) done: {groups} of {groups} groups updated" in done.out

    again = await stories.person.deploy(*both)
    assert again.code == 0, again
    assert [line for line in again.out.splitlines() if line.startswith("LeaderWorkerSet")] == [
        f"LeaderWorkerSet {namespace}/{name} unchanged" for name in ("first", "second")
    ]
    assert again.out.count("is under way") == 2

    strategy = named("first", namespace, rolloutStrategy=ROLLING)
    quiet = await stories.person.deploy(strategy)
    assert quiet.code == 0, quiet
    assert f"rollout of {namespace}/first (generation 2) done: 2 of 2 groups updated" in quiet.out


async def test_a_dry_run_shows_what_would_change_and_keeps_nothing(stories: Stories) -> None:
    sets, dry = stories.person.sets, ("--dry-run=server",)
    manifest = named("dry", sets.namespace)
    created = await stories.person.deploy(manifest, options=dry)
    assert created.code == 0, created
    assert f"LeaderWorkerSet {sets.namespace}/dry created (dry run)" in created.out
    assert '  filled in  spec.startupPolicy: (absent) → "LeaderCreated"' in created.out
    assert await sets.api.find(leaderworkersets(sets.namespace, "dry")) is None

    await stories.person.deploy(manifest, options=())
    changed = await stories.person.deploy(named("dry", sets.namespace, image=GOOD, replicas=3), options=dry)
    [shown] = [block for block in blocks(PAGE.read_text(), "text") if "(dry run)" in block]
    assert changed.out == shown.replace("default/llama", f"{sets.namespace}/dry")
    same = await stories.person.deploy(manifest, options=(*dry, "-o", "json"))
    [document] = same.documents
    assert (document["outcome"], document["changes"], document["dry_run"]) == ("unchanged", [], True)
    assert (await sets.get("dry"))["metadata"]["generation"] == 1


async def test_what_the_api_server_refuses_is_told_in_its_words(stories: Stories) -> None:
    namespace = stories.person.sets.namespace
    wrong = named("wrong", namespace)
    wrong["spec"]["leaderWorkerTemplate"]["size"] = 0
    refused = await stories.person.deploy(wrong)
    assert refused.code == 1, refused
    assert f"LeaderWorkerSet {namespace}/wrong was refused (" in refused.remarks
    assert "spec.leaderWorkerTemplate.size: Invalid value: 0" in refused.remarks
    assert refused.out == ""

    nowhere = await stories.person.deploy(named("wrong", "no-such-namespace"))
    assert nowhere.code == 1, nowhere
    assert 'namespaces "no-such-namespace" not found' in nowhere.remarks
    assert "does the namespace exist" in nowhere.remarks


async def test_fields_of_another_manager_are_taken_over_only_on_demand(stories: Stories) -> None:
    sets = stories.person.sets
    await sets.api.apply(
        leaderworkersets(sets.namespace, "shared"), named("shared", sets.namespace, replicas=1), manager="autoscaler"
    )
    manifest = named("shared", sets.namespace, replicas=2)
    refused = await stories.person.deploy(manifest, options=())
    assert refused.code == 1, refused
    assert "refused (Conflict)" in refused.remarks
    assert 'conflict with "autoscaler": .spec.replicas' in refused.remarks
    assert "--force-conflicts takes them over" in refused.remarks
    assert (await sets.get("shared"))["spec"]["replicas"] == 1

    forced = await stories.person.deploy(manifest, options=("--force-conflicts", "--follow"))
    assert forced.code == 0, forced
    assert (await sets.get("shared"))["spec"]["replicas"] == 2


async def test_the_namespace_is_that_of_the_kubeconfigs_context(
    stories: Stories, control_plane: ControlPlane, tmp_path: Path
) -> None:
    sets = stories.person.sets
    content = yaml.safe_load(control_plane.kubeconfig.read_text())
    content["contexts"][0]["context"]["namespace"] = sets.namespace
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.touch(mode=0o600)
    kubeconfig.write_text(yaml.safe_dump(content))
    manifest = named("at-home", sets.namespace, replicas=1)
    del manifest["metadata"]["namespace"]
    done = await stories.person.deploy(manifest, kubeconfig=kubeconfig)
    assert done.code == 0, done
    assert f"LeaderWorkerSet {sets.namespace}/at-home created" in done.out


async def test_a_set_that_goes_meanwhile_has_failed(stories: Stories) -> None:
    ran = await stories.told("deleted meanwhile")
    name = f"{stories.person.sets.namespace}/gone"
    assert ran.code == 1, ran
    assert f"rollout of {name} (generation 1) failed: LeaderWorkerSet {name} is gone" in ran.out


async def test_a_rollout_is_taken_up_again_by_another_process(stories: Stories) -> None:
    seen, given_up, last = await stories.told("taken up again")
    assert given_up.code == 6, given_up
    assert given_up.documents[-1]["how"] == "timed out"
    assert {one["group"] for one in given_up.documents[-1]["waits"]} == {"resumed-0", "resumed-1"}
    assert seen == ["begun", "progress"]
    assert last.code == 0, last
    begun = [one for one in last.documents if one["kind"] == "begun"]
    assert begun[-1]["what"].startswith("rollout of generation 2 of")
    assert (last.documents[-1]["how"], last.documents[-1]["generation"]) == ("done", 2)


async def test_a_stalled_rollout_names_the_groups_that_hold_the_budget(stories: Stories) -> None:
    ran = await stories.told("held budget")
    assert ran.code == 5, ran
    end = ran.documents[-1]
    assert (end["kind"], end["how"], end["holders"]) == ("end", "stalled", ["held-0"])
    waits = {one["group"]: one["waits_for"] for one in end["waits"]}
    assert any("hold the budget: held-0" in reason for reason in waits["held-1"]), waits
    assert waits["held-0"]


async def test_a_stalled_rollout_is_rolled_back_and_the_next_file_holds(stories: Stories) -> None:
    done, between, after = await stories.told("rolled back")
    name = f"{stories.person.sets.namespace}/undone"
    assert done.code == 5, done
    assert f"rollout of {name} (generation 2) stalled: nothing has come forward for 16 s" in done.out
    assert "rolled back: spec.leaderWorkerTemplate of generation 1 put back, as generation 3" in done.out
    assert f"rollout of {name} (generation 3) done: 3 of 3 groups updated, 3 of 3 ready" in done.out
    template = between["spec"]["leaderWorkerTemplate"]
    assert "leaderTemplate" not in template
    assert template["workerTemplate"]["spec"]["containers"][0]["image"] == "example.test/main:1"
    assert REPLACE_BROKEN_GROUPS_FIRST not in between["metadata"].get("annotations", {})
    managers = {(one["manager"], one["operation"]) for one in between["metadata"]["managedFields"]}
    assert ("lws-events-deploy", "Update") not in managers

    assert after.code == 0, after
    assert f"rollout of {name} (generation 4) done: 3 of 3 groups updated, 3 of 3 ready" in after.out
