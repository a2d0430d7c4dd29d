"""What the catalogue's rows expect, in the catalogue's own notation (1.1, 2.1).

A check looks at the cluster and says what differs; nothing, when it holds. ``expect`` polls one check after another,
as the original does; they need not hold at a single instant. Deliberately absent: StatefulSets and their templates in
detail (see ``shapes``).
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

from lws_events.revisions import revision_data
from tests.controlplane.api import Json, core, grouped
from tests.e2e.catalogue.cases import INTERVAL_SECONDS, LIMIT_SECONDS, Case
from tests.e2e.catalogue.definition import current_key, worker_spec
from tests.e2e.catalogue.shapes import leader_set_difference, worker_sets_difference
from tests.e2e.features.sets import GROUP_INDEX, REVISION_KEY
from tests.e2e.features.sets import NAME as SET_NAME

Check = Callable[[Case], Awaitable[str]]
Checks = Check | tuple["Checks", ...]

_MESSAGES: Final = {
    "Available": ("AllGroupsReady", "All replicas are ready"),
    "Progressing": ("GroupsProgressing", "Replicas are progressing"),
    "UpdateInProgress": ("GroupsUpdating", "Rolling Upgrade is in progress"),
}


async def expect(case: Case, *checks: Checks) -> None:
    """Wait for each check in turn. Raises ``AssertionError`` that says what differs."""
    for check in checks:
        if isinstance(check, tuple):
            await expect(case, *check)
        else:
            await _holds(case, check)


async def now(case: Case, *checks: Check) -> None:
    """Checks that hold at once. Raises ``AssertionError`` that says what differs."""
    for check in checks:
        difference = await check(case)
        assert not difference, difference


async def _holds(case: Case, check: Check) -> None:
    deadline = time.monotonic() + LIMIT_SECONDS
    while difference := await check(case):
        assert time.monotonic() < deadline, f"after {LIMIT_SECONDS} s still: {difference}"
        await asyncio.sleep(INTERVAL_SECONDS)


# Conditions


def condition(kind: str, status: str) -> Check:
    """A condition with its reason and message, of the set's present generation."""

    async def check(case: Case) -> str:
        lws = await case.lws()
        reason, message = _MESSAGES[kind]
        wanted = {
            "status": status,
            "reason": reason,
            "message": message,
            "observedGeneration": lws["metadata"]["generation"],
        }
        found = [c for c in lws.get("status", {}).get("conditions", ()) if c["type"] == kind]
        seen = [{key: one.get(key) for key in wanted} for one in found]
        return "" if seen == [wanted] else f"condition {kind}: {seen}, wanted {wanted}; {_summary(lws)}"

    return check


A_PLUS: Final = condition("Available", "True")
A_MINUS: Final = condition("Available", "False")
P_PLUS: Final = condition("Progressing", "True")
P_MINUS: Final = condition("Progressing", "False")
U_PLUS: Final = condition("UpdateInProgress", "True")
U_MINUS: Final = condition("UpdateInProgress", "False")
ROLL: Final = (A_MINUS, P_PLUS, U_PLUS)
DONE: Final = (A_PLUS, P_MINUS, U_MINUS)


# Numbers and Events


def part(ordinal: int) -> Check:
    """The partition of the leader StatefulSet."""

    async def check(case: Case) -> str:
        strategy = (await case.leader_set())["spec"]["updateStrategy"]
        found = strategy.get("rollingUpdate", {}).get("partition")
        return "" if found == ordinal else f"partition {found}, wanted {ordinal}; {_summary(await case.lws())}"

    return check


def st(ready: int, updated: int) -> Check:
    """The set's counts of ready and of updated groups."""

    async def check(case: Case) -> str:
        lws = await case.lws()
        status = lws.get("status", {})
        found = (status.get("readyReplicas", 0), status.get("updatedReplicas", 0))
        return "" if found == (ready, updated) else f"ready/updated {found}, wanted {(ready, updated)}; {_summary(lws)}"

    return check


def ev(reason: str, note: str) -> Check:
    """Some Event of the namespace is Normal and has exactly this reason and note."""

    async def check(case: Case) -> str:
        events = await case.api.items(grouped("events.k8s.io/v1", "events", case.namespace))
        found = {(event["type"], event["reason"], event.get("note", "")) for event in events}
        return "" if ("Normal", reason, note) in found else f"no Event {reason}: {note!r} among {sorted(found)}"

    return check


# Objects


def VL(count: int) -> Check:
    """The leader StatefulSet is what the newest set asks for, with so many replicas."""

    async def check(case: Case) -> str:
        found = await case.statefulset()
        lws = await case.lws()
        if found is None:
            return "no leader StatefulSet"
        return leader_set_difference(found, lws, replicas=count)

    return check


async def VW(case: Case) -> str:
    """The worker StatefulSets are what the newest set asks for, one for each leader asked for."""
    leader_set, found, lws = await case.leader_set(), await case.worker_sets(), await case.lws()
    return worker_sets_difference(found, lws, count=leader_set["spec"]["replicas"])


async def VW0(case: Case) -> str:
    """The leader StatefulSet is the only one."""
    found = [one["metadata"]["name"] for one in await case.worker_sets()]
    return f"worker StatefulSets {found}, wanted none" if found else ""


