"""Which pods are told their PodGroup (spec 3.1, D53), and that the observer believes the same."""

from typing import Any

import pytest

from adapters.kubernetes import reduce, wire
from adapters.kubernetes.nodes import NodeLabels
from lws_events import names
from lws_events.admission import Surroundings, respond
from lws_events.admission.review import MUTATE_POD
from tests.unit.admission.objects import patched, review
from tests.unit.test_reduced_views import decode

ANNOTATION = "scheduling.k8s.io/group-name"


def pod(*, scheduler: str = "", **labels: str) -> dict[str, Any]:
    known = {names.SET_NAME: "test", names.GROUP_INDEX: "0", names.REVISION_KEY: "1"}
    named = {"schedulerName": scheduler} if scheduler else {}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "test-pod-0",
            "namespace": "ns",
            "labels": known | labels,
            "annotations": {names.SIZE: "2"},
        },
        "spec": {"containers": [{"name": "c", "image": "i"}], **named},
    }


def admitted(manifest: dict[str, Any], **surroundings: Any) -> dict[str, Any]:
    request = review("CREATE", manifest, namespace="ns")
    return patched(manifest, respond(MUTATE_POD, request, surroundings=Surroundings(**surroundings)).review)


@pytest.mark.catalogue("W84")
def test_a_pod_is_told_its_pod_group() -> None:
    manifest = pod(**{names.GROUP_KEY: "k"})
    assert admitted(manifest, gang_provider="volcano")["metadata"]["annotations"][ANNOTATION] == "test-0-1"


@pytest.mark.parametrize(
    ("match", "scheduler", "takes_part"),
    [
        (False, "", True),
        (False, "other", True),
        (True, "", False),
        (True, "other", False),
        (True, "volcano", True),
    ],
)
def test_d53_pods_of_other_schedulers_can_be_left_out(*, match: bool, scheduler: str, takes_part: bool) -> None:
    mutated = admitted(pod(scheduler=scheduler), gang_provider="volcano", gang_match_scheduler_name=match)
    assert (ANNOTATION in mutated["metadata"]["annotations"]) == takes_part
    # Whatever wrote the annotation, the observer takes a pod for gang scheduled by the same rule.
    mutated["metadata"]["annotations"][ANNOTATION] = "test-0-1"
    gang = Surroundings(gang_provider="volcano", gang_match_scheduler_name=match).gang
    view = reduce.reduce_pod(decode(wire.Pod, mutated), NodeLabels(), gang)
    assert view.gang_group == ("test-0-1" if takes_part else "")


def test_without_a_provider_there_is_none() -> None:
    mutated = admitted(pod(scheduler="volcano"))
    assert ANNOTATION not in mutated["metadata"]["annotations"]
    mutated["metadata"]["annotations"][ANNOTATION] = "test-0-1"
    assert reduce.reduce_pod(decode(wire.Pod, mutated), NodeLabels()).gang_group == ""
