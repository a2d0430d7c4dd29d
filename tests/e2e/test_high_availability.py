"""Two instances, one leads: whatever happens to it in the middle of a mass failure, the other takes over in time.

In each scenario half of the groups of one set lose a worker, then the leader is hit, then the other half lose one while
nobody leads. Afterwards every group has been recreated exactly once, every deletion is in the journal, and the journal
verifies. The scenarios follow each other; each begins and ends with complete groups and two instances.
"""

import asyncio
import contextlib
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

import pytest
import pytest_asyncio

from adapters.nats.connection import ConnectionSettings, connect
from adapters.nats.journal import open_journal_for_reading
from lws_events import events
from tests.bench import workload
from tests.bench.plane import fresh_plane
from tests.controlplane.api import ApiError, core, eventually, leaderworkersets
from tests.e2e.instances import (
    LEASE_NAME,
    LEASE_SECONDS,
    RETRY_SECONDS,
    TAKE_OVER_SECONDS_MAX,
    Instance,
    Instances,
    Roles,
    running_instances,
)
from tests.e2e.reference_candidate import ReferenceCandidate
from tests.e2e.watched_failure import WatchedFailure

GROUPS: Final = 40
SIZE: Final = 3
_HALF: Final = GROUPS // 2
_RECREATED_SECONDS_MAX: Final = 90.0

