"""The status of a pod as a kubelet writes it: pure functions from a pod to the pod with its next status."""

from typing import Any

from adapters.simulation import objects
from adapters.simulation.objects import Object


def running(pod: Object, *, now: str, pod_ip: str, host_ip: str, ready: bool) -> Object:
    """All containers started."""
    spec = objects.spec(pod)
    statuses = [_status(container, {"running": {"startedAt": now}}, ready=ready) for container in spec["containers"]]
    started = objects.with_status(
        pod,
        phase="Running",
        startTime=objects.status(pod).get("startTime", now),
        hostIP=host_ip,
        hostIPs=[{"ip": host_ip}],
        podIP=pod_ip,
        podIPs=[{"ip": pod_ip}],
        containerStatuses=statuses,
        initContainerStatuses=[_init_status(container, now=now) for container in spec.get("initContainers") or []]
        or None,
    )
    begun = [{"type": "PodReadyToStartContainers", "status": "True"}, {"type": "Initialized", "status": "True"}]
    return with_readiness(objects.with_conditions(started, begun, now=now), ready=ready, now=now)


def pulling(pod: Object, *, image: str, now: str, host_ip: str) -> Object:
    """Stuck before the start: an image cannot be pulled."""
    waiting = {"waiting": {"reason": "ImagePullBackOff", "message": f'Back-off pulling image "{image}"'}}
    statuses = [_status(container, waiting, ready=False) for container in objects.spec(pod)["containers"]]
    stuck = objects.with_status(pod, phase="Pending", startTime=now, hostIP=host_ip, containerStatuses=statuses)
    return with_readiness(stuck, ready=False, now=now)


def with_readiness(pod: Object, *, ready: bool, now: str) -> Object:
    """Ready and ContainersReady set, on the pod and on its containers."""
    status = "True" if ready else "False"
    reason = {} if ready else {"reason": "ContainersNotReady", "message": "containers with unready status"}
    entries: list[Object] = [{"type": type_, "status": status, **reason} for type_ in ("Ready", "ContainersReady")]
    containers = [
        entry if entry["ready"] == ready else {**entry, "ready": ready}
        for entry in objects.status(pod).get("containerStatuses") or []
    ]
    return objects.with_conditions(objects.with_status(pod, containerStatuses=containers or None), entries, now=now)


def container_terminated(pod: Object, container: str, *, exit_code: int, reason: str, now: str) -> Object:
    """One container has ended and has not been restarted yet."""
    ended = _terminated(exit_code=exit_code, reason=reason, now=now)
    changed = _with_container(pod, container, state={"terminated": ended}, ready=False, started=False)
    return _unready(changed, now=now)


def container_restarted(pod: Object, container: str, *, now: str) -> Object:
    """The container that ended runs again; its restart count has grown by one."""
    current = _container(pod, container)
    changed = _with_container(
        pod,
        container,
        state={"running": {"startedAt": now}},
        lastState=current["state"],
        restartCount=current["restartCount"] + 1,
        ready=True,
        started=True,
    )
    statuses = objects.status(changed).get("containerStatuses") or []
    return with_readiness(changed, ready=all(entry["ready"] for entry in statuses), now=now)


def ended(pod: Object, *, exit_code: int, reason: str, now: str) -> Object:
    """All containers have ended for good: phase Succeeded for exit code 0, else Failed."""
    final = {"terminated": _terminated(exit_code=exit_code, reason=reason, now=now)}
    statuses = [
        {**entry, "state": final if "running" in entry["state"] else entry["state"], "ready": False, "started": False}
        for entry in objects.status(pod).get("containerStatuses") or []
    ]
    phase = "Failed" if exit_code else "Succeeded"
    return _unready(objects.with_status(pod, phase=phase, containerStatuses=statuses or None), now=now)


def evicted(pod: Object, *, message: str, now: str) -> Object:
    """Thrown off its node by the kubelet: phase Failed, reason Evicted; the object stays."""
    gone = ended(pod, exit_code=137, reason="Error", now=now)
    return objects.with_status(gone, phase="Failed", reason="Evicted", message=message)


def container_names(pod: Object) -> list[str]:
    """The containers that have a status."""
    status = objects.status(pod)
    entries = [*(status.get("containerStatuses") or []), *(status.get("initContainerStatuses") or [])]
    return [entry["name"] for entry in entries]


def _unready(pod: Object, *, now: str) -> Object:
    reason = {"reason": "ContainersNotReady", "message": "containers with unready status"}
    entries = [{"type": type_, "status": "False", **reason} for type_ in ("Ready", "ContainersReady")]
    return objects.with_conditions(pod, entries, now=now)


def _status(container: Object, state: Object, *, ready: bool) -> Object:
    return {
        "name": container["name"],
        "image": container.get("image", ""),
        "imageID": "",
        "ready": ready,
        "restartCount": 0,
        "started": "running" in state,
        "state": state,
        "lastState": {},
    }


def _init_status(container: Object, *, now: str) -> Object:
    if container.get("restartPolicy") == "Always":
        return _status(container, {"running": {"startedAt": now}}, ready=True)
    return _status(container, {"terminated": _terminated(exit_code=0, reason="Completed", now=now)}, ready=True)


def _terminated(*, exit_code: int, reason: str, now: str) -> Object:
    return {"exitCode": exit_code, "reason": reason, "startedAt": now, "finishedAt": now}


def _container(pod: Object, name: str) -> Object:
    status = objects.status(pod)
    entries = [*(status.get("containerStatuses") or []), *(status.get("initContainerStatuses") or [])]
    found: Object = next(entry for entry in entries if entry["name"] == name)
    return found


def _with_container(pod: Object, name: str, /, **changes: Any) -> Object:
    lists = {
        field: [{**entry, **changes} if entry["name"] == name else entry for entry in objects.status(pod)[field]]
        for field in ("containerStatuses", "initContainerStatuses")
        if objects.status(pod).get(field)
    }
    return objects.with_status(pod, **lists)
