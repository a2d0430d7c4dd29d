"""LeaderWorkerSets through schema and hooks of a real API server: defaults (W1–W11) and refusals (W12–W56)."""

import copy
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import pytest

from tests.controlplane.api import Json, leaderworkersets
from tests.e2e.catalogue.definition import LEADER_SPEC, WORKER_SPEC, definition
from tests.e2e.catalogue.hooks import Hooked
from tests.e2e.catalogue.rows import covering

pytestmark = [pytest.mark.controlplane, pytest.mark.asyncio(loop_scope="session")]

Edit = Callable[[Json], object]
"""Changes a spec in place."""

DENIED: Final = 'admission webhook "vleaderworkerset.kb.io" denied the request: '
TEMPLATE: Final = "spec.leaderWorkerTemplate"
SGS: Final = f"{TEMPLATE}.SubGroupPolicy.subGroupSize"
ROLLING: Final = "spec.rolloutStrategy.rollingUpdateConfiguration"
PRODUCT: Final = "the product of replicas and worker replicas must not exceed 2147483647"
BOTH_ZERO: Final = "must not be 0 when `maxSurge` is 0"


class Refusal(NamedTuple):
    """Who refuses, at which paths, and words of the message."""

    code: int
    paths: tuple[str, ...]
    words: tuple[str, ...]


def hook(path: str, *words: str) -> Refusal:
    """Refused by the validating hook."""
    return Refusal(403, (path,), words)


def schema(path: str, *words: str) -> Refusal:
    """Refused by the schema; the validating hook is not asked."""
    return Refusal(422, (path,), words)


NEGATIVE: Final = schema("spec.replicas", "should be greater than or equal to 0")
TOO_MANY: Final = schema("spec.replicas", "should be less than or equal to 1000000")
NO_SUCH_STARTUP: Final = schema("spec.startupPolicy", '"LeaderCreated"', '"LeaderReady"')


class Row(NamedTuple):
    """What deviates from ``DEF`` at creation, what an update then changes, and what comes of the last request."""

    id: str
    create: Edit
    update: Edit | None = None
    refused: Refusal | None = None


def put(path: str, value: Any) -> Edit:
    """Set a field of the spec, by its path below ``spec``."""
    *parents, last = path.split(".")

    def edit(spec: Json) -> None:
        for parent in parents:
            spec = spec.setdefault(parent, {})
        spec[last] = value

    return edit


def drop(path: str) -> Edit:
    """Leave a field of the spec out."""
    *parents, last = path.split(".")

    def edit(spec: Json) -> None:
        for parent in parents:
            spec = spec[parent]
        spec.pop(last)

    return edit


def both(*edits: Edit) -> Edit:
    """Several changes."""
    return lambda spec: [edit(spec) for edit in edits]


def replicas(count: int) -> Edit:
    """So many groups."""
    return put("replicas", count)


def size(count: int) -> Edit:
    """So many pods per group."""
    return put("leaderWorkerTemplate.size", count)


def subgroups(count: int, policy: str = "") -> Edit:
    """Subgroups of so many pods."""
    value: Json = {"subGroupSize": count, **({"subGroupPolicyType": policy} if policy else {})}
    return put("leaderWorkerTemplate.subGroupPolicy", value)


def rolling(**budgets: int | str) -> Edit:
    """Budgets and partition of rolling updates."""
    return both(*(put(f"rolloutStrategy.rollingUpdateConfiguration.{name}", value) for name, value in budgets.items()))


def same(spec: Json) -> None:
    """As it is."""


def swap_templates(spec: Json) -> None:
    """Each template gets the pod spec of the other."""
    template = spec["leaderWorkerTemplate"]
    leader, worker = template["leaderTemplate"]["spec"], template["workerTemplate"]["spec"]
    template["leaderTemplate"]["spec"], template["workerTemplate"]["spec"] = worker, leader


