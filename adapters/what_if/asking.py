"""From a request to an answer with its assumptions: which state, which times, one run for the median, one for the tail.

The only place that knows both where a state comes from and what is asked of it.
"""

from collections.abc import Callable, Sequence
from typing import Final, Protocol

import msgspec

from adapters.simulation import kinds, objects
from adapters.simulation.objects import Object
from adapters.what_if import questions
from adapters.what_if.answering import Answer, answer, pace_for
from adapters.what_if.forecast import SetForecast
from adapters.what_if.listing import Listing
from adapters.what_if.past import Past
from adapters.what_if.questions import NoSuchSetError, QuestionError, Verdict
from adapters.what_if.world import Pace, World, adopted, rebuilt
from lws_events.gang import VOLCANO, GangScheduling
from lws_events.machine.spec import LEADER_READY
from lws_events.subjects import SetName
from projections.durations import P50, P99, Durations, percentile
from projections.explain import timestamp

READY_SECONDS: Final = 60.0
END_SECONDS: Final = 10.0
"""What is assumed where nothing is recorded and nothing given."""


_DEFAULT_NAMESPACE: Final = "default"


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked. Nothing at all: what is still to come."""

    set_name: str | None = None
    namespace: str | None = None
    context_namespace: str | None = None
    """Of the kubeconfig's context, for what names no namespace. None: a journal, which is of no kubeconfig."""
    manifest: Object | None = None
    drain: tuple[str, ...] = ()
    lose_nodes: tuple[str, ...] = ()
    lose_labels: tuple[str, ...] = ()
    removed_after_seconds: float | None = None


class Times(msgspec.Struct, frozen=True, kw_only=True):
    """Times that a person gives; None: as recorded."""

    ready_seconds: float | None = None
    end_seconds: float | None = None


class Assumed(msgspec.Struct, frozen=True, kw_only=True):
    """A time that an answer rests on, and where it is from."""

    seconds: float
    p99_seconds: float | None
    """Of the recorded ones; None without."""
    samples: int
    origin: str
    """``recorded``, ``given`` or ``default``."""


class State(Protocol):
    """Where a question begins."""

    @property
    def described(self) -> str:
        """In words, for example ``the journal at #97, 2026-01-01T00:00:00.000Z``."""

    @property
    def names(self) -> list[SetName]:
        """The sets that are there."""

    @property
    def groups(self) -> int:
        """How many groups all sets are to have."""

    @property
    def nodes_origin(self) -> str:
        """Where the nodes are from, in words."""

    def durations(self, names: Sequence[SetName]) -> Durations:
        """What is recorded of some sets together."""

    def leader_first(self, names: Sequence[SetName]) -> bool:
        """Whether workers wait for a ready leader in any of these sets."""

    def world(self, pace: Pace) -> World:
        """The state as a cluster, new each time."""


class OfJournal:
    """A state of a journal; ``nodes`` are those of a file, if one was given."""

    def __init__(self, past: Past, *, nodes: Sequence[Object]) -> None:
        self._past = past
        self._nodes = nodes
        self.described = f"the journal at #{past.sequence}, {timestamp(past.at_ms)}"
        self.names = past.names()
        specs = (past.fleet.aggregates[name].spec for name in self.names)
        self.groups = sum(spec.replicas for spec in specs if spec is not None)
        self.nodes_origin = "given" if nodes else "those that pods were on"

    def durations(self, names: Sequence[SetName]) -> Durations:
        found = [self._past.durations.of(name) for name in names]
        return Durations(
            ready_ms=[one for each in found for one in each.ready_ms], end_ms=[o for each in found for o in each.end_ms]
        )

    def leader_first(self, names: Sequence[SetName]) -> bool:
        specs = [self._past.fleet.aggregates[name].spec for name in names if name in self._past.fleet.aggregates]
        return any(spec is not None and spec.startup_policy == LEADER_READY for spec in specs)

    def world(self, pace: Pace) -> World:
        return rebuilt(self._past, nodes=self._nodes, pace=pace)


class OfCluster:
    """A cluster as it was listed."""

    def __init__(self, found: Listing, *, at_ms: int, nodes: Sequence[Object]) -> None:
        self._found = found if not nodes else {**found, kinds.NODES: list(nodes)}
        self._at_ms = at_ms
        self.described = f"the cluster at {timestamp(at_ms)}"
        sets = found[kinds.LEADERWORKERSETS]
        self.names = sorted(SetName(objects.namespace(one), objects.name(one)) for one in sets)
        self.groups = sum(objects.spec(one).get("replicas", 1) for one in sets)
        self.nodes_origin = "given" if nodes else "those of the cluster"

    def durations(self, names: Sequence[SetName]) -> Durations:  # noqa: ARG002 (a cluster keeps no record)
        return Durations()

    def leader_first(self, names: Sequence[SetName]) -> bool:
        return any(
            objects.spec(one).get("startupPolicy") == LEADER_READY
            for one in self._found[kinds.LEADERWORKERSETS]
            if SetName(objects.namespace(one), objects.name(one)) in names
        )

    def world(self, pace: Pace) -> World:
        gang = GangScheduling(provider=VOLCANO) if self._found[kinds.POD_GROUPS] else None
        return adopted(self._found, at_ms=self._at_ms, pace=pace, gang=gang)


