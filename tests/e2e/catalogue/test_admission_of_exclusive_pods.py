"""Exclusive placement, through the hooks of a real API server (catalogue W76–W81)."""

from typing import Any, Final

import pytest

from lws_events.names import PREFIX, topology_group_key
from tests.controlplane.api import Json
from tests.e2e.catalogue.hooks import Hooked
from tests.e2e.catalogue.pods import TPU_LEADER_SPEC, sample_pod
from tests.e2e.catalogue.rows import covering

pytestmark = [pytest.mark.controlplane, pytest.mark.asyncio(loop_scope="session")]


def exclusive(pod: Json, *, topology: str, label: str) -> bool:
    """Whether a pod keeps to itself on a topology, together with those of the same label value."""
    affinity = pod["spec"].get("affinity", {})
    required = "requiredDuringSchedulingIgnoredDuringExecution"
    attracting = _terms(affinity.get("podAffinity", {}).get(required, ()), topology)
    repelling = _terms(affinity.get("podAntiAffinity", {}).get(required, ()), topology)
    if len(attracting) != 1:
        return False
    first = attracting[0][0]
    [value] = first.get("values") or [""]
    together = (first["key"], first["operator"]) == (label, "In") and bool(value)
    apart = [{"key": label, "operator": "Exists"}, {"key": label, "operator": "NotIn", "values": [value]}]
    return together and any(term == apart for term in repelling)


def _terms(terms: Any, topology: str) -> list[list[Json]]:
    return [term["labelSelector"]["matchExpressions"] for term in terms if term["topologyKey"] == topology]


def placed(attracting: list[Json], repelling: list[Json], *, topology: str) -> Json:
    """The TPU leader's spec with one required term of each kind."""
    required = "requiredDuringSchedulingIgnoredDuringExecution"
    kinds = (("podAffinity", attracting), ("podAntiAffinity", repelling))
    affinity = {
        kind: {required: [{"topologyKey": topology, "labelSelector": {"matchExpressions": expressions}}]}
        for kind, expressions in kinds
    }
    return {**TPU_LEADER_SPEC, "affinity": affinity}


GROUP_KEY: Final = f"{PREFIX}group-key"
SUBGROUP_KEY: Final = f"{PREFIX}subgroup-key"
EXCLUSIVE: Final = {"size": "4", "exclusive-topology": "topologyKey"}
ALSO_SUBGROUPS: Final = {**EXCLUSIVE, "subgroup-exclusive-topology": "topologyKey-2", "subgroup-size": "2"}
PLACEMENTS: Final = (
    ("W76", 0, EXCLUSIVE, True, False),
    ("W77", 0, ALSO_SUBGROUPS, True, True),
    ("W78", 1, ALSO_SUBGROUPS, False, True),
    ("W79", 0, {"size": "4"}, False, False),
)


@pytest.mark.parametrize(("index", "annotations", "of_group", "of_subgroup"), covering(PLACEMENTS))
async def test_exclusive_placement(
    index: int, annotations: dict[str, str], of_group: bool, of_subgroup: bool, hooked: Hooked
) -> None:
    found = await hooked.pod(sample_pod(index, annotations, TPU_LEADER_SPEC))
    assert exclusive(found, topology="topologyKey", label=GROUP_KEY) == of_group
    assert exclusive(found, topology="topologyKey-2", label=SUBGROUP_KEY) == of_subgroup
    assert ("affinity" in found["spec"]) == (of_group or of_subgroup)


@pytest.mark.catalogue("W80")
async def test_terms_that_are_there_are_not_added_again(hooked: Hooked) -> None:
    own: list[Json] = [{"key": GROUP_KEY, "operator": "In", "values": ["uniquehash"]}]
    others: list[Json] = [
        {"key": GROUP_KEY, "operator": "Exists"},
        {"key": GROUP_KEY, "operator": "NotIn", "values": ["uniquehash"]},
    ]
    spec = placed(own, others, topology="topologyKey")
    found = await hooked.pod(sample_pod(0, EXCLUSIVE, spec))
    assert exclusive(found, topology="topologyKey", label=GROUP_KEY)
    assert found["spec"]["affinity"] == spec["affinity"]
    assert found["metadata"]["labels"][GROUP_KEY] == topology_group_key(hooked.namespace, "test-sample-1")


@pytest.mark.catalogue("W81")
async def test_terms_of_the_users_stay_first(hooked: Hooked) -> None:
    own: list[Json] = [{"key": "key", "operator": "In", "values": ["value"]}]
    others: list[Json] = [
        {"key": "key", "operator": "Exists"},
        {"key": "key", "operator": "NotIn", "values": ["value"]},
    ]
    spec = placed(own, others, topology="topology")
    found = await hooked.pod(sample_pod(0, EXCLUSIVE, spec))
    assert exclusive(found, topology="topologyKey", label=GROUP_KEY)
    for kind in ("podAffinity", "podAntiAffinity"):
        first = found["spec"]["affinity"][kind]["requiredDuringSchedulingIgnoredDuringExecution"][0]
        assert first == spec["affinity"][kind]["requiredDuringSchedulingIgnoredDuringExecution"][0]
