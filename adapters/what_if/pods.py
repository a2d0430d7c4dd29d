"""A pod as its view shows it: made from its StatefulSet's template by the rules that made it, then set to the view."""

from typing import Any, Final

from adapters.simulation import objects, pod_status
from adapters.simulation.admission import Admission, AdmissionRequest
from adapters.simulation.errors import ApiError
from adapters.simulation.kinds import PODS
from adapters.simulation.objects import Object
from adapters.simulation.statefulset_pods import new_pod
from adapters.what_if.statefulsets import Versions
from lws_events import events, names
from lws_events.gang import VOLCANO

_UNKNOWN: Final[Object] = {"spec": {"containers": [{"name": "unknown", "image": ""}]}}
"""Template of a pod without StatefulSet: somebody's own."""
_HOST: Final = "10.0.0.1"


class PodMaker:
    """Makes pods again. ``admission`` is that of the simulated API server, ``now`` its present."""

    def __init__(self, admission: Admission, *, now: str) -> None:
        self._admission = admission
        self._now = now
        self._address = 0

    def make(
        self, name: str, view: events.PodObserved, *, namespace: str, owner: Object | None, versions: Versions
    ) -> Object:
        """The whole pod but for its identity (uid, owners, deletion)."""
        if owner is None:
            base: Object = {**_UNKNOWN, "metadata": {"name": name, "namespace": namespace}}
        else:
            is_leader = view.labels.get(names.WORKER_INDEX) == "0"
            revision, template = versions.leader(view) if is_leader else _of_workers(owner)
            made = new_pod(owner, template, ordinal=names.pod_ordinal(name).ordinal, revision=revision)
            base = self._admitted(made, namespace=namespace)
        pod = _shown(base, view)
        return self._with_status(pod, view)

    def _admitted(self, pod: Object, *, namespace: str) -> Object:
        request = AdmissionRequest(
            kind=PODS,
            operation="CREATE",
            namespace=namespace,
            name=objects.name(pod),
            object=pod,
            old_object=None,
            user="",
        )
        try:
            return self._admission(request)
        except ApiError:
            return pod  # it exists: whatever let it in has its reasons

    def _with_status(self, pod: Object, view: events.PodObserved) -> Object:
        if view.phase == "Pending":
            return {**pod, "status": _pending(pod, view, now=self._now)}
        self._address += 1
        pod_ip = f"10.200.{self._address // 250}.{self._address % 250 + 1}"
        shown = pod_status.running(pod, now=self._now, pod_ip=pod_ip, host_ip=_HOST, ready=view.ready)
        shown = _with_container(shown, view, now=self._now)
        if view.phase != "Running":
            shown = objects.with_status(shown, phase=view.phase)
        shown = objects.with_status(shown, reason=view.reason or None)
        if view.disruption is not None:
            disrupted = {"type": "DisruptionTarget", "status": "True"}
            told = {"reason": view.disruption.reason, "message": view.disruption.message}
            shown = objects.with_conditions(shown, [{**disrupted, **told}], now=self._now)
        return shown


def image_waited_for(pod: Object) -> str:
    """The image that keeps a pod from starting; empty where none does."""
    for entry in objects.status(pod).get("containerStatuses") or []:
        if (entry["state"].get("waiting") or {}).get("reason") in {"ImagePullBackOff", "ErrImagePull"}:
            return str(entry.get("image", ""))
    return ""


def _of_workers(owner: Object) -> tuple[str, Object]:
    template: Object = owner["spec"]["template"]
    return str(objects.status(owner).get("updateRevision", "")), template


def _shown(pod: Object, view: events.PodObserved) -> Object:
    """Labels, annotations and placement as the view has them; of what views do not show, as it was made."""
    labels = {key: value for key, value in objects.labels(pod).items() if not key.startswith(_SHOWN)} | view.labels
    annotations = {key: value for key, value in objects.annotations(pod).items() if not key.startswith(_SHOWN)}
    annotations |= view.annotations
    annotations.pop(VOLCANO.group_annotation, None)
    if view.gang_group:
        annotations[VOLCANO.group_annotation] = view.gang_group
    spec = {**pod["spec"], "terminationGracePeriodSeconds": view.grace_seconds}
    if view.node:
        spec["nodeName"] = view.node
    shown = {**pod, "spec": spec}
    return objects.with_metadata(shown, labels=labels or None, annotations=annotations or None)


_SHOWN: Final = (names.PREFIX, names.OWN_PREFIX)


def _pending(pod: Object, view: events.PodObserved, *, now: str) -> Object:
    status: Object = {"phase": "Pending", "qosClass": "BestEffort"}
    if not view.node:
        if view.waiting:
            refused = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": view.waiting}
            status["conditions"] = [{"lastTransitionTime": now, **refused}]
        return status
    status["conditions"] = [{"type": "PodScheduled", "status": "True", "lastTransitionTime": now}]
    container, _, reason = view.waiting.partition(": ")
    if reason:
        status["containerStatuses"] = [
            _waiting(found, reason=reason if found["name"] == container else "ContainerCreating")
            for found in pod["spec"]["containers"]
        ]
    return status


def _waiting(container: Object, *, reason: str) -> Object:
    return {
        "name": container["name"],
        "image": container.get("image", ""),
        "imageID": "",
        "ready": False,
        "restartCount": 0,
        "started": False,
        "state": {"waiting": {"reason": reason}},
        "lastState": {},
    }


def _with_container(pod: Object, view: events.PodObserved, *, now: str) -> Object:
    """Restarts, and the last end of a container."""
    ended = view.last_exit
    statuses: list[Object] = [dict(entry) for entry in objects.status(pod)["containerStatuses"]]
    if view.restarts:
        statuses[0]["restartCount"] = view.restarts
    if ended is not None:
        last: dict[str, Any] = {"exitCode": ended.exit_code, "reason": ended.reason, "finishedAt": now}
        if ended.signal:
            last["signal"] = ended.signal
        at = next((index for index, entry in enumerate(statuses) if entry["name"] == ended.container), 0)
        statuses[at] = {**statuses[at], "lastState": {"terminated": last}}
    if view.waiting and ": " in view.waiting:
        container, _, reason = view.waiting.partition(": ")
        for entry in statuses:
            if entry["name"] == container:
                entry["state"] = {"waiting": {"reason": reason}}
    return objects.with_status(pod, containerStatuses=statuses)
