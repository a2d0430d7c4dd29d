"""The schema vectors once more, with our hooks in front of the schema: what users of the reference are used to.

The reference prints every object anew, ours patches only what it must; the two differ where that print invents or
loses something. Each such vector is named here with its reason.
"""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.controlplane.api import leaderworkersets
from tests.e2e.test_admission import Hooked, hooked
from tests.e2e.test_crd_schema import NAMESPACE, VECTORS, post_vector
from tests.unit.admission.objects import without_empty

pytestmark = [pytest.mark.controlplane, pytest.mark.asyncio(loop_scope="module")]

__all__ = ["hooked"]

Json = dict[str, Any]

# D40: its print fills required fields of a template with empty values, which fail only in the StatefulSet.
STRICTER = {"S12", "S131", "S134", "S140", "S145", "S146", "S147"}
# Its print holds a null that the schema refuses; as the user wrote it, the object is fine (spec 1.3).
MORE_LENIENT = {"S148"}
# D45: what cannot be scaled is not compared with the other budget as well.
SHORTER = {"S71"}
# D41: it crashes (500) on a subgroup policy without a size.
CRASHES = {"S95", "S98", "S101"}


@pytest_asyncio.fixture(loop_scope="module")
async def emptied(hooked: Hooked) -> AsyncIterator[Hooked]:
    """The hooked cluster, without the sets of the test afterwards."""
    yield hooked
    await hooked.api.call("DELETE", leaderworkersets(NAMESPACE))


def number(vector: Json) -> str:
    return str(vector["name"].split(" ")[0])


PINNED = [v for v in VECTORS if "withHooks" in v]


@pytest.mark.parametrize("vector", PINNED, ids=[v["name"] for v in PINNED])
async def test_with_our_hooks_a_manifest_fares_as_with_the_references(vector: Json, emptied: Hooked) -> None:
    pinned = vector["withHooks"]
    code, answer, _ = await post_vector(emptied.api, vector)

    if number(vector) in STRICTER:
        assert code == 422, answer
    elif number(vector) in CRASHES:
        assert code == 403, answer
    elif number(vector) in MORE_LENIENT:
        assert code == 201, answer
        template = answer["spec"]["leaderWorkerTemplate"]
        assert template["workerTemplate"] == vector["stored"]["leaderWorkerTemplate"]["workerTemplate"]
    elif pinned["accepted"]:
        assert code == 201, answer
        assert without_empty(answer["spec"]) == without_empty(pinned["stored"])
    elif number(vector) in SHORTER:
        assert code == 403
        assert answer["message"].removesuffix("]") in pinned["message"]
    elif pinned["code"] == 403:
        assert (code, answer["message"]) == (403, pinned["message"])
    elif pinned.get("message") == vector.get("message"):
        assert (code, answer["message"]) == (pinned["code"], pinned["message"])
    else:
        # The reference's typed read (400), or the schema on its print (422), came first: the refusal is what matters.
        assert code in (400, 403, 422), answer