def SVC(count: int) -> Check:
    """Exactly so many Services, headless, owned and selecting as the subdomain policy says."""

    async def check(case: Case) -> str:
        lws = await case.lws()
        services = {s["metadata"]["name"]: s for s in await case.api.items(core("services", case.namespace))}
        if len(services) != count:
            return f"Services {sorted(services)}, wanted {count}"
        selectors: dict[str, Json] = {case.name: {SET_NAME: case.name}}
        if lws["spec"]["networkConfig"]["subdomainPolicy"] == "UniquePerReplica":
            groups = range(lws["spec"]["replicas"])
            selectors = {f"{case.name}-{i}": {SET_NAME: case.name, GROUP_INDEX: str(i)} for i in groups}
        return _first(_service_difference(services.get(name), name, selector) for name, selector in selectors.items())

    return check


def _service_difference(service: Json | None, name: str, selector: Json) -> str:
    if service is None:
        return f"no Service {name}"
    spec = service["spec"]
    found = (
        service["metadata"]["ownerReferences"][0]["name"],
        spec["selector"],
        spec["clusterIP"],
        spec.get("publishNotReadyAddresses"),
    )
    wanted = (name, selector, "None", True)
    return "" if found == wanted else f"Service {name}: {found}, wanted {wanted}"


def REV(count: int) -> Check:
    """Exactly so many revisions; one has the leader StatefulSet's key and is the set as it is now."""

    async def check(case: Case) -> str:
        revisions, lws, leader_set = await case.revisions(), await case.lws(), await case.leader_set()
        key = leader_set["metadata"]["labels"][REVISION_KEY]
        content = json.loads(revision_data(lws["spec"]))
        fitting = [r for r in revisions if r["metadata"]["labels"][REVISION_KEY] == key and r["data"] == content]
        keys = [r["metadata"]["labels"][REVISION_KEY] for r in revisions]
        return "" if len(revisions) == count and fitting else f"revisions {keys}, leader's {key}, wanted {count}"

    return check


def NEW(group: int) -> Check:
    """The worker StatefulSet of a group has the current key and template."""

    async def check(case: Case) -> str:
        same = await _compared(case, group)
        return "" if same == (True, True) else f"group {group}: same key and name as now: {same}, wanted both"

    return check


def OLD(group: int) -> Check:
    """The worker StatefulSet of a group has neither the current key nor the current template."""

    async def check(case: Case) -> str:
        same = await _compared(case, group)
        return "" if same == (False, False) else f"group {group}: same key and name as now: {same}, wanted neither"

    return check


async def _compared(case: Case, group: int) -> tuple[bool, bool] | None:
    found, lws = await case.statefulset(group), await case.lws()
    if found is None:
        return None
    container = found["spec"]["template"]["spec"]["containers"][0]["name"]
    return (
        found["metadata"]["labels"][REVISION_KEY] == current_key(lws),
        container == worker_spec(lws)["containers"][0]["name"],
    )


def exists(group: int) -> Check:
    """The worker StatefulSet of a group is there."""

    async def check(case: Case) -> str:
        return "" if await case.statefulset(group) else f"no worker StatefulSet of group {group}"

    return check


# Restarts


async def KEPT(case: Case) -> str:
    """The leader stays, and with it the two workers that were not deleted (catalogue 1.4)."""
    leader = await case.leader_pod(0)
    alive = [pod for pod in await case.test_workers() if "deletionTimestamp" not in pod["metadata"]]
    if leader is None or "deletionTimestamp" in leader["metadata"]:
        return "the leader is gone or on its way out"
    return "" if len(alive) == 2 else f"{len(alive)} workers, wanted 2"


def leader_going(group: int) -> Check:
    """The leader pod of a group is on its way out, and held by its foreground deletion."""

    async def check(case: Case) -> str:
        leader = await case.leader_pod(group)
        return "" if leader and "deletionTimestamp" in leader["metadata"] else f"leader {group} is not on its way out"

    return check


def leader_staying(group: int) -> Check:
    """The leader pod of a group is there to stay."""

    async def check(case: Case) -> str:
        leader = await case.leader_pod(group)
        return "" if leader and "deletionTimestamp" not in leader["metadata"] else f"leader {group} does not stay"

    return check


def RECREATED(worker: str) -> Checks:
    """The leader is on its way out because of this worker, and an Event says so (catalogue 1.4)."""
    note = f"Worker pod {worker} failed, deleted leader pod test-sample-0 to recreate group 0"
    return (leader_going(0), ev("RecreateGroup", note))


# Shorthands


def BEGIN(count: int) -> Checks:
    """What holds once all groups are ready for the first time."""
    return (A_PLUS, part(0), VL(count), VW, st(count, count))


def END(count: int) -> Checks:
    """What holds at the end of a rollout."""
    return (VL(count), VW, part(0), DONE, st(count, count))


def _first(differences: Any) -> str:
    return next((difference for difference in differences if difference), "")


def _summary(lws: Json) -> str:
    status = {key: value for key, value in lws.get("status", {}).items() if key != "conditions"}
    held = [f"{c['type']}={c['status']}" for c in lws.get("status", {}).get("conditions", ())]
    return f"generation {lws['metadata']['generation']}, status {status} {held}"
