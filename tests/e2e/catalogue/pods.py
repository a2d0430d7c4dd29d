"""Pods as the webhooks' suite makes them: specs, and what a controller would have put on them.

Names of labels and annotations are written without their prefix, as in the catalogue.
"""

from typing import Final

from lws_events.names import PREFIX
from tests.controlplane.api import Json
from tests.e2e.catalogue.definition import IMAGE

PORTS: Final = [{"containerPort": 8080, "protocol": "TCP"}]
TPU: Final = {"google.com/tpu": "4"}
TPU_CONTAINER: Final = {"name": "worker", "image": "busybox", "resources": {"limits": TPU}}
PLAIN_CONTAINER: Final = {"name": "leader", "image": IMAGE, "ports": PORTS}
TPU_LEADER_SPEC: Final[Json] = {"containers": [TPU_CONTAINER], "subdomain": "default"}
TPU_WORKER_SPEC: Final[Json] = {
    "containers": [{**PLAIN_CONTAINER, "resources": {"requests": TPU, "limits": TPU}}],
    "subdomain": "default",
}
TPU_MIXED_SPEC: Final[Json] = {"containers": [TPU_CONTAINER, PLAIN_CONTAINER], "subdomain": "default"}
OWN_ENV: Final = [{"name": "key1", "value": "value1"}, {"name": "key2", "value": "value2"}]
INIT_SPEC: Final[Json] = {
    "containers": [{"name": "test", "image": "busybox", "env": OWN_ENV}],
    "initContainers": [{"name": "init-test", "image": "busybox", "env": OWN_ENV}],
    "subdomain": "test-sample",
}

SAMPLE_LEADER: Final = {"name": "test-sample", "worker-index": "0"}
LEADER: Final = {"name": "test", "worker-index": "0"}


def a_pod(name: str, labels: dict[str, str], annotations: dict[str, str], spec: Json) -> Json:
    """A pod; all keys but ``random-label`` get the prefix of LeaderWorkerSets."""
    metadata = {"name": name, "labels": prefixed(labels), "annotations": prefixed(annotations)}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def prefixed(values: dict[str, str]) -> dict[str, str]:
    """Full names of labels and annotations."""
    return {key if key == "random-label" else PREFIX + key: value for key, value in values.items()}


def sample_pod(index: int, annotations: dict[str, str], spec: Json) -> Json:
    """A pod of group 1 of ``test-sample``; index 0 is the leader."""
    if index == 0:
        return a_pod("test-sample-1", SAMPLE_LEADER, annotations, spec)
    labels = {"name": "test-sample", "worker-index": str(index), "group-index": "1"}
    return a_pod(f"test-sample-1-{index}", labels, annotations, spec)


def containers(pod: Json) -> list[Json]:
    """Init containers and containers."""
    return [*pod["spec"].get("initContainers", ()), *pod["spec"]["containers"]]


def env_of(container: Json) -> dict[str, str]:
    """The variables of a container that have a literal value."""
    return {entry["name"]: entry.get("value", "") for entry in container.get("env", ())}
