"""How long groups of a set took to be ready, and pods to end, as a journal has it: what estimates rest on.

A group's time is from the first sight of its leader pod to the decision that calls the group ready; a pod's end is from
the first sight of its deletion until it is gone. Nothing is estimated here, and nothing is averaged over sets.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from lws_events.decisions import GroupChanged
from lws_events.events import PodDeleted, PodObserved
from lws_events.machine.lifecycle import READY
from lws_events.names import WORKER_INDEX
from lws_events.subjects import POD, SetName
from projections.journal import Step

P50: Final = 50
P99: Final = 99


class Durations(msgspec.Struct):
    """What one set's groups and pods took, in milliseconds, in the order in which it was known."""

    ready_ms: list[int] = []
    end_ms: list[int] = []


class DurationFold:
    """Fold of all sets: ``add`` steps in order, then read ``of``."""

    def __init__(self) -> None:
        self._found: dict[SetName, Durations] = {}
        self._begun: dict[tuple[SetName, str], tuple[str, int]] = {}
        """Leader pods whose group is not ready yet: uid, and when it was first seen."""
        self._leaders: dict[tuple[SetName, str], str] = {}
        self._ending: dict[str, int] = {}

    def of(self, set_name: SetName) -> Durations:
        """What is known of a set; empty lists where nothing is."""
        return self._found.get(set_name, Durations())

    def know(self, set_name: SetName, name: str, pod: PodObserved) -> None:
        """A pod was there before: when it was first seen is not known, so nothing is measured of it."""
        if pod.labels.get(WORKER_INDEX) == "0":
            self._leaders[(set_name, name)] = pod.uid

    def add(self, step: Step) -> None:
        """Read one event and what was decided by it."""
        address, at_ms = step.event.address, step.event.envelope.at_ms
        if address is None:
            return
        set_name = address.set_name
        if address.kind == POD:
            match step.event.envelope.fact:
                case PodObserved() as pod:
                    self._see(set_name, address.name, pod, at_ms)
                case PodDeleted(uid=uid):
                    since_ms = self._ending.pop(uid, None)
                    if since_ms is not None:
                        self._durations(set_name).end_ms.append(max(0, at_ms - since_ms))
                case _:
                    pass
        for fact in step.decision.facts if step.decision is not None else ():
            if isinstance(fact, GroupChanged) and fact.after == READY:
                begun = self._begun.pop((set_name, fact.group), None)
                if begun is not None:
                    self._durations(set_name).ready_ms.append(max(0, at_ms - begun[1]))

    def _see(self, set_name: SetName, name: str, pod: PodObserved, at_ms: int) -> None:
        if pod.deleting_since is not None:
            self._ending.setdefault(pod.uid, at_ms)
        key = (set_name, name)
        if pod.labels.get(WORKER_INDEX) == "0" and self._leaders.get(key) != pod.uid:
            self._leaders[key] = pod.uid
            # One that is ready at first sight has been so for nobody knows how long.
            if not pod.ready:
                self._begun[key] = (pod.uid, at_ms)
            else:
                self._begun.pop(key, None)

    def _durations(self, set_name: SetName) -> Durations:
        return self._found.setdefault(set_name, Durations())


def percentile(values: Sequence[int], percent: int) -> int:
    """The nearest rank: of one value that value. ``values`` must not be empty."""
    ordered = sorted(values)
    rank = -(-percent * len(ordered) // 100)
    return ordered[max(rank, 1) - 1]
