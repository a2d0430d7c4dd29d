"""Whatever is posted to the webhooks: a review comes back, with the request's uid, and never an error of ours.

Through the server's own handler, from bytes to bytes, without sockets.
"""

import asyncio
import base64
import copy
import json
from typing import Any

import hypothesis.strategies as st
import msgspec
from aiohttp import web
from aiohttp.base_protocol import BaseProtocol
from aiohttp.streams import StreamReader
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from structlog.testing import capture_logs

from adapters.webhooks.server import AdmissionServer
from adapters.webhooks.tls import LiveCertificate
from lws_events.admission import PATHS
from lws_events.admission.review import MUTATE_POD, MUTATE_SET, VALIDATE_POD, VALIDATE_SET
from lws_events.foreign_json import nesting_exceeds
from tests.golden_vectors import load
from tests.property.fuzzing import fuzzed
from tests.property.mutations import JSON, mutated, written
from tests.unit.admission.objects import patched, review

SETS = [vector["new"] for vector in load("lws_admission")]
PODS = [vector["request"] for vector in load("pod_admission")]
OPERATIONS = ("CREATE", "UPDATE", "DELETE", "CONNECT")
CODES = (200, 400, 403)


def _posted(path: str, body: bytes) -> dict[str, Any]:
    """The answered review, and a check that nothing went wrong in the server."""

    async def post() -> web.Response:
        server = AdmissionServer(LiveCertificate())
        payload = StreamReader(BaseProtocol(asyncio.get_running_loop()), limit=2**22)
        payload.feed_data(body)
        payload.feed_eof()
        headers = {"Content-Type": "application/json", "Content-Length": str(len(body))}
        request = make_mocked_request("POST", path, headers=headers, payload=payload)
        return await server._handle(request)

    with capture_logs() as logs:
        response = asyncio.run(post())
    assert [entry for entry in logs if entry["log_level"] in ("error", "critical")] == []
    assert (response.status, response.content_type) == (200, "application/json")
    assert isinstance(response.body, bytes)
    answered: dict[str, Any] = json.loads(response.body)
    assert (answered["apiVersion"], answered["kind"]) == ("admission.k8s.io/v1", "AdmissionReview")
    status = answered["response"]["status"]
    assert isinstance(answered["response"]["allowed"], bool)
    assert status["code"] in CODES
    assert answered["response"]["allowed"] == (status["code"] == 200)
    assert answered["response"]["allowed"] or status["message"]
    return answered


@fuzzed(150)
@given(path=st.sampled_from(PATHS), body=st.binary(max_size=60) | JSON.map(written))
def test_any_bytes_are_answered(path: str, body: bytes) -> None:
    answered = _posted(path, body)
    assert (answered["response"]["allowed"], answered["response"]["uid"]) == (False, "")


@fuzzed(200)
@given(
    path=st.sampled_from(PATHS), data=st.data(), operation=st.sampled_from(["CREATE", "UPDATE", "DELETE", "CONNECT"])
)
def test_any_review_is_answered_with_its_uid(path: str, operation: str, data: st.DataObject) -> None:
    value = data.draw(mutated(review(operation, data.draw(st.sampled_from(SETS[:30])))))
    answered = _posted(path, written(value))
    request = value.get("request") if isinstance(value, dict) else None
    uid = request.get("uid") if isinstance(request, dict) else ""
    if answered["response"]["status"]["code"] != 400 and isinstance(uid, str) and not uid.startswith("@"):
        assert answered["response"]["uid"] == uid


@fuzzed(400)
@given(data=st.data(), operation=st.sampled_from(["CREATE", "UPDATE"]), validates=st.booleans())
def test_any_set_with_one_thing_wrong_is_admitted_or_denied_in_words(
    data: st.DataObject, operation: str, validates: bool
) -> None:
    sound = data.draw(st.sampled_from(SETS))
    value = data.draw(mutated(sound))
    old = data.draw(st.none() | st.just(sound) | mutated(sound)) if operation == "UPDATE" else None
    body = written(review(operation, value, old))
    answered = _posted(VALIDATE_SET if validates else MUTATE_SET, body)
    response = answered["response"]
    if response["allowed"]:
        _check_patch(body, answered)
    elif response["status"]["code"] == 403:
        assert "spec" in response["status"]["message"] or "metadata" in response["status"]["message"]


@fuzzed(300)
@given(data=st.data(), path=st.sampled_from([MUTATE_POD, VALIDATE_POD]))
def test_any_pod_with_one_thing_wrong_is_admitted_or_denied_in_words(data: st.DataObject, path: str) -> None:
    body = written(review("CREATE", data.draw(mutated(data.draw(st.sampled_from(PODS))))))
    answered = _posted(path, body)
    if answered["response"]["allowed"]:
        _check_patch(body, answered)


def _check_patch(body: bytes, answered: dict[str, Any]) -> None:
    """The patch is one, and what it makes is patched no further at its root."""
    if "patch" not in answered["response"]:
        return
    assert answered["response"]["patchType"] == "JSONPatch"
    operations = json.loads(base64.b64decode(answered["response"]["patch"]))
    assert all(each["op"] in ("add", "remove", "replace") and each["path"].startswith("/") for each in operations)
    if nesting_exceeds(body, 200):
        return  # deeper than what applies patches here
    before = msgspec.json.decode(body)["request"]["object"]
    assert patched(copy.deepcopy(before), answered) != before
