"""Headless Services against the recorded ones (spec 2.7)."""

from typing import Any

import pytest

from lws_events.objects.metadata import LeaderRef
from lws_events.objects.services import group_service, shared_service
from tests import golden_vectors

SERVICES = [vector for vector in golden_vectors.load("objects") if vector["kind"] == "service"]


@pytest.mark.parametrize("vector", SERVICES, ids=lambda vector: vector["name"])
def test_golden(vector: dict[str, Any]) -> None:
    if "leaderPod" in vector:
        metadata = vector["leaderPod"]["metadata"]
        leader = LeaderRef(**{field: metadata[field] for field in ("name", "namespace", "uid", "labels")})
        built = group_service(vector["lws"], leader=leader)
    else:
        built = shared_service(vector["lws"])
    assert built == {"apiVersion": "v1", "kind": "Service", **vector["expected"]}
