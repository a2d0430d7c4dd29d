"""The table of docs/operations.md is what a controller serves: names, labels, words."""

from pathlib import Path
from typing import Final

from adapters.journal.memory import MemoryJournal
from adapters.journal.port import Stream
from adapters.kubernetes.pace import SystemClock
from adapters.lifecycle_events.metrics import measure
from adapters.lifecycle_events.publisher import LifecyclePublisher
from adapters.observability.metrics import Metrics
from adapters.web.metrics import PageMetrics

PAGE: Final = Path(__file__).parents[3] / "docs" / "operations.md"
OF_THE_RUNTIME: Final = ("process_", "python_")


async def _open() -> Stream:
    raise AssertionError("nothing is published here")


def _table() -> str:
    """Rows in the order in which they are served: our own first, then those with names of other controllers."""
    metrics = Metrics()
    metrics.watch_sets(dict)
    metrics.gang_scheduling(str)
    metrics.journal_life()
    journal = MemoryJournal().journal
    measure(LifecyclePublisher(journal, _open, keep_ms=None, clock=SystemClock()), metrics.registry)
    PageMetrics(metrics.registry)
    labelled = {
        name: collector._labelnames
        for collector, names in metrics.registry._collector_to_names.items()
        for name in names
        if hasattr(collector, "_labelnames")
    }
    rows = []
    for family in metrics.registry.collect():
        if family.name.startswith(OF_THE_RUNTIME):
            continue
        labels = labelled.get(family.name, getattr(family, "_labelnames", ()))
        name = f"{family.name}_total" if family.type == "counter" else family.name
        rows.append(f"| `{name}` | {', '.join(f'`{label}`' for label in labels)} | {family.documentation} |")
    rows.sort(key=lambda row: not row.startswith("| `lws_events"))
    return "\n".join(["| Name | Labels | |", "|---|---|---|", *rows])


def test_the_table_is_complete_and_true() -> None:
    table = _table()
    assert table in PAGE.read_text(), f"put this table into {PAGE.name}:\n{table}"
    assert "`rest_client_requests_total` | `code`, `host`, `method`" in table
    assert "`lws_events_set_groups` | `namespace`, `name`, `state`" in table
