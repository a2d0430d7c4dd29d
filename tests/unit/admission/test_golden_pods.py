"""Pod mutation against what the reference answered (spec section 3)."""

import json
from typing import Any

import pytest

from lws_events import names
from lws_events.admission import Surroundings, respond
from lws_events.admission.review import MUTATE_POD
from tests.golden_vectors import DIRECTORY, load
from tests.unit.admission.objects import patched, review, without_empty

VECTORS = load("pod_admission")

DEVIATIONS = {
    "D22": {"leader exclusive topology empty value", "P072 subgroup exclusive: empty topology key"},
    "D43": {
        "worker subgroup size 0",
        "P248 tpu: subgroup size 0 with TPU, leader",
        "P266 server: worker subgroup size 0",
    },
    "D47": {
        "tpu leader LeaderExcluded",
        "P187 tpu: subgroup LeaderExcluded size 5 g 2 leader",
        "P235 tpu: subgroup LeaderExcluded size 5 g 4 leader",
    },
}


def deviation(vector: dict[str, Any]) -> str | None:
    """Which entry of the defects makes us answer differently: recognised by the request, so that other vectors work."""
    metadata = vector["request"]["metadata"]
    asked, known = metadata.get("annotations") or {}, metadata.get("labels") or {}
    if "" in (asked.get(names.EXCLUSIVE_TOPOLOGY), asked.get(names.SUBGROUP_EXCLUSIVE_TOPOLOGY)):
        return "D22"
    denial = (vector.get("denial") or {}).get("message", "")
    if "divide by zero" in denial:
        return "D43"
    excluded = asked.get(names.SUBGROUP_POLICY_TYPE) == "LeaderExcluded" and known.get(names.WORKER_INDEX) == "0"
    return "D47" if excluded and denial else None


def answer(vector: dict[str, Any]) -> dict[str, Any]:
    surroundings = Surroundings(gang_provider=vector.get("provider"))
    request = review("CREATE", vector["request"], namespace="")
    return respond(MUTATE_POD, request, surroundings=surroundings).review


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_a_pod_is_mutated_as_the_reference_does(vector: dict[str, Any]) -> None:
    reviewed = answer(vector)
    response = reviewed["response"]
    match deviation(vector):
        case "D22":  # an empty value counts as none: no term may carry it
            assert response["allowed"]
            pod = patched(vector["request"], reviewed)
            assert '"topologyKey": ""' not in str(pod).replace("'", '"')
            assert pod["metadata"]["labels"] == vector["expected"]["metadata"]["labels"]
        case "D43":
            assert not response["allowed"]
            assert response["status"]["code"] == 403
            assert "must be at least 1, not 0" in response["status"]["message"]
        case "D47":
            assert response["allowed"]
            pod = patched(vector["request"], reviewed)
            environment = [variable["name"] for container in pod["spec"]["containers"] for variable in container["env"]]
            assert "LWS_LEADER_ADDRESS" in environment
            assert not [name for name in environment if name.startswith("TPU_")]
        case None if vector["allowed"]:
            assert response["allowed"], response
            assert without_empty(patched(vector["request"], reviewed)) == without_empty(vector["expected"])
        case None:
            assert not response["allowed"]
            assert response["status"]["code"] == 403
            if not vector["denial"]["message"].startswith("strconv."):  # a library's words, ours are clearer
                assert response["status"]["message"] == vector["denial"]["message"]


def test_the_deviations_are_the_documented_ones() -> None:
    checked_in = json.loads((DIRECTORY / "pod_admission.json").read_text(encoding="utf-8"))
    found: dict[str, set[str]] = {}
    for vector in checked_in:
        if entry := deviation(vector):
            found.setdefault(entry, set()).add(vector["name"])
    assert found == DEVIATIONS