pytestmark = [
    pytest.mark.controlplane,
    pytest.mark.timeout(240),
    pytest.mark.asyncio(loop_scope="module"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def instances(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Instances]:
    """A control plane, a NATS server, and two instances that the first test starts."""
    async with fresh_plane() as plane, running_instances(plane, tmp_path_factory.mktemp("instances")) as built:
        yield built


def reference(instances: Instances) -> ReferenceCandidate:
    """An instance of the reference beside ours."""
    return ReferenceCandidate(
        instances.plane.api,
        namespace=instances.plane.namespace,
        name=LEASE_NAME,
        identity="reference_0",
        lease_seconds=LEASE_SECONDS,
    )


class MassFailure(WatchedFailure):
    """Breaks the groups in two halves, and asserts at its end that every group was recreated exactly once."""

    def __init__(self, instances: Instances) -> None:
        super().__init__(instances.plane, log=instances.audit, pods=GROUPS * SIZE)
        self._instances = instances

    async def break_first_half(self, *, deleted_min: int = 5) -> None:
        """Break half of the groups, and return when the leader has answered some of them."""
        await self._break(range(_HALF))

        async def answered() -> bool:
            return len(self._instances.deletions()) >= deleted_min

        await eventually(answered, what=f"{deleted_min} leaders to be deleted", interval_seconds=0.02)

    async def break_second_half(self) -> None:
        """Break the others."""
        await self._break(range(_HALF, GROUPS))

    async def _break(self, groups: range) -> None:
        victims = [core("pods", self._namespace, workload.victim(group)) for group in groups]
        await asyncio.gather(*(self._api.delete(victim, grace_seconds=0) for victim in victims))

    async def _check(self) -> None:
        await eventually(
            self._recreated,
            what="all groups to be recreated",
            timeout_seconds=_RECREATED_SECONDS_MAX,
            interval_seconds=0.5,
        )
        wrong = {group: uids for group, uids in self._watched.leaders.items() if len(uids) != 2}
        assert not wrong, "groups that did not have exactly one new leader"
        assert not self._watched.overlaps
        leaders = sorted(workload.leader(group) for group in range(GROUPS))
        assert self._instances.deletions() == leaders, "deletions of leaders"
        victims = {self._before[workload.victim(group)] for group in range(GROUPS)}
        assert victims <= await deletions_recorded(self._instances), "deletions that are not in the journal"
        verification = await self._instances.verify()
        assert verification["differences"] == 0, verification
        assert verification["decisions"] > GROUPS

    async def _recreated(self) -> bool:
        now = await workload.pod_uids(self._api, self._namespace)
        kept = [name for name, uid in now.items() if self._before.get(name) == uid]
        complete = len(now) == GROUPS * SIZE and not kept
        return complete and await workload.is_available(self._api, self._namespace, groups=GROUPS)


async def deletions_recorded(instances: Instances) -> set[str]:
    """Uids of all pods whose deletion is in the journal."""
    connection = await connect(ConnectionSettings(url=instances.nats_url), name="tests")
    try:
        journal = await open_journal_for_reading(connection)
        found: set[str] = set()
        async with contextlib.aclosing(journal.events.read(follow=False)) as batches:
            async for batch in batches:
                facts = [events.decode(record.data).fact for record in batch]
                found |= {fact.uid for fact in facts if isinstance(fact, events.PodDeleted)}
        return found
    finally:
        await connection.close()


async def taken_over(instances: Instances, standby: Instance, *, since: float) -> float:
    """Seconds from a moment (of ``time.time``) until the first write of the successor, by the API server's clock."""

    async def first_write() -> float | None:
        later = [each.received_ms / 1000 for each in instances.writes(standby) if each.received_ms / 1000 > since]
        return min(later, default=None)

    seconds = await eventually(first_write, what="the standby to write", interval_seconds=0.05) - since
    print(f"taken over after {seconds:.2f} s, {seconds / LEASE_SECONDS:.2f} of the lease duration")
    assert seconds < TAKE_OVER_SECONDS_MAX
    return seconds


async def in_a_mass_failure(
    instances: Instances, hit: Callable[[Instance], Awaitable[None]]
) -> tuple[Roles, contextlib.AsyncExitStack]:
    """Break one half, hit the leader, break the other half, and see the standby take over."""
    roles = await instances.roles()
    stack = contextlib.AsyncExitStack()
    failure = await stack.enter_async_context(MassFailure(instances))
    try:
        await failure.break_first_half()
        hit_at = time.time()
        await hit(roles.leader)
        await failure.break_second_half()
        await taken_over(instances, roles.standby, since=hit_at)
    except BaseException as error:
        await stack.__aexit__(type(error), error, error.__traceback__)
        raise
    return roles, stack


async def test_nothing_is_written_while_an_instance_of_the_reference_leads(instances: Instances) -> None:
    holder = reference(instances)
    await holder.acquire(interval_seconds=RETRY_SECONDS)
    instances.audit.mark()
    renewing = asyncio.create_task(holder.hold(interval_seconds=RETRY_SECONDS))
    for member in instances.members:
        await instances.start(member)
    creating = asyncio.create_task(instances.create_set(groups=GROUPS, size=SIZE))
    path = leaderworkersets(instances.plane.namespace, workload.NAME)
    await eventually(lambda: instances.plane.api.find(path), what="a set to be admitted while nobody of ours leads")
    enough = holder.renewals + 2 * LEASE_SECONDS / RETRY_SECONDS

    async def held_for_long() -> bool:
        return holder.renewals >= enough or renewing.done()

    await eventually(held_for_long, what="the reference to hold the Lease for twice its duration")
    assert [instances.writes(member) for member in instances.members] == [[], []]
    before = (await instances.lease())["leaseTransitions"]
    renewing.cancel()
    await asyncio.gather(renewing, return_exceptions=True)

    async def written() -> float | None:
        later = [each.received_ms for member in instances.members for each in instances.writes(member)]
        return min(later, default=None)

    await eventually(written, what="one of ours to take over", interval_seconds=0.05)
    assert time.monotonic() - holder.renewed_at < TAKE_OVER_SECONDS_MAX
    lease = await instances.lease()
    assert lease["leaseTransitions"] == before + 1
    assert lease["leaseDurationSeconds"] == LEASE_SECONDS
    await creating


async def test_who_leads_is_told_by_an_event_on_the_lease(instances: Instances) -> None:
    identity = (await instances.lease())["holderIdentity"]
    told = await instances.plane.api.items(f"/apis/events.k8s.io/v1/namespaces/{instances.plane.namespace}/events")
    mine = [event for event in told if event["reason"] == "LeaderElection" and identity in event["note"]]
    assert [(event["type"], event["note"], event["regarding"]["name"]) for event in mine] == [
        ("Normal", f"{identity} became leader", LEASE_NAME)
    ]
    assert mine[0]["reportingController"] == identity[:63]


async def test_each_instance_serves_the_webhooks(instances: Instances) -> None:
    probe = workload.manifest(instances.plane.namespace, groups=GROUPS, size=SIZE, name="probe")
    for member in instances.members:
        instances.admit_by(member.webhook_port)

        async def admitted() -> bool:
            collection = leaderworkersets(instances.plane.namespace)
            try:
                answer = await instances.plane.api.call("POST", collection, probe, params={"dryRun": "All"})
            except ApiError as error:
                if error.code == 500:  # the connection that was just reset
                    return False
                raise
            return "networkConfig" in answer["spec"]

        await eventually(admitted, what=f"{member.name} alone to admit a set")
    instances.admit_by(*(member.webhook_port for member in instances.members))


async def test_when_the_leader_is_killed(instances: Instances) -> None:
    async def kill(leader: Instance) -> None:
        leader.child.kill()

    roles, failure = await in_a_mass_failure(instances, kill)
    async with failure:
        await instances.start(roles.leader)


async def test_when_the_leader_stands_still_and_wakes_up(instances: Instances) -> None:
    async def stop(leader: Instance) -> None:
        leader.signal(signal.SIGSTOP)
        instances.take_out(leader)

    roles, failure = await in_a_mass_failure(instances, stop)
    async with failure:
        woken_at = time.time()
        roles.leader.signal(signal.SIGCONT)
        assert await roles.leader.ended() == 1
        late = [each for each in instances.writes(roles.leader) if each.received_ms / 1000 > woken_at]
        assert not late, "writes of one who was woken after its Lease had passed to another"
        await instances.start(roles.leader)


@pytest.mark.parametrize("way", ["silent", "refused"])
async def test_when_the_leader_is_cut_off_from_the_api_server(instances: Instances, way: str) -> None:
    async def cut_off(leader: Instance) -> None:
        if way == "silent":
            leader.api.fall_silent()
        else:
            leader.api.refuse()

    roles, failure = await in_a_mass_failure(instances, cut_off)
    async with failure:
        assert await roles.leader.ended() == 1
        roles.leader.api.restore()
        await instances.start(roles.leader)


@pytest.mark.parametrize("way", ["silent", "refused"])
async def test_when_the_leader_is_cut_off_from_nats(instances: Instances, way: str) -> None:
    async def cut_off(leader: Instance) -> None:
        if way == "silent":
            leader.nats.fall_silent()
        else:
            leader.nats.refuse()

    roles, failure = await in_a_mass_failure(instances, cut_off)
    async with failure:
        assert "the journal has not answered" in await roles.leader.readyz()
        roles.leader.nats.restore()
        await roles.leader.ready()
        assert await instances.roles() == (roles.standby, roles.leader), "one that stepped down stands by"


async def test_a_graceful_stop_hands_over_at_once(instances: Instances) -> None:
    async def stop(leader: Instance) -> None:
        assert await asyncio.to_thread(leader.child.stop, grace_seconds=20) == 0

    roles, failure = await in_a_mass_failure(instances, stop)
    async with failure:
        await instances.start(roles.leader)


async def test_the_reference_takes_over_at_once_from_one_that_was_stopped(instances: Instances) -> None:
    roles, successor = await instances.roles(), reference(instances)
    with pytest.raises(TimeoutError):  # while ours leads, for longer than a lease
        async with asyncio.timeout(LEASE_SECONDS + 1):
            await successor.acquire(interval_seconds=0.2)
    before = (await instances.lease())["leaseTransitions"]
    for instance in (roles.standby, roles.leader):
        assert await asyncio.to_thread(instance.child.stop, grace_seconds=20) == 0
    assert await successor.try_once(), "the Lease was not given back in a way that client-go understands"
    assert (await instances.lease())["leaseTransitions"] == before + 1
