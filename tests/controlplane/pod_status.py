"""What a kubelet reports about a pod: the status documents, as pure functions.

Only the parts that a workload controller reads are filled: phase, conditions, container statuses, addresses.
Probes, volumes and resource accounting are deliberately absent.
"""

from typing import Any

import msgspec

Json = dict[str, Any]


class ContainerSpec(msgspec.Struct, rename="camel"):
    """A container as far as its status depends on it."""

    name: str
    image: str = ""
    restart_policy: str = ""


class PodSpec(msgspec.Struct, rename="camel"):
    """The part of a pod's spec that a kubelet acts on."""

    containers: list[ContainerSpec]
    init_containers: list[ContainerSpec] = []
    node_name: str = ""


class ContainerStatus(msgspec.Struct, rename="camel"):
    """A container's restart count, the one thing that has to be carried on from status to status."""

    name: str
    restart_count: int = 0


class PodStatus(msgspec.Struct, rename="camel"):
    """The part of a pod's status that a kubelet has to remember."""

    phase: str = ""
    start_time: str = ""
    pod_ip: str = msgspec.field(name="podIP", default="")
    container_statuses: list[ContainerStatus] = []


class PodMetadata(msgspec.Struct, rename="camel"):
    """Identity and end of a pod."""

    name: str
    namespace: str
    uid: str
    resource_version: str
    deletion_timestamp: str | None = None
    labels: dict[str, str] = {}


class Pod(msgspec.Struct):
    """A pod as a kubelet sees it."""

    metadata: PodMetadata
    spec: PodSpec
    status: PodStatus = msgspec.field(default_factory=PodStatus)

    @property
    def key(self) -> tuple[str, str]:
        """Namespace and name."""
        return self.metadata.namespace, self.metadata.name


def running(pod: Pod, *, now: str, address: str, ready: bool = True) -> Json:
    """Running with every container started; ``address`` is the pod's."""
    return {
        "phase": "Running",
        "startTime": pod.status.start_time or now,
        "hostIP": "127.0.0.1",
        "hostIPs": [{"ip": "127.0.0.1"}],
        "podIP": address,
        "podIPs": [{"ip": address}],
        "conditions": conditions(now=now, ready=ready),
        "containerStatuses": [
            _container(c, restarts=_restarts(pod, c.name), ready=ready, state={"running": {"startedAt": now}})
            for c in pod.spec.containers
        ],
        "initContainerStatuses": [_init_container(c, now=now) for c in pod.spec.init_containers],
    }


def pulling(pod: Pod, *, now: str) -> Json:
    """Bound, but still Pending since an image cannot be pulled."""
    waiting = {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}}
    return {
        "phase": "Pending",
        "startTime": now,
        "conditions": conditions(now=now, ready=False),
        "containerStatuses": [_container(c, restarts=0, ready=False, state=waiting) for c in pod.spec.containers],
    }


def restarted(pod: Pod, *, container: str, exit_code: int, reason: str, now: str) -> Json:
    """Running as before, one container restarted once more; empty ``container`` means the first.

    Raises:
        ValueError: the pod has no container of that name.
    """
    name = container or pod.spec.containers[0].name
    if name not in [c.name for c in pod.spec.containers]:
        raise ValueError(f"pod {pod.metadata.name} has no container {name!r}")
    status = running(pod, now=now, address=pod.status.pod_ip)
    for entry in status["containerStatuses"]:
        if entry["name"] == name:
            entry["restartCount"] += 1
            entry["lastState"] = {"terminated": _terminated(exit_code=exit_code, reason=reason, now=now)}
    return status


def evicted(pod: Pod, *, message: str, now: str) -> Json:
    """Failed because the node ran short of something; its containers are gone."""
    killed = {"terminated": _terminated(exit_code=137, reason="Error", now=now)}
    return {
        "phase": "Failed",
        "reason": "Evicted",
        "message": message,
        "conditions": conditions(now=now, ready=False),
        "containerStatuses": [
            _container(c, restarts=_restarts(pod, c.name), ready=False, state=killed) for c in pod.spec.containers
        ],
    }


def conditions(*, now: str, ready: bool) -> list[Json]:
    """The kubelet's own conditions; ``PodScheduled`` is the scheduler's and stays as it is."""
    truths = {"PodReadyToStartContainers": True, "Initialized": True, "ContainersReady": ready, "Ready": ready}
    return [
        {"type": name, "status": str(truth), "lastTransitionTime": now, "lastProbeTime": None}
        for name, truth in truths.items()
    ]


def _container(spec: ContainerSpec, *, restarts: int, ready: bool, state: Json) -> Json:
    return {
        "name": spec.name,
        "image": spec.image,
        "imageID": f"test://{spec.image}",
        "containerID": f"test://{spec.name}",
        "ready": ready,
        "started": "running" in state,
        "restartCount": restarts,
        "state": state,
        "lastState": {},
    }


def _init_container(spec: ContainerSpec, *, now: str) -> Json:
    # restartPolicy Always makes an init container a sidecar, which goes on running.
    if spec.restart_policy == "Always":
        return _container(spec, restarts=0, ready=True, state={"running": {"startedAt": now}})
    done = {"terminated": _terminated(exit_code=0, reason="Completed", now=now)}
    return _container(spec, restarts=0, ready=True, state=done)


def _terminated(*, exit_code: int, reason: str, now: str) -> Json:
    return {"exitCode": exit_code, "reason": reason, "startedAt": now, "finishedAt": now}


def _restarts(pod: Pod, container: str) -> int:
    return next((s.restart_count for s in pod.status.container_statuses if s.name == container), 0)
