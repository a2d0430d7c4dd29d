"""How long nobody acts when the leader is killed: two instances on one NATS server, with a short lease.

Measured from the kill to the first write of the successor, by the API server's clock, with something to decide about at
once. What counts is the ratio to the lease duration: the lease has to run out, whatever its length.
"""

import asyncio
import time
from typing import Final

from tests.bench import workload
from tests.bench.figures import TakeOver
from tests.bench.plane import fresh_plane
from tests.controlplane.api import core, eventually
from tests.e2e.instances import LEASE_SECONDS, Instance, Instances, running_instances

_GROUPS: Final = 12
_SIZE: Final = 2
_KILLS: Final = 3


async def measure() -> TakeOver:
    """Kill the leader a few times. Raises ``TimeoutError`` where nobody takes over."""
    async with fresh_plane() as plane, running_instances(plane, plane.directory) as instances:
        for member in instances.members:
            await instances.start(member)
        await instances.create_set(groups=_GROUPS, size=_SIZE)
        seconds = [await _killed(instances, kill) for kill in range(_KILLS)]
    seconds.sort()
    return TakeOver(
        kills=_KILLS,
        lease_seconds=LEASE_SECONDS,
        median_seconds=seconds[len(seconds) // 2],
        max_seconds=seconds[-1],
        max_ratio_to_lease=seconds[-1] / LEASE_SECONDS,
    )


async def _killed(instances: Instances, kill: int) -> float:
    api, namespace = instances.plane.api, instances.plane.namespace
    roles = await instances.roles()
    instances.audit.mark()
    began = time.time()
    await asyncio.to_thread(roles.leader.child.kill)
    await api.delete(core("pods", namespace, workload.victim(kill)), grace_seconds=0)
    seconds = await _first_write(instances, roles.standby, since=began)
    await instances.start(roles.leader)
    await workload.wait_until_available(api, namespace, groups=_GROUPS, timeout_seconds=60)
    return seconds


async def _first_write(instances: Instances, standby: Instance, *, since: float) -> float:
    async def written() -> float | None:
        times = [each.received_ms / 1000 for each in instances.writes(standby)]
        return min((at for at in times if at > since), default=None)

    return await eventually(written, what="the standby to write", interval_seconds=0.05) - since