DEFAULTED: Final = (
    ("W1", drop("replicas"), put("replicas", 1)),
    ("W2", drop("leaderWorkerTemplate.size"), size(1)),
    ("W3", both(replicas(2), size(2)), same),
    ("W4", drop("leaderWorkerTemplate.restartPolicy"), same),
    ("W5", put("leaderWorkerTemplate.restartPolicy", "None"), put("leaderWorkerTemplate.restartPolicy", "None")),
    ("W6", put("leaderWorkerTemplate.restartPolicy", "Default"), put("leaderWorkerTemplate.restartPolicy", "None")),
    ("W7", drop("startupPolicy"), same),
    ("W8", put("startupPolicy", "LeaderReady"), put("startupPolicy", "LeaderReady")),
    ("W9", drop("networkConfig"), same),
    ("W10", put("rolloutStrategy", {}), same),
    ("W11", rolling(partition=2, maxUnavailable=2, maxSurge=1), rolling(partition=2, maxUnavailable=2, maxSurge=1)),
)

UNIQUE: Final = put("networkConfig.subdomainPolicy", "UniquePerReplica")
SHARED: Final = put("networkConfig.subdomainPolicy", "Shared")
RESTART: Final = "leaderWorkerTemplate.restartPolicy"

ROWS: Final = (
    Row("W13", both(replicas(100000), size(1000000)), refused=hook("spec.replicas", PRODUCT)),
    Row("W14", size(-1), refused=hook(f"{TEMPLATE}.size", "size must be equal or greater than 1")),
    Row("W15", replicas(-1), refused=NEGATIVE),
    Row("W16", replicas(1000001), refused=TOO_MANY),
    Row("W17", put("startupPolicy", "invalidValue"), refused=NO_SUCH_STARTUP),
    Row("W18", subgroups(-1), refused=hook(SGS, "subGroupSize must be equal or greater than 1")),
    Row(
        "W19",
        subgroups(3),
        refused=hook(
            SGS, "size or size - 1 must be divisible by subGroupSize", "subGroupSize cannot be larger than size"
        ),
    ),
    Row(
        "W20",
        both(size(4), subgroups(2, "LeaderExcluded")),
        refused=hook(SGS, "size-1 must be divisible by subGroupSize when using LeaderExcluded"),
    ),
    Row("W21", size(2), size(3)),
    Row("W22", both(replicas(100000), size(1)), size(100000000), hook("spec.replicas", PRODUCT)),
    Row("W23", both(replicas(1), size(1)), replicas(-1), NEGATIVE),
    Row("W24", put("startupPolicy", "LeaderReady"), put("startupPolicy", "invalidValue"), NO_SUCH_STARTUP),
    Row("W25", both(replicas(1), subgroups(1)), subgroups(2), hook(SGS, "field is immutable")),
    Row("W26", replicas(1), subgroups(2), hook(SGS, "cannot enable subGroupSize after the lws is already created")),
    Row(
        "W27",
        both(replicas(1), subgroups(1)),
        drop("leaderWorkerTemplate.subGroupPolicy"),
        hook(SGS, "cannot remove subGroupSize after enabled"),
    ),
    Row("W28", both(replicas(1), size(1)), replicas(3)),
    Row("W29", both(replicas(1), size(1)), replicas(1000001), TOO_MANY),
    Row("W30", same, swap_templates),
    Row("W31", UNIQUE, SHARED),
    Row("W32", SHARED, UNIQUE),
    Row("W33", drop("networkConfig"), UNIQUE),
    Row("W34", same, put("networkConfig.subdomainPolicy", None)),
    Row("W35", put(RESTART, "None")),
    Row(
        "W36",
        put(RESTART, "invalidValue"),
        refused=schema(
            f"{TEMPLATE}.restartPolicy", '"RecreateGroupOnPodRestart"', '"RecreateGroupAfterStart"', '"None"'
        ),
    ),
    Row(
        "W37",
        put("rolloutStrategy.type", "invalidValue"),
        refused=schema("spec.rolloutStrategy.type", '"RollingUpdate"'),
    ),
    Row("W38", rolling(maxUnavailable=10)),
    Row(
        "W39",
        rolling(maxUnavailable="200%"),
        refused=hook(f"{ROLLING}.maxUnavailable", "must not be greater than 100%"),
    ),
    Row(
        "W40",
        rolling(maxUnavailable=-1),
        refused=hook(f"{ROLLING}.maxUnavailable", "must be greater than or equal to 0"),
    ),
    Row("W41", rolling(maxSurge=10)),
    Row("W42", rolling(maxSurge="200%"), refused=hook(f"{ROLLING}.maxSurge", "must not be greater than 100%")),
    Row("W43", rolling(maxSurge=-1), refused=hook(f"{ROLLING}.maxSurge", "must be greater than or equal to 0")),
    Row("W44", rolling(maxUnavailable=0, maxSurge=0), refused=hook(f"{ROLLING}.maxUnavailable", BOTH_ZERO)),
    Row("W45", rolling(maxUnavailable=0, maxSurge=1)),
    Row("W46", both(replicas(0), rolling(maxUnavailable="25%", maxSurge="25%"))),
    Row("W47", rolling(maxUnavailable="25%", maxSurge=0), refused=hook(f"{ROLLING}.maxUnavailable", BOTH_ZERO)),
    Row("W48", rolling(partition=-1), refused=hook(f"{ROLLING}.partition", "must be greater than or equal to 0")),
    Row("W49", both(replicas(3), rolling(partition=5))),
    Row("W50", both(replicas(3), rolling(partition=3))),
    Row("W51", both(replicas(3), rolling(partition=0))),
    Row("W52", replicas(5), rolling(partition=2)),
    Row(
        "W53",
        replicas(5),
        rolling(partition=-1),
        hook(f"{ROLLING}.partition", "must be greater than or equal to 0"),
    ),
    Row("W54", replicas(5), rolling(partition=10)),
    Row("W55", replicas(5), rolling(partition=5)),
    Row("W56", replicas(5), rolling(partition=0)),
)


