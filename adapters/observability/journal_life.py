"""Metrics of the journal's own life: snapshots, purges, limits, seals. Of the leader alone.

Ages are not told, but times: what is asking knows what time it is.
"""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge

_MS: Final = 1000


class JournalLife:
    """``adapters.controller.neighbours.JournalLifeMetrics`` for Prometheus."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, text: str, labels: tuple[str, ...] = ()) -> Gauge:
            return Gauge(f"lws_events_{name}", text, labels, registry=registry)

        self._snapshot_sequence = gauge("snapshot_sequence", "The last event that the newest snapshots have taken in.")
        self._snapshot_at = gauge("snapshot_timestamp_seconds", "When they were taken.")
        self._snapshot_seconds = gauge("snapshot_duration_seconds", "How long taking them took.")
        self._snapshot_sets = gauge("snapshot_sets", "Of how many sets there is a snapshot.")
        self._purged_events = Counter(
            "lws_events_journal_purged_events", "Events that were over the limits, and went.", registry=registry
        )
        self._not_purged = Counter(
            "lws_events_journal_purges_failed",
            "How often nothing went, because archiving or putting aside failed.",
            registry=registry,
        )
        self._purged_at = gauge("journal_purge_timestamp_seconds", "When the beginning of the journal went last.")
        self._first = gauge("journal_first_sequence", "The first message that is there.", ("stream",))
        self._last = gauge("journal_last_sequence", "The last message.", ("stream",))
        self._bytes = gauge("journal_bytes", "What a stream holds.", ("stream",))
        self._bytes_max = gauge("journal_bytes_max", "What it may hold; it refuses when full.", ("stream",))
        self._kept = gauge("journal_keep_used_ratio", "What is there, as a share of what is kept at least.", ("limit",))
        self._keep = gauge(
            "journal_keep", "What is kept at least: `age_seconds`, `events`, `bytes`; no limit, no series.", ("limit",)
        )
        self._sealed = gauge("journal_sealed_sequence", "The last event that is sealed.")
        self._sealed_at = gauge("journal_seal_timestamp_seconds", "When the last seal was written.")
        self._broken = gauge(
            "journal_seal_broken", "1 where the journal was not as it had been sealed when this leader began."
        )

    def swept(self, *, sequence: int, sets: int, seconds: float, at_ms: int) -> None:
        """Snapshots were taken."""
        self._snapshot_sequence.set(sequence)
        self._snapshot_sets.set(sets)
        self._snapshot_seconds.set(seconds)
        self._snapshot_at.set(at_ms / _MS)

    def purged(self, *, events: int, at_ms: int) -> None:
        """So many events went."""
        self._purged_events.inc(events)
        self._purged_at.set(at_ms / _MS)

    def not_purged(self) -> None:
        """Events are over the limits and stay."""
        self._not_purged.inc()

    def holds(self, stream: str, *, first: int, last: int, size_bytes: int, size_bytes_max: int) -> None:
        """What ``events``, ``decisions``, ``snapshots`` or ``audit`` holds; a limit below 0 is none."""
        self._first.labels(stream).set(first)
        self._last.labels(stream).set(last)
        self._bytes.labels(stream).set(size_bytes)
        if size_bytes_max >= 0:
            self._bytes_max.labels(stream).set(size_bytes_max)

    def kept(self, limit: str, *, at_least: float, used: float) -> None:
        """How much is kept at least, and how much is there."""
        self._keep.labels(limit).set(at_least)
        self._kept.labels(limit).set(used / at_least if at_least else 0)

    def sealed(self, *, sequence: int, at_ms: int) -> None:
        """The events are sealed so far."""
        self._sealed.set(sequence)
        self._sealed_at.set(at_ms / _MS)

    def seal_found(self, *, broken: bool) -> None:
        """Whether the last seal was found to be another journal's."""
        self._broken.set(1 if broken else 0)
