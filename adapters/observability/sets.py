"""Each set by name: how many groups it wants, has ready and has updated, as of the moment of the question.

The only series that name sets. There are three for each set, never one for each group, and not for more than
``SETS_MAX`` sets, the first by name; ``lws_events_sets_without_series`` says how many that leaves out. They come from
the leader alone, and end with the set.
"""

import heapq
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from adapters.observability.lifecycles import Lifecycles
from lws_events.machine.state import Aggregate
from lws_events.subjects import SetName

SETS_MAX: Final = 500
"""1,500 series: what a scrape of one target may bear."""

Sets = Callable[[], Mapping[SetName, Aggregate] | None]
"""What is known of all sets; None where it is not this process's business."""


class SetCollector:
    """Asked by the registry at each scrape."""

    def __init__(self, sets: Sets, lifecycles: Lifecycles) -> None:
        self._sets = sets
        self._lifecycles = lifecycles

    def collect(self) -> Iterable[Metric]:
        """One family after the other; none where there is nothing to tell."""
        aggregates = self._sets()
        if aggregates is None:
            return
        self._lifecycles.forget_but(aggregates)
        yield from self._lifecycles.gauges()
        present = {name: state for name, state in aggregates.items() if state.spec is not None}
        shown = heapq.nsmallest(SETS_MAX, present)
        yield GaugeMetricFamily("lws_events_sets", "Sets in the cluster.", value=len(present))
        yield GaugeMetricFamily(
            "lws_events_sets_without_series",
            f"Sets beyond the first {SETS_MAX} by name, which have no `lws_events_set_groups`.",
            value=len(present) - len(shown),
        )
        groups = GaugeMetricFamily(
            "lws_events_set_groups",
            "Groups of a set that are `wanted`, `ready`, `updated`.",
            labels=("namespace", "name", "state"),
        )
        for name in shown:
            state = present[name]
            assert state.spec is not None
            for word, count in (
                ("wanted", state.spec.replicas),
                ("ready", state.totals.ready),
                ("updated", state.totals.updated),
            ):
                groups.add_metric((name.namespace, name.name, word), count)
        yield groups
