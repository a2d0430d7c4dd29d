"""A simulated cluster that lives, with the controller in virtual time and a journal of what it saw and decided."""

import random
from typing import Any, Final

from adapters.kubernetes.known import Known
from adapters.simulation import Simulation, SimulationSettings, kinds, racks
from adapters.what_if.controller import Controller
from adapters.what_if.past import Past, past_of
from adapters.what_if.world import World, admission_of
from lws_events import decisions, events, subjects
from lws_events.decisions import Decision
from lws_events.fleet import Fleet
from lws_events.gang import VOLCANO, GangScheduling
from projections.journal import RecordedDecision, RecordedEvent, Step
from projections.replay import Until

SET: Final = subjects.SetName("default", "sample")
IMAGE: Final = "example.test/main:1"
RACK: Final = "example.com/rack"


class LivingCluster:
    """Its times are drawn: no two pods take as long. What happens is recorded from the first moment."""

    def __init__(
        self, seed: int, *, rack_count: int = 6, nodes_per_rack: int = 2, gate: bool = True, gang: bool = False
    ) -> None:
        """``gate``: feature gate ``MaxUnavailableStatefulSet``; ``gang``: pods are placed by a gang scheduler."""
        scheduling = GangScheduling(provider=VOLCANO) if gang else None
        self.chance = random.Random(seed)
        self.steps: list[Step] = []
        self.simulation = Simulation(
            seed=seed,
            nodes=racks(rack_count, nodes_per_rack=nodes_per_rack, key=RACK),
            admission=admission_of(scheduling),
            settings=SimulationSettings(statefulset_max_unavailable=gate),
        )
        controller = Controller(self.simulation, fleet=Fleet(), known=Known(), gang=scheduling)
        self.world = World(self.simulation, controller, gang=scheduling)
        controller.on_step = self.record
        self.world.begin()

    def record(self, sequence: int, subject: str, envelope: events.Envelope, decision: Decision | None) -> None:
        """What a journal would hold, through its bytes."""
        event = RecordedEvent(sequence, subject, events.decode(events.encode(envelope)))
        recorded = None
        if decision is not None:
            recorded = RecordedDecision(sequence, subject, decisions.decode(decisions.encode(decision)))
        self.steps.append(Step(event, recorded))

    def past(self) -> Past:
        """The state that the journal says."""
        return past_of(iter(self.steps), until=Until())

    def create(self, *, annotations: dict[str, str] | None = None, size: int = 2, **spec: Any) -> None:
        """Create the set."""
        self.simulation.api.create(
            kinds.LEADERWORKERSETS, manifest(annotations=annotations, size=size, **spec), namespace=SET.namespace
        )

    def settle(self) -> None:
        """Let everything come to rest."""
        self.simulation.settle(limit_seconds=100_000)


def manifest(
    *, annotations: dict[str, str] | None = None, size: int = 2, image: str = IMAGE, policy: str = "", **spec: Any
) -> dict[str, Any]:
    """A LeaderWorkerSet as a user writes it."""
    template: dict[str, Any] = {
        "size": size,
        "workerTemplate": {"spec": {"containers": [{"name": "main", "image": image}]}},
    }
    if policy:
        template["restartPolicy"] = policy
    return {
        "apiVersion": "leaderworkerset.x-k8s.io/v1",
        "kind": "LeaderWorkerSet",
        "metadata": {"name": SET.name, "namespace": SET.namespace, "annotations": annotations or {}},
        "spec": {"leaderWorkerTemplate": template, **spec},
    }
