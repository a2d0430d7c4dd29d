"""The cluster in which a question is answered: simulation and controller, made from a past or from a listing.

Times are estimates that hold for every pod alike: each group takes what groups of the set took, each pod ends in what
its pods took. So one answer has no chance in it; how the tail differs is told by a second run with other estimates.
"""

import copy
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

import msgspec

from adapters.kubernetes.known import Change, Known
from adapters.simulation import Simulation, SimulationSettings, kinds, objects
from adapters.simulation.admission import Admission, AdmissionRequest
from adapters.simulation.kubelets import KubeletSettings
from adapters.simulation.objects import Object
from adapters.simulation.set_admission import set_admission
from adapters.what_if import inventory
from adapters.what_if.controller import Controller
from adapters.what_if.past import Past
from adapters.what_if.pods import PodMaker, image_waited_for
from adapters.what_if.rebuilding import Rebuilder
from lws_events import events, names, subjects
from lws_events.admission import Surroundings
from lws_events.fleet import Fleet
from lws_events.gang import VOLCANO, GangScheduling

_LATENCY: Final = (0.02, 0.02)
"""Of the cluster's own controllers: the same for all, so that the order of things is that of their causes."""
_HISTORY_MAX: Final = 16
"""Nobody lists again."""
_SEED: Final = int.from_bytes(b"what-if")
"""Not one that a simulation, whose journal this may be, is likely to have drawn its uids from."""


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How long things take, in seconds."""

    pod_ready_seconds: float
    """From a pod's placement until it is ready."""
    pod_end_seconds: float
    """From the deletion of a pod until it is gone, at most its grace period."""


class World:
    """A cluster at the moment of the question. ``differences`` is what the controller found to be other than known."""

    def __init__(self, simulation: Simulation, controller: Controller, *, gang: GangScheduling | None) -> None:
        self.simulation = simulation
        self.controller = controller
        self.gang = gang
        self.differences: list[Change] = []

    def begin(self) -> None:
        """Let the controller look around."""
        self.differences = self.controller.start()


def gang_of(past: Past) -> GangScheduling | None:
    """Gang scheduling, if any pod takes part in it."""
    pods = (entry.view for _, entry in past.known.live(subjects.POD))
    taken = any(isinstance(view, events.PodObserved) and view.gang_group for view in pods)
    return GangScheduling(provider=VOLCANO) if taken else None


def rebuilt(past: Past, *, nodes: Iterable[Object], pace: Pace) -> World:
    """The cluster of a past. The past stays as it is."""
    gang = gang_of(past)
    admission = admission_of(gang)
    simulation = _simulation(
        _epoch(past.at_ms),
        pace=pace,
        admission=admission,
        version=past.version,
        max_unavailable=not _has_dropped_max_unavailable(past),
    )
    wanted = past.names()
    known, fleet = _restricted(past, wanted)
    needed = {
        entry.view.node
        for _, entry in known.live(subjects.POD)
        if isinstance(entry.view, events.PodObserved) and entry.view.node
    }
    for node in inventory.completed_by(nodes, past.nodes, needed=needed):
        simulation.api.create(kinds.NODES, node)
    _make_namespaces(simulation, {name.namespace for name in wanted})
    maker = PodMaker(admission, now=simulation.clock.timestamp())
    rebuilder = Rebuilder(simulation, known, pods=maker)
    for name in wanted:
        rebuilder.rebuild(fleet.aggregates[name])
    _go_on(simulation, starting=past.unready_since_start, pace=pace)
    return World(simulation, Controller(simulation, fleet=fleet, known=known, gang=gang), gang=gang)


def adopted(
    found: Mapping[kinds.Kind, Iterable[Object]],
    *,
    at_ms: int,
    pace: Pace,
    gang: GangScheduling | None,
) -> World:
    """The cluster that an API server listed, taken over by a controller without memory."""
    version = max((_version(one) for listed in found.values() for one in listed), default=0)
    rolled = [
        (objects.spec(one).get("updateStrategy") or {}).get("rollingUpdate")
        for one in found.get(kinds.STATEFULSETS, ())
    ]
    simulation = _simulation(
        _epoch(at_ms),
        pace=pace,
        admission=admission_of(gang),
        version=version,
        max_unavailable=all("maxUnavailable" in rolling for rolling in rolled if rolling is not None),
    )
    _make_namespaces(simulation, {objects.namespace(one) for listed in found.values() for one in listed} - {""})
    for kind, listed in found.items():
        for one in listed:
            simulation.store.put(kind, {"apiVersion": kind.api_version, "kind": kind.kind, **one})
    starting = {
        objects.uid(pod)
        for pod in simulation.api.select(kinds.PODS)
        if not any(entry.get("restartCount") for entry in objects.status(pod).get("containerStatuses") or [])
    }
    _go_on(simulation, starting=starting, pace=pace)
    controller = Controller(simulation, fleet=Fleet(), known=Known(), gang=gang)
    return World(simulation, controller, gang=gang)


