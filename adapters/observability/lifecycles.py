"""How long groups and rollouts take, and how often groups are restarted: from the lifecycle facts of the journal.

The very facts that ``timeline`` shows, with the times of the events that led to them, so that numbers and journal
agree. A controller that was restarted, or takes over, reads the past first (``recalled``): a recreation that began
before ends with its whole duration, and nothing is counted twice.

Labels never name a set or a group: there are as many series with ten sets as with ten thousand.
"""

from collections.abc import Container
from typing import Final, NamedTuple

import msgspec
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.metrics_core import GaugeMetricFamily

from lws_events.decisions import (
    ConditionChanged,
    Decision,
    GroupChanged,
    GroupRecreationStarted,
    LifecycleFact,
    RolloutBlocked,
    RolloutStepped,
)
from lws_events.machine.lifecycle import READY, SCHEDULING, STARTING
from lws_events.machine.state import ABSENT
from lws_events.machine.status import UPDATE_IN_PROGRESS
from lws_events.subjects import SetName

CREATION: Final = "creation"
RECREATION: Final = "recreation"

_FAILURES_MAX: Final = 32
"""Bound of the label ``failure``: reasons of the cluster are words of its own."""
_GROUP_SECONDS: Final = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600)
"""Small images are there in seconds; a group that loads a large model takes half an hour."""
_ROLLOUT_SECONDS: Final = (10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 86400)


class _Since(NamedTuple):
    """What a group is on its way from, and since when."""

    what: str
    at_ms: int


class _SetLife(msgspec.Struct):
    """Of one set: what has begun and not ended."""

    groups: dict[str, _Since] = {}
    rollout_since_ms: int | None = None
    blocked: bool = False


class Lifecycles:
    """Takes in decisions, in the order of the journal."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._sets: dict[SetName, _SetLife] = {}
        self._failures: set[str] = set()
        self._facts = Counter(
            "lws_events_lifecycle_facts", "Lifecycle facts decided, by kind.", ["fact"], registry=registry
        )
        self._recreations = Counter(
            "lws_events_group_recreations",
            "Groups recreated as a whole, by the failure.",
            ["failure"],
            registry=registry,
        )
        self._group_seconds = Histogram(
            "lws_events_group_ready_seconds",
            "Until a group is ready: after `creation` from its leader pod on, after `recreation` from the failure on.",
            ["after"],
            buckets=_GROUP_SECONDS,
            registry=registry,
        )
        self._rollout_seconds = Histogram(
            "lws_events_rollout_seconds",
            "From the beginning of a rollout until every group is updated and ready.",
            buckets=_ROLLOUT_SECONDS,
            registry=registry,
        )
        for what in (CREATION, RECREATION):
            self._group_seconds.labels(what)

    def decided(self, set_name: SetName, decision: Decision, *, at_ms: int) -> None:
        """A decision was made now, about an event of that time."""
        life = self._life(set_name)
        for fact in decision.facts:
            self._facts.labels(type(fact).__name__).inc()
            if isinstance(fact, GroupRecreationStarted):
                self._recreations.labels(self._failure(fact.failure)).inc()
            ended = _taken_in(life, fact, at_ms=at_ms)
            if ended is None:
                continue
            seconds = max(0, at_ms - ended.at_ms) / 1000
            histogram = self._rollout_seconds if ended.what == "" else self._group_seconds.labels(ended.what)
            histogram.observe(seconds)

    def recalled(self, set_name: SetName, decision: Decision, *, at_ms: int) -> None:
        """A decision of the past: it has been counted by whoever made it."""
        life = self._life(set_name)
        for fact in decision.facts:
            _taken_in(life, fact, at_ms=at_ms)

    def forget_but(self, present: Container[SetName]) -> None:
        """Forget the sets that are gone."""
        for name in [name for name in self._sets if name not in present]:
            del self._sets[name]

    def gauges(self) -> list[GaugeMetricFamily]:
        """How it stands at this moment."""
        rolling = [life for life in self._sets.values() if life.rollout_since_ms is not None]
        return [
            GaugeMetricFamily("lws_events_rollouts_in_progress", "Sets in a rollout.", value=len(rolling)),
            GaugeMetricFamily(
                "lws_events_rollouts_blocked",
                "Sets whose rollout waits for groups that are not ready and hold the whole budget.",
                value=sum(life.blocked for life in rolling),
            ),
        ]

    def _life(self, set_name: SetName) -> _SetLife:
        return self._sets.setdefault(set_name, _SetLife())

    def _failure(self, failure: str) -> str:
        if failure in self._failures or len(self._failures) < _FAILURES_MAX:
            self._failures.add(failure)
            return failure
        return "other"


def _taken_in(life: _SetLife, fact: LifecycleFact, *, at_ms: int) -> _Since | None:
    """Note what began; returns what ended, with an empty word for a rollout."""
    match fact:
        case GroupRecreationStarted():
            life.groups[fact.group] = _Since(RECREATION, at_ms)
        case GroupChanged(after=after, group=group):
            if after == READY:
                return life.groups.pop(group, None)
            if after in (SCHEDULING, STARTING):
                life.groups.setdefault(group, _Since(CREATION, at_ms))
            elif after == ABSENT and group in life.groups and life.groups[group].what != RECREATION:
                del life.groups[group]
        case ConditionChanged(condition=condition, status=status) if condition == UPDATE_IN_PROGRESS:
            since, life.rollout_since_ms = life.rollout_since_ms, None
            life.blocked = False
            if status == "True":
                life.rollout_since_ms = at_ms if since is None else since
            elif since is not None:
                return _Since("", since)
        case RolloutBlocked():
            life.blocked = True
        case RolloutStepped():
            life.blocked = False
    return None
