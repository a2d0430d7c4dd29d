"""Leader election: taking, keeping, losing and giving back the Lease, by a clock that the test turns."""

import asyncio
import json
from pathlib import Path
from typing import Any, Final

import pytest
from aiohttp import web

from adapters.kubernetes.client import ApiClient
from adapters.kubernetes.election import Election, ElectionSettings, new_identity, own_namespace
from adapters.kubernetes.errors import ElectionError, LeadershipLost
from adapters.kubernetes.pace import SystemClock
from tests.unit.scripted_api import ScriptedApi, lost, refuse
from tests.unit.virtual_clocks import TurnedClock

COLLECTION: Final = "/apis/coordination.k8s.io/v1/namespaces/lws-system/leases"
LEASE: Final = f"{COLLECTION}/b8b2488c.x-k8s.io"


class Lease:
    """The Lease as an API server keeps it."""

    def __init__(self, api: ScriptedApi, spec: dict[str, Any] | None = None) -> None:
        self.spec = spec
        self.version = 1
        api.always("GET", LEASE, self._get)
        api.always("PUT", LEASE, self._put)
        api.always("POST", COLLECTION, self._post)

    async def _get(self, request: web.Request) -> web.StreamResponse:
        if self.spec is None:
            return await refuse(404, "NotFound")(request)
        return web.json_response({"metadata": {"resourceVersion": str(self.version)}, "spec": self.spec})

    async def _put(self, request: web.Request) -> web.StreamResponse:
        body = json.loads(await request.read())
        if body["metadata"]["resourceVersion"] != str(self.version):
            return await refuse(409, "Conflict")(request)
        return await self._store(request, body)

    async def _post(self, request: web.Request) -> web.StreamResponse:
        if self.spec is not None:
            return await refuse(409, "AlreadyExists")(request)
        return await self._store(request, json.loads(await request.read()))

    async def _store(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        self.spec = body["spec"]
        self.version += 1
        return await self._get(request)


def candidate(client: ApiClient, clock: TurnedClock, identity: str) -> Election:
    return Election(client, clock=clock, namespace="lws-system", identity=identity)


HELD: Final = {
    "holderIdentity": "reference",
    "leaseDurationSeconds": 15,
    "acquireTime": "2020-01-01T00:00:00.000000Z",
    "renewTime": "2020-01-01T00:00:00.000000Z",
    "leaseTransitions": 4,
}


async def test_a_lease_that_does_not_exist_is_created() -> None:
    clock = TurnedClock()
    async with ScriptedApi() as api, api.client() as client:
        lease = Lease(api)
        await candidate(client, clock, "a").acquire()
    assert lease.spec == {
        "holderIdentity": "a",
        "leaseDurationSeconds": 15,
        "acquireTime": "1970-01-01T00:16:40.000000Z",
        "renewTime": "1970-01-01T00:16:40.000000Z",
        "leaseTransitions": 0,
    }


async def test_a_lease_is_taken_over_once_it_was_seen_unchanged_for_its_duration() -> None:
    clock = TurnedClock()
    async with ScriptedApi() as api, api.client() as client:
        lease = Lease(api, HELD)
        election = candidate(client, clock, "b")
        acquiring = await clock.start(election.acquire())
        await clock.turn(6)
        lease.spec = {**HELD, "renewTime": "2020-01-01T00:00:06.000000Z"}  # renewed: the count begins again
        lease.version += 1
        await clock.turn(14)
        assert not acquiring.done()
        await clock.turn(6)
        await acquiring
    assert lease.spec is not None
    assert (lease.spec["holderIdentity"], lease.spec["leaseTransitions"]) == ("b", 5)


async def test_the_holder_renews_and_its_term_stays_the_same() -> None:
    clock = TurnedClock()
    async with ScriptedApi() as api, api.client() as client:
        lease = Lease(api)
        election = candidate(client, clock, "a")
        await election.acquire()
        keeping = await clock.start(election.keep())
        await clock.turn(30)
        assert not keeping.done()
        assert lease.spec is not None
        assert lease.spec["renewTime"] == "1970-01-01T00:17:10.000000Z"
        assert lease.spec["acquireTime"] == "1970-01-01T00:16:40.000000Z"
        assert len(api.requests("GET")) == 1  # renewing takes one request
        await clock.stop()


async def test_a_holder_that_cannot_renew_stops_before_anybody_may_take_over() -> None:
    clock = TurnedClock()
    async with ScriptedApi() as api, api.client() as client:
        Lease(api)
        election = candidate(client, clock, "a")
        await election.acquire()
        began = clock.now
        api.always("PUT", LEASE, lost())
        api.always("GET", LEASE, lost())
        keeping = await clock.start(election.keep())
        await clock.turn(9)
        assert not keeping.done()
        await clock.turn(2)
        with pytest.raises(LeadershipLost, match="not renewed in time"):
            await keeping
        assert clock.now - began < 15
        assert election.lost.is_set()
        assert not election.leading


async def test_trouble_shorter_than_the_deadline_is_survived() -> None:
    clock = TurnedClock()
    async with ScriptedApi() as api, api.client() as client:
        Lease(api)
        election = candidate(client, clock, "a")
        await election.acquire()
        api.script("PUT", LEASE, *[refuse(503, "ServiceUnavailable")] * 3)
        keeping = await clock.start(election.keep())
        await clock.turn(60)
        assert not keeping.done()
        await clock.stop()


async def test_a_lease_that_somebody_else_took_is_lost_at_once() -> None:
    clock = TurnedClock()
    async with ScriptedApi() as api, api.client() as client:
        lease = Lease(api)
        election = candidate(client, clock, "a")
        await election.acquire()
        lease.spec = HELD
        lease.version += 1
        keeping = await clock.start(election.keep())
        await clock.turn(2)
        with pytest.raises(LeadershipLost, match="somebody else"):
            await keeping


async def test_a_lease_that_was_given_back_is_taken_at_the_next_try() -> None:
    clock = TurnedClock()
    async with ScriptedApi() as api, api.client() as client:
        lease = Lease(api)
        first, second = candidate(client, clock, "a"), candidate(client, clock, "b")
        await first.acquire()
        acquiring = await clock.start(second.acquire())
        await first.release()
        assert lease.spec is not None
        assert (lease.spec["holderIdentity"], lease.spec["leaseDurationSeconds"]) == ("", 1)
        await clock.turn(2)
        await acquiring
        assert (lease.spec["holderIdentity"], lease.spec["leaseTransitions"]) == ("b", 1)


async def test_of_two_candidates_one_wins() -> None:
    clock = TurnedClock()
    async with ScriptedApi() as api, api.client() as client:
        Lease(api)
        tasks = [await clock.start(candidate(client, clock, name).acquire()) for name in ("a", "b")]
        await clock.turn(5)
        assert sorted(task.done() for task in tasks) == [False, True]
        await clock.stop()


async def test_a_missing_namespace_or_permission_is_said_clearly() -> None:
    async with ScriptedApi() as api, api.client() as client:
        api.script("POST", COLLECTION, refuse(404, "NotFound", 'namespaces "lws-system" not found'))
        with pytest.raises(ElectionError, match="namespace lws-system, which does not exist"):
            await candidate(client, TurnedClock(), "a").acquire()
        api.script("GET", LEASE, refuse(403, "Forbidden"))
        with pytest.raises(ElectionError, match="needs get, create and update of leases"):
            await candidate(client, TurnedClock(), "a").acquire()


def test_where_and_who(tmp_path: Path) -> None:
    file = tmp_path / "namespace"
    assert own_namespace(file) == "lws-system"
    file.write_text("elsewhere\n")
    assert own_namespace(file) == "elsewhere"
    assert new_identity() != new_identity()
    assert "_" in new_identity()


async def test_durations_with_which_two_could_lead_are_refused() -> None:
    async with ScriptedApi() as api, api.client() as client:
        with pytest.raises(ValueError, match="renew deadline"):
            Election(client, clock=TurnedClock(), settings=ElectionSettings(lease_seconds=5))


async def test_a_lease_is_taken_at_the_moment_in_which_it_expires() -> None:
    """Within its duration and the time between two looks, whenever its holder died."""
    clock = TurnedClock(chance=0.7)
    async with ScriptedApi() as api, api.client() as client:
        Lease(api, HELD)
        acquiring = await clock.start(candidate(client, clock, "b").acquire())
        await clock.turn(14.9)
        assert not acquiring.done()
        await clock.turn(0.1)
        await acquiring


async def test_one_request_that_nobody_answers_does_not_cost_the_lease() -> None:
    async def never(_: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    settings = ElectionSettings(lease_seconds=2, renew_deadline_seconds=0.8, retry_seconds=0.1)
    async with ScriptedApi() as api, api.client() as client:
        Lease(api)
        election = Election(client, clock=SystemClock(), namespace="lws-system", identity="a", settings=settings)
        await election.acquire()
        api.script("PUT", LEASE, never)
        keeping = asyncio.create_task(election.keep())
        async with asyncio.timeout(10):
            while len(api.requests("PUT")) < 4:
                assert not keeping.done(), keeping.exception()
                await asyncio.sleep(0.005)
        assert election.holds()
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)


async def test_one_who_stood_still_for_too_long_holds_nothing() -> None:
    clock = TurnedClock()
    async with ScriptedApi() as api, api.client() as client:
        Lease(api)
        election = candidate(client, clock, "a")
        assert not election.holds()
        await election.acquire()
        assert election.holds()
        await clock.turn(10)  # without ``keep``: the process was stopped
        assert not election.holds()


async def test_who_could_not_do_the_work_does_not_take_the_lease() -> None:
    clock, able = TurnedClock(), False
    async with ScriptedApi() as api, api.client() as client:
        lease = Lease(api)
        acquiring = await clock.start(candidate(client, clock, "a").acquire(while_able=lambda: able))
        await clock.turn(30)
        assert lease.spec is None
        able = True
        await clock.turn(2)
        await acquiring
    assert lease.spec is not None
