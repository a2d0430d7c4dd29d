"""The stories of the golden journals: what happens in each, and the command that records them.

``python -m tests.journals.stories NAME`` plays the story ``NAME`` and writes its journal into the folder of the present
machine. It refuses to write over a journal: those that are here are never rewritten. A new story, or a new version of
the machine, gets a new file.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any, Final

from adapters.simulation import kinds
from lws_events.decisions import MACHINE_VERSION
from tests.journals.recording import FOLDER, NAMESPACE, RACK, TOPOLOGY, Story, record

PRESENT: Final = FOLDER / f"machine-{MACHINE_VERSION}"

_TWO: Final = "example.test/main:2"
_THREE: Final = "example.test/main:3"


def _image(image: str) -> dict[str, Any]:
    containers = [{"name": "main", "image": image}]
    return {"leaderWorkerTemplate": {"workerTemplate": {"spec": {"containers": containers}}}}


def _budget(**numbers: Any) -> dict[str, Any]:
    return {"rolloutStrategy": {"type": "RollingUpdate", "rollingUpdateConfiguration": numbers}}


async def force_deleted_worker_recreates_its_group(story: Story) -> None:
    story.apply("sample")
    await story.until_available("sample")
    leader = story.uid("sample-1")
    story.force_delete("sample-1-2")
    await story.until_recreated("sample", "sample-1", was=leader)


async def two_failures_in_one_group_are_one_recreation(story: Story) -> None:
    story.apply("sample")
    await story.until_available("sample")
    leader = story.uid("sample-0")
    story.simulation.kubelets.kill_for_memory("sample-0-1")
    story.force_delete("sample-0-2")
    await story.until_recreated("sample", "sample-0", was=leader)


async def worker_deleted_while_the_controller_was_down(story: Story) -> None:
    story.apply("sample")
    await story.until_available("sample")
    leader, worker = story.uid("sample-1"), story.uid("sample-1-1")
    await story.stop_controller()
    story.force_delete("sample-1-1")
    await story.until(lambda: story.uid("sample-1-1") not in ("", worker), what="the worker to be replaced")
    await story.start_controller()
    await story.until_recreated("sample", "sample-1", was=leader)


async def fifth_group_waits_for_a_rack_of_its_own(story: Story) -> None:
    story.apply("racked", annotations={TOPOLOGY: RACK}, replicas=5)
    await story.until(lambda: len(story.pods()) == 4 * 3 + 1, what="four groups and a waiting leader")
    story.change("racked", {"replicas": 4})
    await story.until_available("racked")


async def workers_wait_for_a_ready_leader(story: Story) -> None:
    story.apply("patient", startupPolicy="LeaderReady")
    await story.until_available("patient")


async def set_is_scaled_and_deleted(story: Story) -> None:
    story.apply("elastic", replicas=3)
    await story.until_available("elastic")
    for replicas in (5, 2, 0, 3):
        story.change("elastic", {"replicas": replicas})
        await story.until_available("elastic")
    story.simulation.api.delete(kinds.LEADERWORKERSETS, "elastic", namespace=NAMESPACE)
    await story.until(lambda: not story.pods(), what="everything to be collected")


async def changed_template_is_rolled_out_and_old_revisions_go(story: Story) -> None:
    story.apply("changing")
    await story.until_available("changing")
    story.change("changing", _image(_TWO))
    await story.until_available("changing")
    await story.until(
        lambda: sum(revision["metadata"]["name"].startswith("changing-") for revision in _own_revisions(story)) == 1,
        what="the old revision to be deleted",
    )


async def policy_none_leaves_a_failure_alone(story: Story) -> None:
    story.apply("alone", leaderWorkerTemplate={"restartPolicy": "None"})
    await story.until_available("alone")
    worker = story.uid("alone-0-1")
    story.force_delete("alone-0-1")
    await story.until(lambda: story.uid("alone-0-1") not in ("", worker), what="that one pod to be replaced")
    await story.until_available("alone")


async def rolling_update_keeps_to_its_budget_with_a_surge(story: Story) -> None:
    story.apply("surging", replicas=4, **_budget(maxUnavailable=1, maxSurge=2))
    await story.until_available("surging")
    story.change("surging", _image(_TWO))
    await story.until(lambda: "surging-5" in story.pods(), what="surge groups")
    await story.until_available("surging")
    await story.until(lambda: "surging-4" not in story.pods(), what="the surge to be taken back")


async def second_template_and_scale_down_in_mid_rollout(story: Story) -> None:
    story.apply("hasty", replicas=6, **_budget(maxUnavailable=1))
    await story.until_available("hasty")
    last = story.uid("hasty-5")
    story.change("hasty", _image(_TWO))
    await story.until(lambda: story.uid("hasty-5") not in ("", last), what="the first group to be replaced")
    story.change("hasty", _image(_THREE))
    story.change("hasty", {"replicas": 3})
    await story.until_available("hasty")


async def rollout_blocked_by_a_broken_group_says_so_and_goes_on(story: Story) -> None:
    story.apply("stuck", replicas=4, **_budget(maxUnavailable=1))
    await story.until_available("stuck")
    story.simulation.kubelets.set_ready("stuck-0", ready=False)
    await story.until(lambda: story.status("stuck").get("readyReplicas") == 3, what="the broken group to be seen")
    story.change("stuck", _image(_TWO))
    await story.until_event("RolloutBlocked")
    story.simulation.kubelets.set_ready("stuck-0", ready=True)
    await story.until_available("stuck")


async def canary_waits_at_its_partition(story: Story) -> None:
    story.apply("canary", replicas=4, **_budget(maxUnavailable=2, partition=3))
    await story.until_available("canary")
    last, before = story.uid("canary-3"), story.uid("canary-2")
    story.change("canary", _image(_TWO))
    await story.until(lambda: story.uid("canary-3") not in ("", last), what="the canary to be replaced")
    await story.until(lambda: story.status("canary").get("readyReplicas") == 4, what="the canary to be ready")
    story.change("canary", _budget(maxUnavailable=2, partition=0))
    await story.until(lambda: story.uid("canary-2") not in ("", before), what="the others to follow")
    await story.until_available("canary")


async def group_that_fails_again_and_again_waits_longer_and_is_kept(story: Story) -> None:
    annotations = {"lws-events.io/restart-backoff": "1s", "lws-events.io/restart-limit": "2"}
    story.apply("looping", annotations=annotations)
    await story.until_available("looping")
    for _ in range(2):
        leader = story.uid("looping-0")
        story.simulation.kubelets.kill_for_memory("looping-0-1")
        await story.until_recreated("looping", "looping-0", was=leader)
    story.simulation.kubelets.kill_for_memory("looping-0-1")
    await story.until_event("GroupKept")


async def foreign_statefulset_is_left_alone(story: Story) -> None:
    selector = {"app": "theirs"}
    manifest = {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "sample-1", "namespace": NAMESPACE},
        "spec": {
            "replicas": 0,
            "serviceName": "theirs",
            "selector": {"matchLabels": selector},
            "template": {
                "metadata": {"labels": selector},
                "spec": {"containers": [{"name": "main", "image": "example.test/theirs:1"}]},
            },
        },
    }
    story.simulation.api.create(kinds.STATEFULSETS, manifest, namespace=NAMESPACE)
    story.apply("sample")
    await story.until_event("FailedCreate")


STORIES: Final[dict[str, Callable[[Story], Awaitable[None]]]] = {
    story.__name__: story
    for story in (
        force_deleted_worker_recreates_its_group,
        two_failures_in_one_group_are_one_recreation,
        worker_deleted_while_the_controller_was_down,
        fifth_group_waits_for_a_rack_of_its_own,
        workers_wait_for_a_ready_leader,
        set_is_scaled_and_deleted,
        changed_template_is_rolled_out_and_old_revisions_go,
        policy_none_leaves_a_failure_alone,
        rolling_update_keeps_to_its_budget_with_a_surge,
        second_template_and_scale_down_in_mid_rollout,
        rollout_blocked_by_a_broken_group_says_so_and_goes_on,
        canary_waits_at_its_partition,
        group_that_fails_again_and_again_waits_longer_and_is_kept,
        foreign_statefulset_is_left_alone,
    )
}


def _own_revisions(story: Story) -> list[dict[str, Any]]:
    revisions = story.simulation.api.select(kinds.REVISIONS, namespace=NAMESPACE)
    return [
        revision
        for revision in revisions
        if any(owner["kind"] == "LeaderWorkerSet" for owner in revision["metadata"].get("ownerReferences", []))
    ]


def main() -> None:
    """Record the stories named on the command line."""
    names = sys.argv[1:]
    unknown = [name for name in names if name not in STORIES]
    if unknown or not names:
        raise SystemExit(f"name one or more of: {', '.join(STORIES)}")
    PRESENT.mkdir(exist_ok=True)
    for name in names:
        path = PRESENT / f"{name}.jsonl.gz"
        if path.exists():
            raise SystemExit(f"{path.name} is there: a golden journal is never rewritten")
        asyncio.run(record(STORIES[name], path))
        print(f"{path.name}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
