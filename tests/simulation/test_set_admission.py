"""Sets and their pods pass the core's admission on their way into the simulated cluster."""

from typing import Any

import pytest

from adapters.simulation import Simulation, kinds
from adapters.simulation.errors import BadRequestError, ForbiddenError
from adapters.simulation.objects import Object
from adapters.simulation.set_admission import set_admission
from lws_events import names
from tests.simulation.manifests import pod

NS = "default"


@pytest.fixture
def simulation() -> Simulation:
    return Simulation(admission=set_admission)


def lws(**spec: Any) -> Object:
    template = {"spec": {"containers": [{"name": "main", "image": "a"}]}}
    merged = {"replicas": 2, "leaderWorkerTemplate": {"size": 2, "workerTemplate": template}, **spec}
    return {"metadata": {"name": "set"}, "spec": merged}


def test_a_set_gets_the_defaults_of_schema_and_webhook(simulation: Simulation) -> None:
    spec = simulation.api.create(kinds.LEADERWORKERSETS, lws(), namespace=NS)["spec"]
    assert spec["startupPolicy"] == "LeaderCreated"
    assert spec["networkConfig"] == {"subdomainPolicy": "Shared"}
    assert spec["rolloutStrategy"]["rollingUpdateConfiguration"] == {"maxUnavailable": 1, "maxSurge": 0, "partition": 0}


def test_a_set_that_breaks_a_rule_is_denied_and_not_stored(simulation: Simulation) -> None:
    template = lws()["spec"]["leaderWorkerTemplate"]
    with pytest.raises(ForbiddenError, match="size must be equal or greater than 1"):
        simulation.api.create(kinds.LEADERWORKERSETS, lws(leaderWorkerTemplate={**template, "size": 0}), namespace=NS)
    assert simulation.api.find(kinds.LEADERWORKERSETS, "set", namespace=NS) is None


def test_an_update_is_judged_against_what_is_stored(simulation: Simulation) -> None:
    simulation.api.create(kinds.LEADERWORKERSETS, lws(), namespace=NS)
    change = {"spec": {"leaderWorkerTemplate": {"subGroupPolicy": {"subGroupSize": 1}}}}
    with pytest.raises(ForbiddenError, match="cannot enable subGroupSize after the lws is already created"):
        simulation.api.patch(kinds.LEADERWORKERSETS, "set", change, type_="merge", namespace=NS)


def test_a_scale_passes_the_webhooks_by(simulation: Simulation) -> None:
    simulation.api.create(kinds.LEADERWORKERSETS, lws(), namespace=NS)
    scaled = simulation.api.scale(kinds.LEADERWORKERSETS, "set", replicas=7, namespace=NS)
    assert (scaled["spec"]["replicas"], scaled["metadata"]["generation"]) == (7, 2)


def test_pods_of_sets_are_mutated_and_others_left_alone(simulation: Simulation) -> None:
    leader = pod("set-0", labels={names.SET_NAME: "set", names.WORKER_INDEX: "0"})
    leader["metadata"]["annotations"] = {names.SIZE: "2"}
    created = simulation.api.create(kinds.PODS, leader, namespace=NS)
    assert created["metadata"]["labels"][names.GROUP_INDEX] == "0"
    assert created["spec"]["containers"][0]["env"][0]["name"] == "LWS_LEADER_ADDRESS"
    plain = simulation.api.create(kinds.PODS, pod("plain"), namespace=NS)
    assert "env" not in plain["spec"]["containers"][0]


def test_a_pod_that_lacks_its_size_is_denied(simulation: Simulation) -> None:
    labels = {names.SET_NAME: "set", names.WORKER_INDEX: "0"}
    with pytest.raises((ForbiddenError, BadRequestError), match="size annotation is unexpectedly missing"):
        simulation.api.create(kinds.PODS, pod("set-0", labels=labels), namespace=NS)
