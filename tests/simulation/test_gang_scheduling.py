"""The simulated cluster and gang scheduling: the annotation, PodGroups, and pods that are another's to place."""

from functools import partial

from adapters.simulation import Simulation, kinds, objects
from adapters.simulation.set_admission import set_admission
from lws_events import names
from lws_events.admission import Surroundings
from lws_events.gang import VOLCANO
from tests.simulation.manifests import pod

NS = "default"
LABELS = {names.SET_NAME: "set", names.GROUP_INDEX: "1", names.WORKER_INDEX: "0", names.REVISION_KEY: "key"}


def test_a_pod_of_a_gang_waits_for_its_own_scheduler_and_takes_its_pod_group_along() -> None:
    admission = partial(set_admission, surroundings=Surroundings(gang_provider="volcano"))
    simulation = Simulation(seed=1, admission=admission)
    manifest = pod("set-1", labels=LABELS, schedulerName="volcano")
    manifest["metadata"]["annotations"] = {names.SIZE: "1"}
    created = simulation.api.create(kinds.PODS, manifest, namespace=NS)
    assert created["metadata"]["annotations"][VOLCANO.group_annotation] == "set-1-key"
    owner = {"apiVersion": "v1", "kind": "Pod", "name": "set-1", "uid": objects.uid(created), "controller": True}
    group = {"metadata": {"name": "set-1-key", "ownerReferences": [owner]}, "spec": {"minMember": 1}}
    simulation.api.create(kinds.POD_GROUPS, group, namespace=NS)
    simulation.settle()
    waiting = simulation.api.get(kinds.PODS, "set-1", namespace=NS)
    assert not waiting["spec"].get("nodeName")
    assert objects.condition(waiting, "PodScheduled") is None

    [node, *_] = simulation.api.select(kinds.NODES)
    placed = [{"type": "PodScheduled", "status": "True"}]
    simulation.api.bind(waiting, node=objects.name(node), conditions=placed)
    simulation.settle()
    assert objects.is_true(simulation.api.get(kinds.PODS, "set-1", namespace=NS), "Ready")

    simulation.api.delete(kinds.PODS, "set-1", namespace=NS)
    simulation.settle()
    assert simulation.api.find(kinds.POD_GROUPS, "set-1-key", namespace=NS) is None
