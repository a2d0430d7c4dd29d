"""What pods that ask for TPUs are told of each other, through the hooks of a real API server (catalogue W63–W75)."""

from typing import Any, Final

import pytest

from tests.controlplane.api import Json
from tests.e2e.catalogue.definition import WORKER_SPEC
from tests.e2e.catalogue.hooks import Hooked
from tests.e2e.catalogue.pods import (
    LEADER,
    TPU_LEADER_SPEC,
    TPU_MIXED_SPEC,
    TPU_WORKER_SPEC,
    a_pod,
    containers,
    env_of,
    sample_pod,
)
from tests.e2e.catalogue.rows import covering

pytestmark = [pytest.mark.controlplane, pytest.mark.asyncio(loop_scope="session")]

TPU_NAMES: Final = ("TPU_WORKER_HOSTNAMES", "TPU_WORKER_ID", "TPU_NAME")
LWS_NAMES: Final = ("LWS_LEADER_ADDRESS", "LWS_GROUP_SIZE", "LWS_WORKER_INDEX")
NO_TPU: Final[tuple[Any, ...]] = (
    ("W63", "test-1", {}, {}, TPU_WORKER_SPEC),
    ("W64", "test-1", LEADER, {"size": "2"}, WORKER_SPEC),
    ("W65", "test-1-2", {"name": "test", "group-index": "1"}, {"size": "3"}, WORKER_SPEC),
)


@pytest.mark.parametrize(("name", "labels", "annotations", "spec"), covering(NO_TPU))
async def test_no_tpu_environment(
    name: str, labels: dict[str, str], annotations: dict[str, str], spec: Json, hooked: Hooked
) -> None:
    found = await hooked.pod(a_pod(name, labels, annotations, spec))
    assert not [key for container in containers(found) for key in env_of(container) if key.startswith("TPU_")]


def hosts(*indices: int, subdomain: str = "default") -> str:
    """The hosts of these pods of group 1; 0 is the leader."""
    return ",".join(f"test-sample-1{f'-{index}' if index else ''}.{subdomain}" for index in indices)


REQUESTED: Final = {"leader-requests-tpus": "true"}
UNIQUE: Final = {"subdomainPolicy": "UniquePerReplica"}
# Index in the group, annotations, hosts, id, spec.
TPUS: Final = (
    ("W66", 0, {"size": "5"}, hosts(0, 1, 2, 3, 4), 0, TPU_LEADER_SPEC),
    ("W67", 0, {"size": "5", **UNIQUE}, hosts(0, 1, 2, 3, 4, subdomain="test-sample-1"), 0, TPU_LEADER_SPEC),
    ("W68", 0, {"size": "5", "subgroup-size": "5"}, hosts(0, 1, 2, 3, 4), 0, TPU_LEADER_SPEC),
    ("W69", 3, {"size": "5", **REQUESTED}, hosts(0, 1, 2, 3, 4), 3, TPU_WORKER_SPEC),
    ("W70", 3, {"size": "10", **REQUESTED, "subgroup-size": "5"}, hosts(0, 1, 2, 3, 4), 3, TPU_WORKER_SPEC),
    ("W71", 3, {"size": "5"}, hosts(1, 2, 3, 4), 2, TPU_WORKER_SPEC),
    ("W72", 7, {"size": "11", "subgroup-size": "5"}, hosts(6, 7, 8, 9, 10), 1, TPU_WORKER_SPEC),
    ("W73", 1, {"size": "2", **REQUESTED}, hosts(0, 1), 1, TPU_WORKER_SPEC),
    ("W74", 0, {"size": "1"}, hosts(0), 0, TPU_LEADER_SPEC),
    ("W75", 0, {"size": "1"}, hosts(0), 0, TPU_MIXED_SPEC),
)


@pytest.mark.parametrize(("index", "annotations", "expected_hosts", "worker_id", "spec"), covering(TPUS))
async def test_tpu_environment(
    *, index: int, annotations: dict[str, str], expected_hosts: str, worker_id: int, spec: Json, hooked: Hooked
) -> None:
    found = await hooked.pod(sample_pod(index, annotations, spec))
    asking = [c for c in containers(found) if "google.com/tpu" in c.get("resources", {}).get("limits", {})]
    assert asking
    for position, container in enumerate(asking):
        env = env_of(container)
        assert set(TPU_NAMES) <= set(env)
        assert (env["TPU_WORKER_HOSTNAMES"], env["TPU_WORKER_ID"]) == (expected_hosts, str(worker_id))
        assert env["TPU_NAME"] == "test-sample-1"
        assert env["TPU_PROCESS_PORT"] == str(8476 + position)
        assert env["TPU_PROCESS_ADDRESSES"] == ",".join(f"{host}:8476" for host in expected_hosts.split(","))
    for container in containers(found):
        if container not in asking:
            assert not [key for key in env_of(container) if key.startswith("TPU_")]
        assert set(LWS_NAMES) <= set(env_of(container))
    if "subdomainPolicy" in annotations:
        assert found["spec"]["subdomain"] == "test-sample-1"
        address = f"test-sample-1.test-sample-1.{hooked.namespace}"
        assert env_of(asking[0])["LWS_LEADER_ADDRESS"] == address
