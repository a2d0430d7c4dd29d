"""The rolling update: a new template for every group, a quarter of them at a time."""

import time

from tests.bench import workload
from tests.bench.figures import RollingUpdate
from tests.bench.observed import Observed
from tests.controlplane import audit
from tests.controlplane.api import leaderworkersets


async def measure(observed: Observed, *, groups: int, timeout_seconds: float) -> RollingUpdate:
    """Change the image and follow the rollout until all is updated and Available, and the controller silent.

    Raises ``ControllerEnded``, ``TimeoutError``.
    """
    api, namespace = observed.plane.api, observed.plane.namespace
    before_uids = await workload.pod_uids(api, namespace)
    before = observed.begin()
    began = time.monotonic()
    changed = await api.call(
        "PATCH",
        leaderworkersets(namespace, workload.NAME),
        {"spec": {"leaderWorkerTemplate": {"workerTemplate": workload.template(image="example.test/main:2")}}},
        content_type="application/merge-patch+json",
    )
    await workload.wait_until_updated(
        api, namespace, groups=groups, generation=changed["metadata"]["generation"], timeout_seconds=timeout_seconds
    )
    seconds = time.monotonic() - began
    await observed.silence()
    after, writes = observed.now(), observed.writes()
    kept = before_uids.items() & (await workload.pod_uids(api, namespace)).items()
    return RollingUpdate(
        updated_seconds=seconds,
        pods_kept=len(kept),
        api_writes=len(writes),
        api_writes_by_kind=audit.by_kind(writes),
        controller=after.cost_since(before),
        nats=after.nats_cost_since(before),
    )