def _restricted(past: Past, wanted: Iterable[object]) -> tuple[Known, Fleet]:
    """Copies of what is known, of the sets that are there: of others there is nothing to be rebuilt."""
    there = set(wanted)
    known = Known()
    for kind in _RECALLED:
        for key, entry in past.known.live(kind):
            if key.set_name in there and entry.view is not None:
                known.recall(key, entry.view)
    fleet = Fleet()
    fleet.epoch, fleet.sequence = past.fleet.epoch, past.fleet.sequence
    fleet.aggregates = {name: copy.deepcopy(state) for name, state in past.fleet.aggregates.items() if name in there}
    return known, fleet


_RECALLED: Final = (
    subjects.REVISION,
    subjects.STATEFULSET,
    subjects.SERVICE,
    subjects.POD,
    subjects.POD_GROUP,
    subjects.SET,
    subjects.SET_STATUS,
)


def _has_dropped_max_unavailable(past: Past) -> bool:
    """Whether the API server keeps no ``maxUnavailable`` of StatefulSets, as those of leaders show."""
    views = [entry.view for _, entry in past.known.live(subjects.STATEFULSET)]
    return any(
        isinstance(view, events.StatefulSetObserved)
        and (view.owner is None or view.owner.kind == names.KIND)
        and view.partition is not None
        and view.max_unavailable is None
        for view in views
    )


def _simulation(
    epoch: datetime, *, pace: Pace, admission: Admission, version: int, max_unavailable: bool
) -> Simulation:
    ready, end = pace.pod_ready_seconds, pace.pod_end_seconds
    simulation = Simulation(
        seed=_SEED,
        nodes=(),
        admission=admission,
        settings=SimulationSettings(
            controller_latency=_LATENCY,
            scheduler_latency=_LATENCY,
            kubelet=KubeletSettings(start=(ready, ready), stop=(end, end)),
            epoch=epoch,
            history_max=_HISTORY_MAX,
            statefulset_max_unavailable=max_unavailable,
        ),
    )
    simulation.store.revision = max(simulation.store.revision, version)
    return simulation


def _epoch(at_ms: int) -> datetime:
    """The whole second after a time: Kubernetes writes no fractions, and what was before must stay before."""
    moment = datetime.fromtimestamp(at_ms / 1000, tz=UTC)
    return moment if moment.microsecond == 0 else moment.replace(microsecond=0) + timedelta(seconds=1)


def admission_of(gang: GangScheduling | None) -> Admission:
    """Admission of sets and their pods, all of which one scheduler places."""
    surroundings = Surroundings(gang_provider=gang.provider.name if gang is not None else None)

    def admit(request: AdmissionRequest, /) -> Object:
        answered = set_admission(request, surroundings=surroundings)
        spec = objects.spec(answered)
        if request.kind is kinds.PODS and request.operation == "CREATE" and spec.get("schedulerName"):
            # Only one scheduler is simulated: it places everything by the rules that all of them keep.
            answered = {**answered, "spec": {key: value for key, value in spec.items() if key != "schedulerName"}}
        return answered

    return admit


def _make_namespaces(simulation: Simulation, namespaces: Iterable[str]) -> None:
    for namespace in sorted(namespaces):
        if simulation.api.find(kinds.NAMESPACES, namespace) is None:
            simulation.api.create(kinds.NAMESPACES, {"metadata": {"name": namespace}})


def _go_on(simulation: Simulation, *, starting: set[str], pace: Pace) -> None:
    """Pods that were starting become ready; those that ran and are not ready stay so, for nobody knows better."""
    for pod in simulation.api.select(kinds.PODS):
        image = image_waited_for(pod)
        if image:
            simulation.kubelets.make_image_unavailable(image)
        runs = objects.phase(pod) == "Running" and not objects.is_true(pod, "Ready")
        if runs and objects.uid(pod) in starting and not objects.terminating(pod):
            due = simulation.clock.now + pace.pod_ready_seconds
            simulation.clock.at(due, partial(_become_ready, simulation, pod))


def _become_ready(simulation: Simulation, pod: Object) -> None:
    present = simulation.api.find(kinds.PODS, objects.name(pod), namespace=objects.namespace(pod))
    if present is None or objects.uid(present) != objects.uid(pod) or objects.terminating(present):
        return
    simulation.kubelets.set_ready(objects.name(pod), ready=True, namespace=objects.namespace(pod))


def _version(obj: Object) -> int:
    text = str(obj["metadata"].get("resourceVersion", ""))
    return int(text) if text.isdecimal() else 0
