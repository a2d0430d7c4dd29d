"""What a client hears for a manifest once CRD and hooks work together, vector by vector; nothing is stored."""

import json
from typing import Any

import msgspec
import pytest

from tests.controlplane.api import Api, leaderworkersets
from tests.e2e.controller import Controller
from tests.golden_vectors import load
from tests.unit.admission.objects import without_empty

pytestmark = [pytest.mark.controlplane, pytest.mark.asyncio(loop_scope="session")]

Json = dict[str, Any]
VECTORS: list[Json] = [v for v in load("crd_schema") if "withHooks" in v]

# The reference prints the object anew and so fills in required fields of templates; our hook only adds, and the schema
# refuses what is missing before a StatefulSet would be (D40).
REFUSED_BY_US = {"S12", "S131", "S134", "S140", "S145", "S146", "S147"}
# The same print turns an empty projected volume into one that the schema refuses. Ours does not.
ACCEPTED_BY_US = {"S148"}
# A budget that cannot be scaled is no budget of zero (D45): one message less.
SHORTER = {"S71"}


@pytest.mark.parametrize("vector", VECTORS, ids=[v["name"] for v in VECTORS])
async def test_the_api_server_with_hooks_answers_as_recorded(vector: Json, api: Api, controller: Controller) -> None:
    number = vector["name"].split()[0]
    body = vector["raw"] if "raw" in vector else json.dumps(vector["manifest"])
    params = {"dryRun": "All"} | ({"fieldValidation": vector["fieldValidation"]} if "fieldValidation" in vector else {})
    code, raw = await api.send("POST", leaderworkersets("default"), body=body.encode(), params=params)
    answer, recorded = msgspec.json.decode(raw), vector["withHooks"]
    if number in REFUSED_BY_US:
        assert recorded["accepted"]
        assert (code, answer["reason"]) == (422, "Invalid")
    elif number in ACCEPTED_BY_US:
        assert not recorded["accepted"]
        assert code == 201, answer
    elif recorded["accepted"]:
        assert code == 201, answer
        assert without_empty(answer.get("spec")) == without_empty(recorded["stored"])
    elif recorded["reason"] == "Forbidden" and number not in SHORTER:
        assert (code, answer["message"]) == (403, recorded["message"])
    else:
        # Type errors, crashes and nulls of its print: what the reference says of them is its own way of speaking.
        assert code in (400, 403, 422), answer
        assert "panic" not in answer["message"]
