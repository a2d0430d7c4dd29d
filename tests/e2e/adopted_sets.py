"""Sets of the reference in every state that matters to whoever takes them over, and the two controllers in turns.

``Story`` is what the steps of ``test_adoption`` share. Names of sets say what is special about each.
"""

import asyncio
from collections import Counter
from typing import Any, Final

from lws_events.names import LAST_APPLIED, REPLICAS
from lws_events.revisions import revision_data
from tests.controlplane.api import Json, core, statefulsets
from tests.controlplane.audit import AuditLog, writes_of
from tests.e2e.controller import USER_AGENT, Controller
from tests.e2e.features.sets import NAME, Sets, a_set, a_template
from tests.e2e.played_reference import PlayedReference, in_an_older_form

SETTLED: Final = ("claims", "duplicates", "kubectl", "older", "partition", "plain", "single", "unique")
"""Sets about which the reference has nothing more to do, in the order of the alphabet."""
AVAILABLE: Final = {"Progressing": "False", "Available": "True"}

CLAIM: Final[Json] = {
    "metadata": {"name": "data", "labels": {"dropped": "by-the-reference"}},
    "spec": {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "adoption",
        "resources": {"requests": {"storage": "1Gi"}},
    },
}

UNSETTLED: Final = ("blocked", "unannotated", "unrecorded")
"""Sets about which there is something to do, and nothing that restarts a pod."""


class Story:
    """The cluster, the reference and our controller, which act in turns."""

    def __init__(self, sets: Sets, *, hooks: Controller, controller: Controller, audit: AuditLog) -> None:
        self.sets = sets
        self.reference = PlayedReference(sets)
        self.hooks = hooks
        """Serves nothing but the hooks, while the reference is played."""
        self.controller = controller
        self.audit = audit
        self.keys: dict[str, str] = {}

    async def settle(self, manifest: Json, **record: Any) -> None:
        """The reference creates a set, and nothing is left to do."""
        name = manifest["metadata"]["name"]
        await self.sets.create(manifest)
        self.keys[name] = await self.reference.record(name, **record)
        await self.reference.apply(name, key=self.keys[name])
        await self.reference.run_groups(name)
        await self.reference.put_status(name, conditions=AVAILABLE)

    async def versions(self, *names: str) -> dict[str, tuple[str, str]]:
        """uid and resourceVersion of all that belongs to sets."""
        found = {}
        for name in names:
            objects = [("set", await self.sets.get(name))]
            objects += [("revision", each) for each in await self.sets.revisions(name)]
            for kind, path in (
                ("statefulset", statefulsets(self.sets.namespace)),
                ("service", core("services", self.sets.namespace)),
                ("pod", core("pods", self.sets.namespace)),
            ):
                objects += [(kind, each) for each in await self.sets.api.items(path, labels=f"{NAME}={name}")]
            for kind, each in objects:
                meta = each["metadata"]
                found[f"{kind} {meta['name']}"] = (meta["uid"], meta["resourceVersion"])
        return found

    def written(self) -> Counter[tuple[str, str, str]]:
        """Our writes since the mark, Events included: verb, kind and name (of Events: none)."""
        found = Counter(
            (request.verb, request.kind.partition(" ")[2], request.object_ref.name)
            for request in writes_of(self.audit.since_mark(), USER_AGENT)
            if request.object_ref.namespace == self.sets.namespace
        )
        return Counter({key: count for key, count in found.items() if key[1] != "pods"})

    async def take_over(self) -> None:
        """The reference is stopped, ours is started."""
        self.audit.mark()
        await self.controller.start()
        await self.controller.register_webhooks()
        await self.at_rest()

    async def hand_back(self, *names: str) -> None:
        """Ours is stopped; the reference makes a pass over these sets."""
        await self.controller.verify()
        await self.controller.stop()
        await self.hooks.register_webhooks()
        for name in names:
            await self.reference.look_again(name)
            await self.reference.pass_over(name)

    async def at_rest(self) -> None:
        """Wait until our controller has nothing more to do."""
        await self.controller.at_rest(self.sets.namespace)


