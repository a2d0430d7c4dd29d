"""Capacity that was lost: how long pods and groups were wanted and not ready.

Wanted are the pods that the set's spec asks for: ``size`` in each of ``replicas`` groups, from the moment at which the
spec was observed until it asks for fewer, or the set is to be deleted. Surge groups of a rollout are not. A pod is
ready as in ``projections.lanes``; a group is while all of its pods are. Memory grows with the set, not with
the journal.
"""

from typing import Any, Final, NamedTuple

import msgspec

from lws_events.events import PodDeleted, PodObserved, SetDeleted, SetObserved
from lws_events.machine.state import is_older
from lws_events.subjects import SetName
from projections.groups import group_of_object
from projections.journal import RecordedEvent
from projections.lanes import READY, natural, state_of

_ENDED_MIN: Final = 256
_ENDED_PER_POD: Final = 4
"""How many ended lives of pods are remembered at least, for observations that come late; more where more are wanted."""


WANTED_MAX: Final = 200_000
"""Of a set that asks for more pods than any cluster has, only the first groups count: a number must not fill memory."""


class Gap(NamedTuple):
    """A stretch of time without a pod, or (``pod`` is empty) without a whole group."""

    group: str
    pod: str
    from_ms: int
    to_ms: int


class Capacity:
    """Fold of one set: ``add`` gives the gaps that ended."""

    def __init__(self, set_name: SetName) -> None:
        self._set = set_name
        self._now_ms = 0
        self._spec: SetObserved | None = None
        self._size = (0, 0)
        self._wanted: set[str] = set()
        self._down: dict[str, int] = {}
        """Pods that are wanted and not ready, since when."""
        self._groups_down: dict[str, tuple[int, int]] = {}
        """Of groups: how many pods they lack, and since when they lack any."""
        self._views: dict[str, PodObserved] = {}
        self._ended: dict[tuple[str, str], None] = {}
        """Name and uid, the oldest first."""

    def add(self, event: RecordedEvent) -> list[Gap]:
        """Read one event, which must be about this set. Time that runs backwards stands still."""
        self._now_ms = max(self._now_ms, event.envelope.at_ms)
        fact, address = event.envelope.fact, event.address
        assert address is not None, f"{event.subject} is about no set"
        match fact:
            case SetObserved() if self._spec is None or not is_older(fact, self._spec):
                self._spec = fact
                return self._want(*((0, 0) if fact.deleting_since is not None else _shape(fact)))
            case SetDeleted() if self._spec is not None and self._spec.uid == fact.uid:
                self._spec = None
                return self._want(0, 0)
            case PodObserved() if self._is_news(address.name, fact):
                self._views[address.name] = fact
                return self._note(address.name)
            case PodDeleted():
                self._end(address.name, fact.uid)
                known = self._views.get(address.name)
                if known is not None and known.uid == fact.uid:
                    del self._views[address.name]
                    return self._note(address.name)
        return []

    def forget_ended(self) -> None:
        """The set is gone with all of its pods: whoever comes late is nobody's."""
        self._ended, self._views = {}, {}

    def go_on_until(self, at_ms: int) -> None:
        """Nothing happens up to this time."""
        self._now_ms = max(self._now_ms, at_ms)

    def open(self) -> list[Gap]:
        """Gaps that have not ended, up to now."""
        pods = [Gap(group_of_object(self._set, pod), pod, since, self._now_ms) for pod, since in self._down.items()]
        groups = [Gap(group, "", since, self._now_ms) for group, (_, since) in self._groups_down.items()]
        lasting = [gap for gap in pods + groups if gap.to_ms > gap.from_ms]
        return sorted(lasting, key=lambda gap: (not gap.pod, natural(gap.group), natural(gap.pod)))

    def _is_news(self, name: str, pod: PodObserved) -> bool:
        known = self._views.get(name)
        if (name, pod.uid) in self._ended or (known is not None and is_older(pod, known)):
            return False
        if known is not None and known.uid != pod.uid:
            self._end(name, known.uid)  # nobody saw it go, and another one has its name
        return True

    def _end(self, name: str, uid: str) -> None:
        self._ended[(name, uid)] = None
        if len(self._ended) > _ENDED_MIN + _ENDED_PER_POD * len(self._wanted):
            del self._ended[next(iter(self._ended))]

    def _want(self, replicas: int, size: int) -> list[Gap]:
        if (replicas, size) == self._size:
            return []
        before, self._size = self._wanted, (replicas, size)
        named = self._set.name
        leaders = [f"{named}-{group}" for group in range(replicas if size else 0)]
        self._wanted = {f"{leader}-{worker}" if worker else leader for leader in leaders for worker in range(size)}
        gaps: list[Gap] = []
        for pod in sorted(before - self._wanted):
            gaps += self._note(pod)
        for pod in sorted(self._wanted - before):
            self._note(pod)
        return gaps

    def _note(self, pod: str) -> list[Gap]:
        """Begin or end the pod's gap, and with it the group's."""
        view, group = self._views.get(pod), group_of_object(self._set, pod)
        is_down = pod in self._wanted and (view is None or state_of(view) != READY)
        if is_down == (pod in self._down):
            return []
        missing, since_ms = self._groups_down.pop(group, (0, self._now_ms))
        missing += 1 if is_down else -1
        if missing:
            self._groups_down[group] = (missing, since_ms)
        if is_down:
            self._down[pod] = self._now_ms
            return []
        ended = [Gap(group, pod, self._down.pop(pod), self._now_ms)]
        if not missing:
            ended.append(Gap(group, "", since_ms, self._now_ms))
        return [gap for gap in ended if gap.to_ms > gap.from_ms]


def _shape(observed: SetObserved) -> tuple[int, int]:
    """Groups, and pods in each; what is absent or no number is the API's default, 1."""
    spec: Any = msgspec.json.decode(observed.spec)
    template = spec.get("leaderWorkerTemplate") if isinstance(spec, dict) else None
    replicas = spec.get("replicas", 1) if isinstance(spec, dict) else 1
    size = template.get("size", 1) if isinstance(template, dict) else 1
    pods = min(_count(size), WANTED_MAX)
    return min(_count(replicas), WANTED_MAX // max(pods, 1)), pods


def _count(value: Any) -> int:
    return max(value, 0) if isinstance(value, int) else 1
