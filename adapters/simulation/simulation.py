"""The simulated cluster put together: store, API, controllers, scheduler, kubelets, one clock and one seed.

This is the composition root of the core and what tests, demos and what-if runs hold in their hands. It starts nothing
by itself: time moves when ``step``, ``advance`` or one of the ``run`` methods is called.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from adapters.simulation import kinds, nodes
from adapters.simulation.admission import Admission, admit_everything
from adapters.simulation.api import Api
from adapters.simulation.clock import EPOCH, Clock, Seconds
from adapters.simulation.garbage import GarbageCollector
from adapters.simulation.kubelets import Kubelets, KubeletSettings
from adapters.simulation.namespaces import Namespaces
from adapters.simulation.node_lifecycle import NodeLifecycle, NodeLifecycleSettings
from adapters.simulation.objects import Object
from adapters.simulation.scheduler import Scheduler
from adapters.simulation.statefulsets import StatefulSets
from adapters.simulation.store import HISTORY_MAX, Store

INITIAL_NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")


@dataclass(frozen=True)
class SimulationSettings:
    """Everything about a simulation but its seed, its nodes and its admission."""

    random_order: bool = False
    """Run what is due at one instant in an order drawn from the seed."""
    controller_latency: Seconds = (0.005, 0.05)
    """From a change to the controllers' reaction, in seconds: their lag, and what batches changes together."""
    scheduler_latency: Seconds = (0.005, 0.05)
    kubelet: KubeletSettings = field(default_factory=KubeletSettings)
    node_lifecycle: NodeLifecycleSettings = field(default_factory=NodeLifecycleSettings)
    epoch: datetime = EPOCH
    """The date of second 0."""
    history_max: int = HISTORY_MAX
    statefulset_max_unavailable: bool = True
    """Feature gate ``MaxUnavailableStatefulSet``. Off: the API server drops the field, and StatefulSets are rolled one
    pod after the other."""


class NotReachedError(AssertionError):
    """A simulation did not get where it should within its limit; the message says how to see it again."""


class Simulation:
    """A cluster in a box. ``api`` reads and writes it, ``kubelets`` and ``node_lifecycle`` make it fail."""

    def __init__(
        self,
        *,
        seed: int = 0,
        nodes: Sequence[Object] | None = None,
        admission: Admission = admit_everything,
        settings: SimulationSettings | None = None,
    ) -> None:
        self.seed = seed
        self.settings = settings or SimulationSettings()

        def rng(purpose: str) -> random.Random:
            # One stream per purpose: a fault injected into the kubelets does not change the scheduler's choices.
            return random.Random(f"{seed}/{purpose}")

        self.clock = Clock(rng("clock"), epoch=self.settings.epoch, random_order=self.settings.random_order)
        self.store = Store(history_max=self.settings.history_max)
        self.api = Api(
            self.store,
            self.clock,
            rng("identities"),
            admission=admission,
            statefulset_max_unavailable=self.settings.statefulset_max_unavailable,
        )
        latency = self.settings.controller_latency
        self.statefulsets = StatefulSets(self.api, latency=latency)
        self.garbage_collector = GarbageCollector(self.api, latency=latency)
        self.namespaces = Namespaces(self.api, latency=latency)
        self.scheduler = Scheduler(self.api, rng("scheduler"), latency=self.settings.scheduler_latency)
        self.kubelets = Kubelets(self.api, rng("kubelets"), settings=self.settings.kubelet)
        self.node_lifecycle = NodeLifecycle(self.api, self.kubelets, settings=self.settings.node_lifecycle)
        for name in INITIAL_NAMESPACES:
            self.api.create(kinds.NAMESPACES, {"metadata": {"name": name}})
        for node in _default_nodes() if nodes is None else nodes:
            self.api.create(kinds.NODES, node)

    def step(self) -> bool:
        """Let the next thing happen. False when nothing is to come until someone acts."""
        return self.clock.step()

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.advance_to(self.clock.now + seconds)

    def settle(self, *, limit_seconds: float = 3600.0) -> None:
        """Run until nothing is to come.

        Raises:
            NotReachedError: there is still something to come at the limit.
        """
        self.run_until(lambda: self.clock.next_at() is None, limit_seconds=limit_seconds)

    def run_until(self, condition: Callable[[], bool], *, limit_seconds: float = 600.0) -> None:
        """Run until a condition holds; it is asked after each step.

        Raises:
            NotReachedError: it does not hold at the limit (virtual seconds from now), or when nothing is to come.
        """
        deadline = self.clock.now + limit_seconds
        while not condition():
            due = self.clock.next_at()
            if due is None or due > deadline:
                what = "nothing is to come" if due is None else f"the limit of {limit_seconds} s is reached"
                raise NotReachedError(
                    f"{what} at {self.clock.now:.3f} s, revision {self.store.revision}, without the condition; "
                    f"reproduce with seed={self.seed}, random_order={self.settings.random_order}"
                )
            self.step()


def _default_nodes() -> list[Object]:
    return nodes.racks(4, nodes_per_rack=4)
