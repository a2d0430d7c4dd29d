"""The StatefulSet controller: keeps the pods of each set at their ordinals and rolls them to a new template.

It follows the controller of Kubernetes 1.36, with the feature gate ``MaxUnavailableStatefulSet`` or without (4.5.5),
with both pod management policies, ordinals that do not start at 0, partition, minReadySeconds, ended pods
replaced, orphans adopted. Its view is never stale, only late by the latency of its queue.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from adapters.simulation import objects, selectors, statefulset_revisions
from adapters.simulation.api import Api
from adapters.simulation.clock import Seconds, WorkQueue
from adapters.simulation.errors import ApiError
from adapters.simulation.kinds import BY_KIND, CLAIMS, PODS, STATEFULSETS
from adapters.simulation.objects import Object
from adapters.simulation.statefulset_pods import (
    available_in,
    claims_of,
    finished,
    new_pod,
    ordinal_of,
    ready,
    revision_of,
)
from adapters.simulation.statefulset_revisions import Revisions
from adapters.simulation.store import Change, Key

RETRY_SECONDS_MIN = 0.01
RETRY_SECONDS_MAX = 16.0
"""A failed pass (a pod's name is still taken, for example) is repeated after this, doubled each time."""


@dataclass
class _Pass:
    """One look at a set: its pods by ordinal (existing ones only), what goes, and what counts."""

    set_: Object
    pods: list[Object]
    replicas: dict[int, Object]
    condemned: list[Object]
    revisions: Revisions
    removed_current: int = 0
    recheck_seconds: float | None = None

    @property
    def ordinals(self) -> range:
        spec = self.set_["spec"]
        start = (spec.get("ordinals") or {}).get("start", 0)
        return range(start, start + spec["replicas"])

    @property
    def ordered(self) -> bool:
        return bool(self.set_["spec"]["podManagementPolicy"] != "Parallel")


class StatefulSets:
    """Reconciles every StatefulSet of the cluster."""

    def __init__(self, api: Api, *, latency: Seconds) -> None:
        self._api = api
        self._queue: WorkQueue[Key] = WorkQueue(api.clock, self._reconcile, latency=latency)
        self._failures: dict[Key, int] = {}
        self._orphans: dict[Key, None] = {}
        api.store.subscribe(self._on_change)

    def _on_change(self, change: Change) -> None:
        if change.kind is STATEFULSETS:
            self._queue.add((objects.namespace(change.record.obj), objects.name(change.record.obj)))
        elif change.kind is PODS:
            self._on_pod(change)

    def _on_pod(self, change: Change) -> None:
        pod = change.record.obj
        key = (objects.namespace(pod), objects.name(pod))
        owner = objects.controller_owner(pod)
        if owner is None and change.type != "DELETED":
            self._orphans[key] = None
            for set_ in self._api.select(STATEFULSETS, namespace=key[0]):
                if ordinal_of(set_, pod) >= 0:
                    self._queue.add((key[0], objects.name(set_)))
        else:
            self._orphans.pop(key, None)
        former = objects.controller_owner(change.previous.obj) if change.previous else None
        for reference in (owner, former):
            if reference is not None and BY_KIND.get((reference["apiVersion"], reference["kind"])) is STATEFULSETS:
                self._queue.add((key[0], reference["name"]))

    def _reconcile(self, key: Key) -> None:
        set_ = self._api.find(STATEFULSETS, key[1], namespace=key[0])
        if set_ is None:
            self._failures.pop(key, None)
            return
        try:
            self._sync(set_)
            self._failures.pop(key, None)
        except ApiError:
            failures = self._failures.get(key, 0)
            self._failures[key] = failures + 1
            delay = min(RETRY_SECONDS_MIN * 2 ** min(failures, 20), RETRY_SECONDS_MAX)
            self._queue.add_at(key, self._api.clock.now + delay)

    def _sync(self, set_: Object) -> None:
        pods = self._claimed(set_)
        look = self._look(set_, pods, statefulset_revisions.resolve(self._api, set_))
        error: ApiError | None = None
        if not objects.terminating(set_):
            try:
                self._act(look)
            except ApiError as caught:
                error = caught
        self._write_status(look)
        if error is not None:
            raise error
        in_use = {revision_of(pod) for pod in pods}
        statefulset_revisions.truncate(self._api, set_, revisions=look.revisions, in_use=in_use)
        if look.recheck_seconds:
            key = (objects.namespace(set_), objects.name(set_))
            self._queue.add_at(key, self._api.clock.now + look.recheck_seconds)

    def _claimed(self, set_: Object) -> list[Object]:
        """The set's own pods, after orphans that fit were adopted and pods that no longer fit were released."""
        selector = selectors.from_spec(set_["spec"]["selector"]) or selectors.EVERYTHING
        namespace = objects.namespace(set_)
        pods = []
        for kind, obj in self._api.store.dependents(objects.uid(set_)):
            if kind is not PODS:
                continue
            if selector.matches(objects.labels(obj)) or objects.terminating(set_):
                pods.append(obj)
            else:
                rest = [owner for owner in objects.owners(obj) if owner["uid"] != objects.uid(set_)]
                self._api.update(PODS, objects.with_metadata(obj, ownerReferences=rest or None), namespace=namespace)
        for key in sorted(self._orphans):
            orphan = self._api.find(PODS, key[1], namespace=key[0]) if key[0] == namespace else None
            if orphan is None or objects.terminating(orphan) or objects.terminating(set_):
                continue
            if ordinal_of(set_, orphan) >= 0 and selector.matches(objects.labels(orphan)):
                owners = [*objects.owners(orphan), objects.owner_reference(set_)]
                adopted = objects.with_metadata(orphan, ownerReferences=owners)
                pods.append(self._api.update(PODS, adopted, namespace=namespace))
        return sorted(pods, key=lambda pod: ordinal_of(set_, pod))

    def _look(self, set_: Object, pods: list[Object], revisions: Revisions) -> _Pass:
        look = _Pass(set_, pods, {}, [], revisions)
        wanted = look.ordinals
        for pod in pods:
            ordinal = ordinal_of(set_, pod)
            if ordinal in wanted:
                look.replicas[ordinal] = pod
            elif ordinal >= 0:
                look.condemned.insert(0, pod)
        return look

    def _act(self, look: _Pass) -> None:
        """Create and replace, then remove what is too much, then roll. Each stage waits for the one before."""
        if self._each(look, look.ordinals, self._replica):
            return
        unhealthy = self._first_unavailable(look)
        if self._each(look, range(len(look.condemned)), lambda look, i: self._condemn(look, i, unhealthy=unhealthy)):
            return
        strategy = look.set_["spec"]["updateStrategy"]
        if strategy["type"] == "RollingUpdate":
            rolling = strategy.get("rollingUpdate") or {}
            roll = self._roll if "maxUnavailable" in rolling else self._roll_one
            roll(look, rolling)

    @staticmethod
    def _each(look: _Pass, items: Iterable[int], action: Callable[[_Pass, int], bool]) -> bool:
        """Run an action over items: one by one until it says stop or, in a parallel set, in doubling batches that end
        with the first error. True when a later stage has to wait."""
        if look.ordered:
            return any(action(look, item) for item in items)
        stop, rest, size = False, list(items), 1
        while rest:
            error: ApiError | None = None
            for item in rest[:size]:
                try:
                    stop = action(look, item) or stop
                except ApiError as caught:
                    error = error or caught
            if error is not None:
                raise error
            rest, size = rest[size:], size * 2
        return stop

    def _replica(self, look: _Pass, ordinal: int) -> bool:
        pod = look.replicas.get(ordinal)
        if pod is None:
            self._create(look, ordinal)
            return look.ordered
        if finished(pod):
            if not objects.terminating(pod):
                self._delete(pod)
            return True
        if not look.ordered:
            return False
        return objects.terminating(pod) or not self._available(look, pod)

    def _condemn(self, look: _Pass, index: int, *, unhealthy: str) -> bool:
        pod = look.condemned[index]
        if objects.terminating(pod):
            return look.ordered
        if look.ordered and not self._available(look, pod) and objects.name(pod) != unhealthy:
            return True
        self._delete(pod)
        return look.ordered

    def _roll(self, look: _Pass, rolling: Object) -> None:
        """Delete outdated pods at or above the partition, highest first, within what may be unavailable."""
        replicas = look.set_["spec"]["replicas"]
        unavailable = sum(
            1
            for ordinal in look.ordinals
            if (pod := look.replicas.get(ordinal)) is None or objects.terminating(pod) or not self._available(look, pod)
        )
        budget = max_unavailable(rolling["maxUnavailable"], replicas=replicas) - unavailable
        update = objects.name(look.revisions.update)
        for index in range(replicas - 1, rolling.get("partition", 0) - 1, -1):
            if budget <= 0:
                return
            pod = look.replicas.get(look.ordinals.start + index)
            if pod is not None and revision_of(pod) != update and not objects.terminating(pod):
                self._delete(pod)
                look.removed_current += 1
                budget -= 1

    def _roll_one(self, look: _Pass, rolling: Object) -> None:
        """Without the feature gate: the highest outdated pod, once all above it are available."""
        update = objects.name(look.revisions.update)
        for index in range(look.set_["spec"]["replicas"] - 1, rolling.get("partition", 0) - 1, -1):
            pod = look.replicas.get(look.ordinals.start + index)
            if pod is not None and revision_of(pod) != update and not objects.terminating(pod):
                self._delete(pod)
                look.removed_current += 1
                return
            if pod is None or objects.terminating(pod) or not self._available(look, pod):
                return

    def _create(self, look: _Pass, ordinal: int) -> None:
        rolling = look.set_["spec"]["updateStrategy"].get("rollingUpdate")
        below = look.ordinals.start
        if look.set_["spec"]["updateStrategy"]["type"] == "RollingUpdate" and rolling:
            below += rolling.get("partition", 0)
        revision = look.revisions.current if ordinal < below else look.revisions.update
        template = statefulset_revisions.template_of(revision)
        pod = new_pod(look.set_, template, ordinal=ordinal, revision=objects.name(revision))
        namespace = objects.namespace(look.set_)
        for claim in claims_of(look.set_, pod=objects.name(pod)):
            if self._api.find(CLAIMS, objects.name(claim), namespace=namespace) is None:
                self._api.create(CLAIMS, claim, namespace=namespace)
        self._api.create(PODS, pod, namespace=namespace)

    def _delete(self, pod: Object) -> None:
        self._api.delete(PODS, objects.name(pod), namespace=objects.namespace(pod))

    def _available(self, look: _Pass, pod: Object) -> bool:
        seconds = available_in(
            pod, min_ready_seconds=look.set_["spec"].get("minReadySeconds", 0), clock=self._api.clock
        )
        if seconds:
            look.recheck_seconds = min(seconds, look.recheck_seconds or seconds)
        return seconds == 0

    def _first_unavailable(self, look: _Pass) -> str:
        candidates = [look.replicas[ordinal] for ordinal in look.ordinals if ordinal in look.replicas]
        for pod in [*candidates, *reversed(look.condemned)]:
            if objects.terminating(pod) or not self._available(look, pod):
                return objects.name(pod)
        return ""

    def _write_status(self, look: _Pass) -> None:
        current, update = objects.name(look.revisions.current), objects.name(look.revisions.update)
        alive = [revision_of(pod) for pod in look.pods if not objects.terminating(pod)]
        status: Object = {
            "observedGeneration": look.set_["metadata"]["generation"],
            "replicas": len(look.pods),
            "readyReplicas": sum(map(ready, look.pods)),
            "currentReplicas": alive.count(current) - look.removed_current,
            "updatedReplicas": alive.count(update),
            "availableReplicas": sum(self._available(look, pod) for pod in look.pods),
            "currentRevision": current,
            "updateRevision": update,
            "collisionCount": 0,
        }
        wanted = look.set_["spec"]["replicas"]
        counts = (status["updatedReplicas"], status["readyReplicas"], status["replicas"])
        if look.set_["spec"]["updateStrategy"]["type"] == "RollingUpdate" and counts == (wanted, wanted, wanted):
            status["currentReplicas"] = status["updatedReplicas"]
            status["currentRevision"] = update
        always = {"replicas", "availableReplicas", "collisionCount"}
        kept = {key: value for key, value in status.items() if value or key in always}
        self._api.set_status(STATEFULSETS, {**look.set_, "status": kept})


def max_unavailable(value: int | str, *, replicas: int) -> int:
    """``maxUnavailable`` as a number of pods: percentages of the replicas rounded down, never below 1."""
    if isinstance(value, str):
        return max(1, int(value.removesuffix("%")) * replicas // 100)
    return max(1, value)
