"""PodGroups against the recorded ones, and what a pod asks for as the scheduler counts it (spec 4.9, D65)."""

import json
from typing import Any

import pytest

from lws_events import gang
from lws_events.objects.metadata import LeaderRef
from lws_events.objects.pod_groups import pod_group, prepare_pod_group
from lws_events.objects.pod_resources import pod_requests
from tests import golden_vectors

POD_GROUPS = [vector for vector in golden_vectors.load("objects") if vector["kind"] == "podgroup"]


def containers(template: dict[str, Any]) -> list[dict[str, Any]]:
    spec = template["spec"]
    return [*spec.get("containers", ()), *spec.get("initContainers", ())]


def has_limits_alone(vector: dict[str, Any]) -> bool:
    """Whether some container has a limit without a request: recognised by the input, so that other vectors work."""
    group = vector["lws"]["spec"]["leaderWorkerTemplate"]
    templates = [group["workerTemplate"], *([group["leaderTemplate"]] if group.get("leaderTemplate") else [])]
    resources = [each.get("resources") or {} for template in templates for each in containers(template)]
    return any((each.get("limits") or {}).keys() - (each.get("requests") or {}).keys() for each in resources)


def built(vector: dict[str, Any]) -> dict[str, Any]:
    metadata, spec = vector["leaderPod"]["metadata"], vector["lws"]["spec"]
    return pod_group(
        prepare_pod_group(spec),
        provider=gang.VOLCANO,
        name=metadata["annotations"][gang.VOLCANO.group_annotation],
        lws=vector["lws"],
        leader=LeaderRef(**{field: metadata[field] for field in ("name", "namespace", "uid", "labels")}),
        starts_with_leader=spec.get("startupPolicy") == "LeaderReady",
    )


@pytest.mark.parametrize("vector", POD_GROUPS, ids=lambda vector: vector["name"])
def test_golden(vector: dict[str, Any]) -> None:
    expected = {"apiVersion": "scheduling.volcano.sh/v1beta1", "kind": "PodGroup", **vector["expected"]}
    made = built(vector)
    if has_limits_alone(vector):
        assert made["spec"].pop("minResources").keys() >= expected["spec"].pop("minResources").keys()
    assert made == expected


@pytest.mark.parametrize("vector", POD_GROUPS, ids=lambda vector: vector["name"])
def test_the_name_is_that_of_the_leaders_labels(vector: dict[str, Any]) -> None:
    name = gang.pod_group_name(vector["leaderPod"]["metadata"]["labels"])
    assert name == vector["expected"]["metadata"]["name"]
    assert gang.leader_of(name, set_name="set") == "set-1"


def test_d65_what_has_only_a_limit_counts_and_nothing_else_deviates() -> None:
    checked_in = json.loads((golden_vectors.DIRECTORY / "objects.json").read_text(encoding="utf-8"))
    deviating = [each for each in checked_in if each["kind"] == "podgroup" and has_limits_alone(each)]
    assert {each["name"]: built(each)["spec"]["minResources"] for each in deviating} == {
        "leader requests TPUs / pod group": {"cpu": "8400m", "memory": "12Gi", "google.com/tpu": "16"},
        "leader without TPUs / pod group": {"cpu": "100m", "google.com/tpu": "12"},
    }


@pytest.mark.parametrize("name", ["set", "set-", "set-1", "set-x-key", "other-1-key", "set-2-1-key-x", "set--1-key"])
def test_a_name_of_another_form_is_of_no_group_or_of_its_first_number(name: str) -> None:
    assert gang.leader_of(name, set_name="set") == ("set-2" if name == "set-2-1-key-x" else "")


def container(*, restart: str = "", **resources: dict[str, Any]) -> dict[str, Any]:
    always = {"restartPolicy": restart} if restart else {}
    return {"name": "c", "resources": resources, **always}


@pytest.mark.parametrize(
    ("spec", "requests"),
    [
        ({}, {}),
        ({"containers": [container(), {"name": "d"}]}, {}),
        (
            {"containers": [container(requests={"cpu": "1"}), container(requests={"cpu": "500m", "memory": "1Gi"})]},
            {"cpu": "1500m", "memory": "1Gi"},
        ),
        (
            {"containers": [container(limits={"cpu": "2", "memory": "1Gi"}, requests={"cpu": "1"})]},
            {"cpu": "1", "memory": "1Gi"},
        ),
        (
            {
                "containers": [container(requests={"cpu": "1", "memory": "1Gi"})],
                "initContainers": [container(requests={"cpu": "3"}), container(requests={"cpu": "2"})],
            },
            {"cpu": "3", "memory": "1Gi"},
        ),
        (  # a sidecar counts beside the containers, and beside the init containers that come after it
            {
                "containers": [container(requests={"cpu": "1"})],
                "initContainers": [
                    container(requests={"cpu": "3500m"}),
                    container(restart="Always", requests={"cpu": "1"}),
                    container(requests={"cpu": "3"}),
                ],
            },
            {"cpu": "4"},
        ),
        (
            {
                "containers": [container(requests={"cpu": "3"})],
                "initContainers": [container(restart="Always", requests={"cpu": "1"})],
            },
            {"cpu": "4"},
        ),
        (  # amounts for the pod replace the sums, of those resources only that can be given for a pod
            {
                "containers": [container(requests={"cpu": "1", "google.com/tpu": "4"})],
                "resources": {
                    "requests": {"cpu": "2", "google.com/tpu": "8"},
                    "limits": {"memory": "2Gi", "hugepages-2Mi": "4Mi"},
                },
            },
            {"cpu": "2", "google.com/tpu": "4", "memory": "2Gi", "hugepages-2Mi": "4Mi"},
        ),
        (  # a limit for the pod is no request where its containers have some
            {"containers": [container(requests={"cpu": "1"})], "resources": {"limits": {"cpu": "8"}}},
            {"cpu": "1"},
        ),
        (
            {"containers": [container(requests={"cpu": "1"})], "overhead": {"cpu": "100m", "memory": "64Mi"}},
            {"cpu": "1100m", "memory": "64Mi"},
        ),
        (
            {"containers": [container(requests={"cpu": 2})], "initContainers": [container(requests={"cpu": "2000m"})]},
            {"cpu": "2"},
        ),
    ],
)
def test_requests_of_a_pod(spec: dict[str, Any], requests: dict[str, str]) -> None:
    assert {name: str(amount) for name, amount in pod_requests(spec).items()} == requests


@pytest.mark.parametrize(
    ("size", "memory"), [(1, "1Gi"), (2, "1536Mi"), (3, "2Gi"), (None, "1Gi")], ids=["1", "2", "3", "default"]
)
def test_a_group_needs_a_leader_and_its_workers(size: int | None, memory: str) -> None:
    def template(amount: str) -> dict[str, Any]:
        return {"spec": {"containers": [container(requests={"memory": amount})]}}

    spec = {"leaderWorkerTemplate": {"leaderTemplate": template("1Gi"), "workerTemplate": template("512Mi")}}
    if size is not None:
        spec["leaderWorkerTemplate"]["size"] = size  # type: ignore[assignment]
    needs = prepare_pod_group(spec)
    assert (needs.size, needs.resources) == (size or 1, {"memory": memory})


def test_a_provider_that_is_not_configured_is_none() -> None:
    assert gang.configured(None) is gang.configured("") is None
    configured = gang.configured("volcano", match_scheduler_name=True)
    assert configured is not None
    assert (configured.takes("volcano"), configured.takes("default-scheduler")) == (True, False)
    any_scheduler = gang.configured("volcano")
    assert any_scheduler is not None
    assert any_scheduler.takes("")
