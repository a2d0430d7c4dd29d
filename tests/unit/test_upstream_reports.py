"""Reports about the reference that concern admission and the observer; the others are in ``machine``."""

from typing import Any

import msgspec
import pytest

from adapters.kubernetes import wire
from adapters.kubernetes.reduce import key_of
from lws_events import names, subjects
from lws_events.admission.decide import Admitted, mutated


@pytest.mark.parametrize("worker", [1, 2, 3])
def test_issue_918_with_subgroups_of_one_every_pod_has_a_subgroup_of_its_own(worker: int) -> None:
    pod: dict[str, Any] = {
        "metadata": {
            "name": f"s-0-{worker}",
            "namespace": "n",
            "labels": {names.SET_NAME: "s", names.GROUP_INDEX: "0", names.GROUP_KEY: "k"},
            "annotations": {names.SIZE: "4", names.SUBGROUP_SIZE: "1", names.LEADER_NAME: "s-0"},
        },
        "spec": {"subdomain": "s", "containers": [{"name": "c", "resources": {"limits": {"google.com/tpu": "4"}}}]},
    }
    answer = mutated(pod, namespace="n")
    assert isinstance(answer, Admitted)
    assert answer.object["metadata"]["labels"][names.SUBGROUP_INDEX] == str(worker)
    environment = {each["name"]: each["value"] for each in answer.object["spec"]["containers"][0]["env"]}
    assert environment["TPU_WORKER_HOSTNAMES"] == f"s-0-{worker}.s"
    assert environment["TPU_WORKER_ID"] == "0"


def test_issue_957_statefulsets_of_others_concern_no_set() -> None:
    metadata = {"name": "postgres", "namespace": "n", "labels": {"app": "postgres"}}
    found = msgspec.json.decode(msgspec.json.encode({"metadata": metadata}), type=wire.StatefulSet)
    assert key_of(subjects.STATEFULSET, found.metadata) is None
