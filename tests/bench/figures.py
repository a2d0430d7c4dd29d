"""What the bench reports, as plain data; and the few calculations that the figures need.

Nothing is measured here. A figure that could not be measured is None, never zero: a table with a hole is honest.
"""

import math
from collections.abc import Sequence

import msgspec

MEBIBYTE = 1024 * 1024


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """Where the figures come from. Only ratios within one report mean anything elsewhere."""

    cores: int
    memory_mib: int
    python: str
    system: str
    lws_events: str
    fsync_p50_ms: float
    fsync_p99_ms: float
    """Of 4 KiB in the temporary folder: every append to the journal waits for one."""


class ProcessCost(msgspec.Struct, frozen=True, kw_only=True):
    """CPU of one process between two moments, and the most memory that it ever held."""

    cpu_seconds: float
    rss_peak_mib: float


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """Percentiles in milliseconds over so many samples."""

    samples: int
    p50_ms: float
    p99_ms: float
    max_ms: float


class Creation(msgspec.Struct, frozen=True, kw_only=True):
    """From the POST of the set until it is Available, and what the controller did until it fell silent."""

    available_seconds: float
    floor_seconds: float | None = None
    """The same StatefulSets posted directly, in the same call of the bench."""
    ratio_to_floor: float | None = None
    api_writes: int
    api_writes_per_group: float
    api_writes_by_kind: dict[str, int]
    """``<verb> <resource>[/<subresource>]`` of every write that was counted; Leases are not."""
    startup_cpu_seconds: float
    """What the controller had used before the set was posted."""
    controller: ProcessCost
    nats: ProcessCost | None = None
    """The embedded NATS server, a child of the controller."""


class MassFailure(msgspec.Struct, frozen=True, kw_only=True):
    """One worker of each group force-deleted at once, until nothing changes any more."""

    groups_recreated: int
    """Groups whose leader pod is another one afterwards, and ready."""
    leader_deletions: int
    """Deletions of leader pods that the API server accepted from the controller."""
    recovered_seconds: float | None
    """Until every group had been recreated; None if that never happened."""
    api_writes: int
    seen_to_sent: Latency | None
    """From the first fact in the journal that tells of the worker's deletion to the request that deletes its leader."""
    deleted_to_sent: Latency | None
    """The same from the outside: from the request that deleted the worker."""
    controller: ProcessCost
    nats: ProcessCost | None = None


class RollingUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """A new template for every group, from the change of the set until all is updated and Available."""

    updated_seconds: float
    pods_kept: int
    """Pods that are the same as before: none, if the rollout was one."""
    api_writes: int
    api_writes_by_kind: dict[str, int]
    controller: ProcessCost
    nats: ProcessCost | None = None


class ClusterRun(msgspec.Struct, frozen=True, kw_only=True):
    """One controller with one number of groups on a fresh control plane."""

    controller: str
    groups: int
    size: int
    creation: Creation
    rolling_update: RollingUpdate
    mass_failure: MassFailure


class CostPerEvent(msgspec.Struct, frozen=True, kw_only=True):
    """CPU microseconds that the machine takes for one event of a set of so many groups."""

    groups: int
    created_us: float
    """While the set comes up."""
    recreated_us: float
    """While a few groups of the complete set are recreated."""
    rolled_us: float
    """While a rolling update replaces a few groups, the change of the template itself left out: it looks at all."""


class JournalFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Throughput of the journal, in events per second."""

    source: str
    events: int
    decisions: int
    event_bytes_mean: int
    published_single: float
    """Each awaited before the next."""
    published_batches_of_50: float
    published_batches_of_200: float
    folded_live: float
    """Read from the stream, decided about, decisions written back."""
    decoded_from_file: float
    """Events and decisions read from the file and decoded, and nothing else."""
    replayed_from_file: float
    decoded: float
    """Events and decisions of the same journal decoded from memory, and nothing else."""
    replayed: float
    """The same decoded from memory *and* folded."""
    verified: float
    """The same with every decision made anew and compared."""
    replay_to_decoding: float
    """``replayed`` as a fraction of ``decoded``."""
    verify_to_decoding: float
    """``verified`` as a fraction of ``decoded``."""
    file_replay_to_decoding: float
    """``replayed_from_file`` as a fraction of ``decoded_from_file``."""
    verified_from_file: float
    """Every decision made anew and compared."""
    file_verify_to_decoding: float
    """``verified_from_file`` as a fraction of ``decoded_from_file``."""


class LongJournal(msgspec.Struct, frozen=True, kw_only=True):
    """A long journal read from its file; events per second of CPU, each in a process of its own."""

    sets: int
    """Live and go one after the other."""
    events: int
    decisions: int
    file_bytes: int
    decoded: float
    """Events and decisions read and decoded, and nothing else."""
    replayed: float
    verified: float
    """Every decision made anew and compared."""
    replay_to_decoding: float
    verify_to_decoding: float
    peak_mib: float
    """Of the process that verifies."""
    shorter_peak_mib: float
    """The same for a tenth of the journal."""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """A whole run of the program."""

    command: str
    seconds: float
    peak_mib: float
    shorter_peak_mib: float | None = None
    """The same for a tenth of the journal."""


class QuestionFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Questions to the long journal."""

    sets: int
    events: int
    events_of_set: int
    file_bytes: int
    index_bytes: int
    index_seconds: float
    """To make the index, once."""
    start_seconds: float
    """The program alone, asked nothing."""
    of_one_set: list[Question]
    """In the file, with its index."""
    of_all: list[Question]
    """In the file: each of its events is read."""
    server_events: int
    of_a_server: list[Question]
    """The same of a data directory with so many events; the server is started for each."""


class StartUp(msgspec.Struct, frozen=True, kw_only=True):
    """A start from snapshots, on a journal of so many events."""

    events: int
    seconds: float
    """Until everything in the journal is taken in; of them the last few thousand are folded."""
    peak_bytes: int
    """Of the process, Python and all its modules included."""


class JournalLife(msgspec.Struct, frozen=True, kw_only=True):
    """What the journal's own life costs; snapshots and starts are of a set of so many groups of so many pods."""

    groups: int
    size: int
    bytes_per_recreation: int
    """Bodies of events and decisions, from the loss of a worker until its group of three pods is ready again."""
    is_silent_when_idle: bool
    """A settled set gives no events at all: nothing is under way, and no timer runs."""
    snapshot_bytes_per_group: int
    """Compressed, as it is stored."""
    starts: list[StartUp]


class TakeOver(msgspec.Struct, frozen=True, kw_only=True):
    """From the kill of the leader to the first write of its successor."""

    kills: int
    lease_seconds: float
    median_seconds: float
    max_seconds: float
    max_ratio_to_lease: float


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that one call of the bench measured."""

    machine: Machine
    runs: list[ClusterRun]
    journal: JournalFigures | None
    cost_per_event: list[CostPerEvent] = []
    take_over: TakeOver | None = None
    life: JournalLife | None = None
    questions: QuestionFigures | None = None
    long_journal: LongJournal | None = None


def percentile(values: Sequence[float], fraction: float) -> float:
    """The smallest value that is not less than this fraction (0 to 1) of all values (nearest rank)."""
    assert values, "no values"
    ordered = sorted(values)
    rank = math.ceil(fraction * len(ordered))
    return ordered[max(rank, 1) - 1]


def latency(values_ms: Sequence[float]) -> Latency | None:
    """Percentiles of the samples; None of no samples."""
    if not values_ms:
        return None
    return Latency(
        samples=len(values_ms),
        p50_ms=percentile(values_ms, 0.50),
        p99_ms=percentile(values_ms, 0.99),
        max_ms=max(values_ms),
    )
