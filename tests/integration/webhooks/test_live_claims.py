"""The way back for a set whose claims were changed while nobody denied it (spec D10): admission asks what holds."""

import json
from typing import Any

import pytest

from adapters.kubernetes.errors import ApiError, ApiUnavailable
from adapters.webhooks.live_claims import LiveClaims
from lws_events import names
from lws_events.admission.review import VALIDATE_SET
from tests.integration.webhooks.client import posted, serving, session
from tests.unit.admission.objects import a_set, review


def claim(storage: str) -> dict[str, Any]:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": storage}}}
    return {"metadata": {"name": "data"}, "spec": spec}


def with_claim(storage: str, **spec: Any) -> dict[str, Any]:
    found = a_set(**spec)
    found["spec"]["leaderWorkerTemplate"]["volumeClaimTemplates"] = [claim(storage)]
    return found


class Cluster:
    """Answers with a leader StatefulSet."""

    def __init__(self, answer: dict[str, Any] | Exception) -> None:
        self.asked: list[str] = []
        self._answer = answer

    async def request(self, method: str, path: str, *, timeout_seconds: float | None = None) -> bytes:
        assert method == "GET"
        assert timeout_seconds is not None
        assert timeout_seconds < 10
        self.asked.append(path)
        if isinstance(self._answer, Exception):
            raise self._answer
        return json.dumps(self._answer).encode()


def statefulset(storage: str, *, owner: str = names.KIND) -> dict[str, Any]:
    owners = [{"kind": owner, "name": "set", "uid": "u", "controller": True}]
    return {"metadata": {"ownerReferences": owners}, "spec": {"volumeClaimTemplates": [claim(storage)]}}


async def allowed(cluster: Cluster, new: dict[str, Any], old: dict[str, Any]) -> bool:
    async with serving(live_claims=LiveClaims(cluster)) as server, session() as client:
        answer = await posted(client, server, VALIDATE_SET, review("UPDATE", new, old))
    return bool(answer["response"]["allowed"])


async def test_a_set_in_dispute_with_its_statefulset_can_be_reverted() -> None:
    cluster = Cluster(statefulset("1Gi"))
    assert await allowed(cluster, with_claim("1Gi"), with_claim("2Gi"))
    assert cluster.asked == ["/apis/apps/v1/namespaces/default/statefulsets/set"]


async def test_one_that_agrees_with_it_stays_protected() -> None:
    assert not await allowed(Cluster(statefulset("1Gi")), with_claim("2Gi"), with_claim("1Gi"))


@pytest.mark.parametrize(
    "answer",
    [ApiError(404, "NotFound", "none"), ApiUnavailable("away"), statefulset("1Gi", owner="Application")],
    ids=["there is none", "no answer", "of somebody else"],
)
async def test_where_nothing_is_known_the_change_is_denied(answer: dict[str, Any] | Exception) -> None:
    assert not await allowed(Cluster(answer), with_claim("1Gi"), with_claim("2Gi"))


async def test_nobody_is_asked_about_other_changes() -> None:
    cluster = Cluster(statefulset("1Gi"))
    assert await allowed(cluster, with_claim("1Gi", replicas=3), with_claim("1Gi", replicas=1))
    assert cluster.asked == []