class SetTold(msgspec.Struct, frozen=True, kw_only=True):
    """The forecast of a set, and how long it takes with the times of the slowest."""

    forecast: SetForecast
    duration_p99_seconds: float | None


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """An answer and what it rests on."""

    question: str
    state: str
    nodes: int
    nodes_origin: str
    time_to_ready: Assumed
    time_to_stop: Assumed
    finishes: bool
    verdict: Verdict | None
    sets: tuple[SetTold, ...]


def ask_twice(
    state: State, request: Request, *, times: Times, on_progress: Callable[[int], None] = lambda _: None
) -> Told:
    """Answer with median times; where more is recorded, once more with those of the slowest, for the duration.

    Raises ``QuestionError`` where what is asked about is not there.
    """
    asked = sets_of(state, request)
    of_sets = asked or state.names
    recorded = state.durations(of_sets)
    ready = _assumed(recorded.ready_ms, times.ready_seconds, default=READY_SECONDS)
    end = _assumed(recorded.end_ms, times.end_seconds, default=END_SECONDS)
    leader_first = state.leader_first(of_sets) or _is_leader_first(request)

    def run(ready_seconds: float, end_seconds: float) -> Answer:
        pace = pace_for(ready_seconds=ready_seconds, end_seconds=end_seconds, leader_first=leader_first)
        return answer(
            state.world(pace), lambda world: _ask(world, request, asked), of_sets=asked, on_progress=on_progress
        )

    median = run(ready.seconds, end.seconds)
    slow: dict[str, float] = {}
    if median.sets and (ready.p99_seconds or end.p99_seconds):
        tail = run(ready.p99_seconds or ready.seconds, end.p99_seconds or end.seconds)
        slow = {one.set_name: one.summary.duration_seconds for one in tail.sets}
    return Told(
        question=_question(request),
        state=state.described,
        nodes=median.nodes,
        nodes_origin=state.nodes_origin,
        time_to_ready=ready,
        time_to_stop=end,
        finishes=median.finishes,
        verdict=median.verdict,
        sets=tuple(
            SetTold(forecast=one, duration_p99_seconds=slow.get(one.set_name) if one.finishes else None)
            for one in median.sets
        ),
    )


def _ask(world: World, request: Request, asked: Sequence[SetName]) -> Verdict | None:
    verdict = None
    if request.manifest is not None:
        verdict = questions.apply_manifest(world, request.manifest, asked[0])
    for node in request.drain:
        questions.drain(world, node)
    lost = [*request.lose_nodes]
    for label in request.lose_labels:
        lost += [node for node in questions.nodes_with(world.simulation, label) if node not in lost]
    if lost:
        questions.lose(world, lost, removed_after_seconds=request.removed_after_seconds)
    return verdict


def sets_of(state: State, request: Request) -> list[SetName]:
    """The set that is asked about, if one is. Raises ``QuestionError``."""
    named = _named(state, request) if request.set_name is not None else None
    if request.manifest is None:
        return [] if named is None else [named]
    of_manifest = _set_of_manifest(state, request, request.manifest)
    if named is not None and named != of_manifest:
        raise QuestionError(f"the manifest is of {of_manifest}, and {named} is asked about")
    return [of_manifest]


def _set_of_manifest(state: State, request: Request, manifest: Object) -> SetName:
    """As ``deploy`` would address it; of a journal the only set of that name, where none is named."""
    metadata, namespace = manifest["metadata"], request.namespace
    own, name = metadata.get("namespace"), metadata["name"]
    if own and namespace not in (None, own):
        raise QuestionError(f"the manifest is of namespace {own}, not {namespace} as --namespace says")
    if chosen := own or namespace or request.context_namespace:
        return SetName(chosen, name)
    found = [one for one in state.names if one.name == name]
    return found[0] if len(found) == 1 else SetName(_DEFAULT_NAMESPACE, name)


def _named(state: State, request: Request) -> SetName:
    text = request.set_name or ""
    before, _, name = text.rpartition("/")
    namespace = before or request.namespace
    found = [one for one in state.names if one.name == name and namespace in (None, "", one.namespace)]
    if len(found) > 1:
        found = [one for one in found if one.namespace == request.context_namespace] or found
    if len(found) == 1:
        return found[0]
    if not found and request.manifest is not None:
        return SetName(namespace or request.context_namespace or _DEFAULT_NAMESPACE, name)
    there = ", ".join(map(str, state.names)) or "none"
    what = "is in more than one namespace" if found else "is not there"
    raise NoSuchSetError(f"LeaderWorkerSet {text} {what}; sets in {state.described}: {there}")


def _is_leader_first(request: Request) -> bool:
    return request.manifest is not None and request.manifest["spec"].get("startupPolicy") == LEADER_READY


def _assumed(recorded_ms: Sequence[int], given: float | None, *, default: float) -> Assumed:
    if given is not None:
        return Assumed(seconds=given, p99_seconds=None, samples=0, origin="given")
    if not recorded_ms:
        return Assumed(seconds=default, p99_seconds=None, samples=0, origin="default")
    return Assumed(
        seconds=percentile(recorded_ms, P50) / 1000,
        p99_seconds=percentile(recorded_ms, P99) / 1000,
        samples=len(recorded_ms),
        origin="recorded",
    )


def _question(request: Request) -> str:
    parts = []
    if request.manifest is not None:
        parts.append("the manifest is applied")
    parts += [f"node {node} is drained" for node in request.drain]
    parts += [f"node {node} is lost" for node in request.lose_nodes]
    parts += [f"all nodes with {label} are lost" for label in request.lose_labels]
    return ", ".join(parts) or "nothing is changed"