def deviating(*edits: Edit) -> Json:
    """``DEF`` with these changes."""
    manifest = definition()
    for edit in edits:
        edit(manifest["spec"])
    return manifest


@pytest.mark.parametrize(("deviation", "expected"), covering(DEFAULTED))
async def test_what_is_left_out_is_filled_in(deviation: Edit, expected: Edit, hooked: Hooked) -> None:
    code, answer = await hooked.submit(deviating(deviation))
    assert code == 201, answer
    stored = await hooked.api.get(leaderworkersets(hooked.namespace, "test-sample"))
    assert stored["spec"] == deviating(expected)["spec"]
    template = stored["spec"]["leaderWorkerTemplate"]
    assert (template["leaderTemplate"]["spec"], template["workerTemplate"]["spec"]) == (LEADER_SPEC, WORKER_SPEC)


@pytest.mark.catalogue("W7")
async def test_an_empty_startup_policy_is_no_absent_one(hooked: Hooked) -> None:
    code, answer = await hooked.submit(deviating(put("startupPolicy", "")))
    _assert_refused(code, answer, NO_SUCH_STARTUP)


@pytest.mark.catalogue("W12")
async def test_a_name_that_no_service_could_have(hooked: Hooked) -> None:
    manifest = definition(name="2cube")
    _assert_refused(*await hooked.submit(manifest), hook("metadata.name", "DNS-1035"))


@pytest.mark.parametrize(("create", "update", "refused"), covering(ROWS))
async def test_what_is_accepted_and_what_is_refused(
    create: Edit, update: Edit | None, refused: Refusal | None, hooked: Hooked
) -> None:
    code, answer = await hooked.submit(deviating(create))
    if update is not None:
        assert code == 201, answer
        read = await hooked.api.get(leaderworkersets(hooked.namespace, "test-sample"))
        changed = copy.deepcopy(read)
        update(changed["spec"])
        code, answer = await hooked.replace(changed)
    if refused is None:
        assert code == (200 if update else 201), answer
        # Whatever an edit took away, a subdomain policy is there.
        assert answer["spec"]["networkConfig"]["subdomainPolicy"] in ("Shared", "UniquePerReplica")
    else:
        _assert_refused(code, answer, refused)


def _assert_refused(code: int, answer: Json, refused: Refusal) -> None:
    message: str = answer["message"]
    assert code == refused.code, message
    assert message.startswith(DENIED) == (refused.code == 403), message
    for text in (*refused.paths, *refused.words):
        assert text in message
