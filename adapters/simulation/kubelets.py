"""The kubelets of all nodes: bound pods start, terminating pods stop, and faults happen when asked for.

A kubelet acts on the uid that it knows: it never stops the successor of a pod that it was told to stop. While its node
is lost it does nothing at all; when the node is back it catches up.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass

from adapters.simulation import objects, pod_status
from adapters.simulation.api import Api
from adapters.simulation.clock import Seconds
from adapters.simulation.errors import ApiError
from adapters.simulation.kinds import PODS
from adapters.simulation.objects import Object
from adapters.simulation.store import Change

SIGTERM_EXIT = 143
OOM_EXIT = 137


@dataclass(frozen=True)
class KubeletSettings:
    """How long things take, in seconds; each range is drawn from anew."""

    start: Seconds = (0.3, 1.5)
    ready: Seconds = (0.0, 0.0)
    """From running to ready; an upper bound of 0 makes it one step."""
    stop: Seconds = (0.1, 1.0)
    """From the deletion request to the end, at most the grace period."""
    restart: Seconds = (0.5, 1.5)


class Kubelets:
    """One object for all nodes. The methods that are no subscription are the faults."""

    def __init__(self, api: Api, rng: random.Random, *, settings: KubeletSettings) -> None:
        self._api = api
        self._rng = rng
        self._settings = settings
        self._lost: set[str] = set()
        self._unavailable_images: set[str] = set()
        self._addresses = 0
        self._host_ips: dict[str, str] = {}
        api.store.subscribe(self._on_change)

    # the ordinary life of a pod

    def _on_change(self, change: Change) -> None:
        if change.kind is not PODS or change.type == "DELETED":
            return
        pod, previous = change.record.obj, change.previous.obj if change.previous else None
        if not objects.spec(pod).get("nodeName"):
            return
        if objects.terminating(pod):
            before = None if previous is None else previous["metadata"].get("deletionGracePeriodSeconds")
            grace = pod["metadata"].get("deletionGracePeriodSeconds", 0)
            if before != grace and grace:
                low, high = self._settings.stop
                self._later(pod, (min(low, grace), min(high, grace)), self._stop)
        elif previous is None or not objects.spec(previous).get("nodeName"):
            self._later(pod, self._settings.start, self._start)

    def _later(self, pod: Object, delay: Seconds, action: Callable[[Object], None]) -> None:
        """Act on this very pod after a delay, if it still exists and its node is not lost then."""
        uid = objects.uid(pod)

        def run() -> None:
            found = self._api.store.by_uid(uid)
            if found is not None and objects.spec(found[1]).get("nodeName") not in self._lost:
                action(found[1])

        self._api.clock.after(delay, run)

    def _start(self, pod: Object) -> None:
        if objects.terminating(pod) or objects.phase(pod) != "Pending":
            return
        now = self._api.clock.timestamp()
        host_ip = self._host_ip(pod)
        images = [container.get("image", "") for container in objects.spec(pod)["containers"]]
        stuck = next((image for image in images if image in self._unavailable_images), None)
        if stuck is not None:
            self._write(pod_status.pulling(pod, image=stuck, now=now, host_ip=host_ip))
            return
        self._addresses += 1
        pod_ip = f"10.244.{self._addresses // 250 % 250}.{self._addresses % 250 + 1}"
        at_once = self._settings.ready[1] == 0
        self._write(pod_status.running(pod, now=now, pod_ip=pod_ip, host_ip=host_ip, ready=at_once))
        if not at_once:
            self._later(pod, self._settings.ready, self._become_ready)

    def _become_ready(self, pod: Object) -> None:
        if objects.phase(pod) == "Running":
            self._write(pod_status.with_readiness(pod, ready=True, now=self._api.clock.timestamp()))

    def _stop(self, pod: Object) -> None:
        """Containers end (phase Succeeded or Failed, as they please), then the object may go."""
        if objects.phase(pod) in {"Running", "Pending"}:
            exit_code = self._rng.choice((0, SIGTERM_EXIT))
            reason = "Error" if exit_code else "Completed"
            self._write(pod_status.ended(pod, exit_code=exit_code, reason=reason, now=self._api.clock.timestamp()))
        self._api.delete(
            PODS, objects.name(pod), namespace=objects.namespace(pod), uid=objects.uid(pod), grace_seconds=0
        )

    def _write(self, pod: Object) -> None:
        self._api.set_status(PODS, pod)

    def _host_ip(self, pod: Object) -> str:
        number = len(self._host_ips)
        return self._host_ips.setdefault(objects.spec(pod)["nodeName"], f"10.0.{number // 250}.{number % 250 + 1}")

    # faults

    def restart_container(
        self, name: str, *, namespace: str = "default", container: str = "", exit_code: int = 1, reason: str = "Error"
    ) -> None:
        """A container (the first, unless named) ends and, as the pod's restart policy says, starts again.

        Raises:
            NotFoundError: there is no such pod.
            ApiError: the pod does not run, or has no such container.
        """
        pod = self._running(name, namespace)
        names = pod_status.container_names(pod)
        target = container or names[0]
        if target not in names:
            raise ApiError(f"pod {namespace}/{name} has no container {target!r}; it has {', '.join(names)}")
        now = self._api.clock.timestamp()
        policy = objects.spec(pod).get("restartPolicy", "Always")
        if policy == "Never" or (policy == "OnFailure" and exit_code == 0):
            self._write(pod_status.ended(pod, exit_code=exit_code, reason=reason, now=now))
            return
        self._write(pod_status.container_terminated(pod, target, exit_code=exit_code, reason=reason, now=now))
        self._later(pod, self._settings.restart, lambda current: self._restarted(current, target))

    def _restarted(self, pod: Object, container: str) -> None:
        if not objects.terminating(pod) and objects.phase(pod) == "Running":
            self._write(pod_status.container_restarted(pod, container, now=self._api.clock.timestamp()))

    def kill_for_memory(self, name: str, *, namespace: str = "default", container: str = "") -> None:
        """The kernel ends a container for using too much memory; it restarts. Raises like ``restart_container``."""
        self.restart_container(name, namespace=namespace, container=container, exit_code=OOM_EXIT, reason="OOMKilled")

    def evict(
        self, name: str, *, namespace: str = "default", message: str = "The node was low on resource: memory."
    ) -> None:
        """The kubelet evicts a pod under pressure: phase Failed, reason Evicted. Raises like ``restart_container``."""
        pod = self._running(name, namespace)
        self._write(pod_status.evicted(pod, message=message, now=self._api.clock.timestamp()))

    def set_ready(self, name: str, *, ready: bool, namespace: str = "default") -> None:
        """A readiness probe changes its mind. Raises like ``restart_container``."""
        pod = self._running(name, namespace)
        self._write(pod_status.with_readiness(pod, ready=ready, now=self._api.clock.timestamp()))

    def make_image_unavailable(self, image: str) -> None:
        """Pods with this image that start from now on wait for it, Pending."""
        self._unavailable_images.add(image)

    def make_image_available(self, image: str) -> None:
        """The image can be pulled again: the pods that waited for it start."""
        self._unavailable_images.discard(image)
        for pod in self._api.select(PODS):
            waits = objects.phase(pod) == "Pending" and objects.spec(pod).get("nodeName")
            if waits and any(container.get("image") == image for container in objects.spec(pod)["containers"]):
                self._later(pod, self._settings.start, self._start)

    def lose_node(self, node: str) -> None:
        """The kubelet of a node falls silent. What the cluster makes of it is ``node_lifecycle``'s."""
        self._lost.add(node)

    def recover_node(self, node: str) -> None:
        """The kubelet is back: starts what was bound, stops what was deleted, reports what runs."""
        self._lost.discard(node)
        now = self._api.clock.timestamp()
        for pod in self._api.select(PODS):
            if objects.spec(pod).get("nodeName") != node:
                continue
            if objects.terminating(pod):
                if pod["metadata"].get("deletionGracePeriodSeconds"):
                    self._later(pod, self._settings.stop, self._stop)
            elif objects.phase(pod) == "Pending":
                self._later(pod, self._settings.start, self._start)
            elif objects.phase(pod) == "Running":
                self._write(pod_status.with_readiness(pod, ready=True, now=now))

    def _running(self, name: str, namespace: str) -> Object:
        pod = self._api.get(PODS, name, namespace=namespace)
        if objects.phase(pod) != "Running":
            raise ApiError(f"pod {namespace}/{name} is {objects.phase(pod)}, not Running: nothing to fail there")
        return pod