async def create_all(story: Story) -> None:
    """Have the reference run them all, at the same time."""
    claims = {"volumeClaimTemplates": [CLAIM]}
    await asyncio.gather(
        story.settle(a_set("plain", replicas=2, size=3)),
        story.settle(a_set("unique", replicas=2, networkConfig={"subdomainPolicy": "UniquePerReplica"})),
        story.settle(a_set("single", replicas=2, size=1)),
        story.settle(a_set("claims", replicas=2, template=claims)),
        story.settle(a_set("kubectl", annotations={LAST_APPLIED: "{}", "note": "kept"})),
        _older(story),
        _duplicates(story),
        _at_a_partition(story),
        _without_revision(story),
        _without_revision_and_changed(story),
        _without_annotation(story),
        _with_changed_claims(story),
        _in_mid_rollout(story),
    )


async def _older(story: Story) -> None:
    await story.sets.create(a_set("older"))
    data, key = in_an_older_form(revision_data((await story.sets.get("older"))["spec"]))
    story.keys["older"] = await story.reference.record("older", key=key, data=data)
    await _complete(story, "older")


async def _duplicates(story: Story) -> None:
    """Truncation has been going on for ever: only those of the present key are left, all of which are kept."""
    await story.sets.create(a_set("duplicates"))
    for number in (1, 2, 3):
        story.keys["duplicates"] = await story.reference.record("duplicates", number=number)
    await _complete(story, "duplicates")


async def _at_a_partition(story: Story) -> None:
    rolling = {"type": "RollingUpdate", "rollingUpdateConfiguration": {"partition": 1, "maxUnavailable": 1}}
    await _update_half(story, a_set("partition", replicas=2, rolloutStrategy=rolling), partition=1)
    await story.reference.put_status("partition", updated=1, conditions={**AVAILABLE, "UpdateInProgress": "False"})


async def _in_mid_rollout(story: Story) -> None:
    """One surge group is updated; the reference was stopped before it went on."""
    rolling = {"type": "RollingUpdate", "rollingUpdateConfiguration": {"maxSurge": 1, "maxUnavailable": 1}}
    await _update_half(story, a_set("rolling", replicas=2, rolloutStrategy=rolling), partition=2, replicas=3)
    conditions = {"Progressing": "True", "Available": "False", "UpdateInProgress": "True"}
    await story.reference.put_status("rolling", updated=1, conditions=conditions)


async def _update_half(story: Story, manifest: Json, *, partition: int, replicas: int | None = None) -> None:
    name = manifest["metadata"]["name"]
    await story.sets.create(manifest)
    await story.reference.apply(name, key=await story.reference.record(name))
    await story.reference.run_groups(name)
    await story.sets.change(name, {"leaderWorkerTemplate": {"workerTemplate": a_template("example.test/main:2")}})
    story.keys[name] = await story.reference.record(name, number=2)
    await story.reference.apply(name, key=story.keys[name], partition=partition, replicas=replicas)
    await story.reference.run_groups(name)


async def _without_revision(story: Story) -> None:
    await story.sets.create(a_set("unrecorded"))
    story.keys["unrecorded"] = await story.reference.record("unrecorded", key="ancient", stored=False)
    await _complete(story, "unrecorded")


async def _without_revision_and_changed(story: Story) -> None:
    """The user changed the template while nobody ran, and somebody has deleted the revision of the old one (D26)."""
    await story.sets.create(a_set("rewritten", replicas=2))
    story.keys["rewritten"] = await story.reference.record("rewritten", key="lost", stored=False)
    await _complete(story, "rewritten")
    template = {"leaderWorkerTemplate": {"workerTemplate": a_template("example.test/main:2")}}
    await story.sets.change("rewritten", template)


async def _without_annotation(story: Story) -> None:
    await story.settle(a_set("unannotated"))
    change = {"metadata": {"annotations": {REPLICAS: None}}}
    await story.sets.api.merge(statefulsets(story.sets.namespace, "unannotated"), change)


async def _with_changed_claims(story: Story) -> None:
    """The claims were changed while nobody denied it; the leader StatefulSet keeps the first ones."""
    changed = {**CLAIM, "spec": {**CLAIM["spec"], "resources": {"requests": {"storage": "2Gi"}}}}
    await story.sets.create(a_set("blocked", template={"volumeClaimTemplates": [changed]}))
    spec = (await story.sets.get("blocked"))["spec"]
    template = {**spec["leaderWorkerTemplate"], "volumeClaimTemplates": [CLAIM]}
    story.reference.believe("blocked", {**spec, "leaderWorkerTemplate": template})
    story.keys["blocked"] = await story.reference.record("blocked")
    await _complete(story, "blocked")


async def _complete(story: Story, name: str) -> None:
    await story.reference.apply(name, key=story.keys[name])
    await story.reference.run_groups(name)
    await story.reference.put_status(name, conditions=AVAILABLE)
