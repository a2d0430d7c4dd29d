"""A simulated Kubernetes cluster: API semantics, controllers, scheduler, kubelets, faults; one seed, virtual time.

The core (everything but ``http*``) is synchronous and deterministic: the same seed and the same calls give the same
history of events. It covers the kinds that LeaderWorkerSet touches and the behaviour that its controllers rely on; the
contract suite in ``tests/contract`` holds it to what a real control plane does. It is no general Kubernetes: there is
no authorization, no custom resource definitions, no volumes, and no network between pods.
"""

from adapters.simulation.admission import Admission, AdmissionRequest
from adapters.simulation.errors import ApiError
from adapters.simulation.nodes import node, racks
from adapters.simulation.simulation import NotReachedError, Simulation, SimulationSettings

__all__ = [
    "Admission",
    "AdmissionRequest",
    "ApiError",
    "NotReachedError",
    "Simulation",
    "SimulationSettings",
    "node",
    "racks",
]
