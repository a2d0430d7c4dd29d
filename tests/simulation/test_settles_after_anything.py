"""Whatever is done to a set of groups, and in whatever order the cluster reacts: it settles in the state asked for."""

from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.simulation import ApiError, Simulation, SimulationSettings, kinds, objects, racks
from adapters.simulation.kubelets import KubeletSettings
from tests.simulation.manifests import statefulset

NS = "default"

pods = st.sampled_from(["s-0", "s-1", "s-2", "s-3"])
actions = st.one_of(
    st.tuples(st.just("delete"), pods),
    st.tuples(st.just("force"), pods),
    st.tuples(st.just("foreground"), pods),
    st.tuples(st.just("restart"), pods),
    st.tuples(st.just("evict"), pods),
    st.tuples(st.just("scale"), st.integers(0, 4)),
    st.tuples(st.just("image"), st.sampled_from(["a", "b", "c"])),
    st.tuples(st.just("wait"), st.floats(0.0, 2.0)),
)


def act(simulation: Simulation, action: str, argument: object) -> None:
    api, name = simulation.api, str(argument)
    match action:
        case "delete":
            api.delete(kinds.PODS, name, namespace=NS)
        case "force":
            api.delete(kinds.PODS, name, namespace=NS, grace_seconds=0)
        case "foreground":
            api.delete(kinds.PODS, name, namespace=NS, propagation="Foreground")
        case "restart":
            simulation.kubelets.restart_container(name, namespace=NS)
        case "evict":
            simulation.kubelets.evict(name, namespace=NS)
        case "scale":
            api.patch(kinds.STATEFULSETS, "s", {"spec": {"replicas": argument}}, type_="merge", namespace=NS)
        case "image":
            template = {"spec": {"containers": [{"name": "main", "image": name}]}}
            api.patch(kinds.STATEFULSETS, "s", {"spec": {"template": template}}, type_="merge", namespace=NS)
        case _:
            assert isinstance(argument, float)
            simulation.advance(argument)


@given(seed=st.integers(0, 2**16), script=st.lists(actions, max_size=12), ordered=st.booleans())
@settings(max_examples=60, deadline=None)
def test_a_set_settles_after_anything(seed: int, script: list[tuple[str, object]], *, ordered: bool) -> None:
    simulation = Simulation(
        seed=seed,
        nodes=racks(2, nodes_per_rack=2),
        settings=SimulationSettings(random_order=True, kubelet=KubeletSettings(ready=(0.0, 0.5))),
    )
    policy = "OrderedReady" if ordered else "Parallel"
    simulation.api.create(kinds.STATEFULSETS, statefulset("s", replicas=3, policy=policy), namespace=NS)
    for action, argument in script:
        try:
            act(simulation, action, argument)
        except ApiError:
            assert action in {"delete", "force", "foreground", "restart", "evict"}, "only a pod may be missing"
        simulation.advance(0.3)
    simulation.settle()
    wanted = simulation.api.get(kinds.STATEFULSETS, "s", namespace=NS)
    replicas = wanted["spec"]["replicas"]
    found = simulation.api.select(kinds.PODS, namespace=NS)
    assert [objects.name(obj) for obj in found] == [f"s-{index}" for index in range(replicas)]
    assert all(objects.is_true(obj, "Ready") and not objects.terminating(obj) for obj in found)
    image = wanted["spec"]["template"]["spec"]["containers"][0]["image"]
    assert {obj["spec"]["containers"][0]["image"] for obj in found} <= {image}
    status = wanted["status"]
    assert status["observedGeneration"] == wanted["metadata"]["generation"]
    assert status["currentRevision"] == status["updateRevision"]
    assert [status.get(key, 0) for key in ("replicas", "readyReplicas", "updatedReplicas")] == [replicas] * 3
