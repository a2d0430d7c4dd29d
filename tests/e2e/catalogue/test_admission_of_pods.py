"""Pods through the hooks of a real API server: labels, environment, gang (catalogue W57–W62, W82–W84).

No controller makes these pods; each carries what the controller would have set.
"""

from typing import Any, Final

import pytest

from lws_events.names import topology_group_key
from tests.controlplane.api import Json
from tests.e2e.catalogue.definition import LEADER_SPEC, WORKER_SPEC
from tests.e2e.catalogue.hooks import Hooked
from tests.e2e.catalogue.pods import (
    INIT_SPEC,
    LEADER,
    OWN_ENV,
    TPU_LEADER_SPEC,
    TPU_WORKER_SPEC,
    a_pod,
    containers,
    prefixed,
)
from tests.e2e.catalogue.rows import covering

pytestmark = [pytest.mark.controlplane, pytest.mark.asyncio(loop_scope="session")]

NS_HASH: Final = "hash of the namespace and test-1"
FIRST_SUBGROUP: Final = "59bac77b64b24f75ab12f1432a5d2eac2a8648c4"
SECOND_OF_NOBODY: Final = "d26c6bc5f2b78fb12e4cc4be07dcaba345adab6a"
LABELS: Final[tuple[Any, ...]] = (
    ("W57", "randompod", {"random-label": "random-value"}, {}, LEADER_SPEC, {}),
    ("W58", "test-1-1", {"name": "test", "group-index": "1"}, {"size": "2"}, WORKER_SPEC, {"worker-index": "1"}),
    ("W59", "test-1", LEADER, {"size": "2"}, WORKER_SPEC, {"group-index": "1", "group-key": NS_HASH}),
    (
        "W60",
        "test-1",
        LEADER,
        {"size": "5", "leader-requests-tpus": "true", "subgroup-size": "4"},
        TPU_LEADER_SPEC,
        {"group-index": "1", "group-key": NS_HASH, "subgroup-index": "0", "subgroup-key": FIRST_SUBGROUP},
    ),
    (
        "W61",
        "test-1-3",
        {"name": "test", "worker-index": "3", "group-index": "1"},
        {"size": "4", "leader-requests-tpus": "true", "subgroup-size": "2"},
        WORKER_SPEC,
        {"subgroup-index": "1", "subgroup-key": SECOND_OF_NOBODY},
    ),
    (
        "W62",
        "test-1-4",
        {"name": "test", "worker-index": "4", "group-index": "1"},
        {"size": "5", "subgroup-size": "2"},
        TPU_WORKER_SPEC,
        {"subgroup-index": "1", "subgroup-key": SECOND_OF_NOBODY},
    ),
)


@pytest.mark.parametrize(("name", "labels", "annotations", "spec", "added"), covering(LABELS))
async def test_labels_are_exactly_these(
    *, name: str, labels: dict[str, str], annotations: dict[str, str], spec: Json, added: dict[str, str], hooked: Hooked
) -> None:
    found = await hooked.pod(a_pod(name, labels, annotations, spec))
    group_key = topology_group_key(hooked.namespace, "test-1")
    expected = {key: group_key if value is NS_HASH else value for key, value in {**labels, **added}.items()}
    assert found["metadata"]["labels"] == prefixed(expected)


@pytest.mark.catalogue("W83")
async def test_a_pod_of_nobody_is_left_as_it_is(hooked: Hooked) -> None:
    found = await hooked.pod(a_pod("randompod", {"random-label": "random-value"}, {}, LEADER_SPEC))
    assert found["metadata"]["labels"] == {"random-label": "random-value"}
    assert "env" not in found["spec"]["containers"][0]


@pytest.mark.catalogue("W82")
async def test_environment_of_every_container(hooked: Hooked) -> None:
    labels = {"name": "test-sample", "worker-index": "1", "group-index": "1"}
    found = await hooked.pod(a_pod("test-sample-1-1", labels, {"size": "2"}, INIT_SPEC))
    assert len(containers(found)) == 2
    for container in containers(found):
        assert container["env"] == [
            {"name": "LWS_LEADER_ADDRESS", "value": f"test-sample-1.test-sample.{hooked.namespace}"},
            {"name": "LWS_GROUP_SIZE", "value": "2"},
            {"name": "LWS_WORKER_INDEX", "value": "1"},
            *OWN_ENV,
        ]


@pytest.mark.catalogue("W84")
async def test_a_pod_names_its_pod_group(hooked: Hooked) -> None:
    labels = {"name": "test", "group-index": "0", "template-revision-hash": "1"}
    hooked.gang_provider = "volcano"
    try:
        found = await hooked.pod(a_pod("test-pod-0", labels, {"size": "2"}, LEADER_SPEC))
    finally:
        hooked.gang_provider = None
    assert found["metadata"]["annotations"]["scheduling.k8s.io/group-name"] == "test-0-1"
    without = await hooked.pod(a_pod("test-pod-1", labels, {"size": "2"}, LEADER_SPEC))
    assert "scheduling.k8s.io/group-name" not in without["metadata"]["annotations"]
