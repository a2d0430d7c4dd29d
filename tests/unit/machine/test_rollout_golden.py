"""The planner against the recorded answers of the reference (spec 4.5), and where ours differs on purpose.

The reference's algorithm must give every recorded answer. With our refinements the answer is the same, but for the
vectors that a rule of spec 7 names: the rules are written here once more, group by group, to say which those are.
"""

import re
from typing import Any

import pytest

from lws_events.machine.rollout import planner, refinements
from lws_events.machine.rollout.planner import Plan, Present, Situation
from lws_events.machine.rollout.words import surplus_words
from lws_events.scaling import ScalingError, scaled
from tests.golden_vectors import load

VECTORS: list[dict[str, Any]] = load("rollout")
ANSWERED = [vector for vector in VECTORS if "error" not in vector]
PARTLY_OLD = "Oxvs"
"""Letters of groups of which some part exists that is of another revision."""


def is_number(annotation: Any) -> bool:
    return re.fullmatch(r"[+-]?[0-9]+", str(annotation)) is not None


def situation(vector: dict[str, Any]) -> Situation:
    """A vector as the planner reads it. An absent partition is 0, an unreadable annotation is unchanged (D28)."""
    wanted, groups = vector["R"], vector["states"]
    if vector["S"] is None:
        return Situation(wanted, vector["partition"], 0, 0, None)
    annotated = vector["annotatedReplicas"]
    present = Present(vector["S"], vector["cur"] or 0, int(annotated) if is_number(annotated) else wanted)
    return Situation(
        replicas=wanted,
        user_partition=vector["partition"],
        max_unavailable=scaled(vector["maxUnavailable"], wanted, round_up=False),
        max_surge=min(scaled(vector["maxSurge"], wanted, round_up=True), wanted),
        present=present,
        changed=vector["changed"],
        ready=sum(1 << index for index, group in enumerate(groups) if group["ready"]),
        updated=sum(1 << index for index, group in enumerate(groups) if group["updated"]),
        outdated=sum(1 << index for index, letter in enumerate(vector["letters"]) if letter in PARTLY_OLD),
    )


def answer(plan: Plan, vector: dict[str, Any]) -> tuple[int, int, list[str]]:
    present = situation(vector).present
    told = surplus_words("lws", plan, present) if present is not None else ""
    return plan.partition, plan.replicas, [told] if told else []


def recorded(vector: dict[str, Any]) -> tuple[int, int, list[str]]:
    return vector["expectedPartition"], vector["expectedReplicas"], vector["events"]


def reason_to_differ(vector: dict[str, Any]) -> str:
    """The rule by which the refined plan may be another one than the recorded, told from the vector alone."""
    now, (_, replicas, _) = situation(vector), recorded(vector)
    have, wanted = vector["S"], vector["R"]
    if have is None:
        return ""
    if wanted > 0 and now.max_unavailable + now.max_surge == 0:
        return "D19"
    assert now.present is not None
    rolls = vector["changed"] or any(letter in PARTLY_OLD for letter in vector["letters"][:wanted])
    is_scaled = now.present.wanted_replicas != wanted
    if not rolls and now.present.partition == now.user_partition and have >= wanted and (is_scaled or have == wanted):
        return "D16"
    ready = [group["ready"] for group in vector["states"]]
    if replicas < have and sum(ready[:replicas]) < min(sum(ready), wanted - now.max_unavailable):
        return "D18"
    return ""


@pytest.mark.parametrize("vector", ANSWERED, ids=lambda vector: vector["name"])
def test_the_planner_answers_as_the_reference(vector: dict[str, Any]) -> None:
    assert answer(planner.plan(situation(vector)), vector) == recorded(vector)


@pytest.mark.parametrize("vector", ANSWERED, ids=lambda vector: vector["name"])
def test_the_refined_plan_differs_only_where_a_rule_says_so(vector: dict[str, Any]) -> None:
    ours, reason = answer(refinements.plan(situation(vector)), vector), reason_to_differ(vector)
    if not reason:
        assert ours == recorded(vector)
    elif reason != "D19":
        assert ours[0] == recorded(vector)[0], "only the replicas are refined"


def test_each_refinement_changes_some_recorded_answer() -> None:
    differing = [each for each in ANSWERED if answer(refinements.plan(situation(each)), each) != recorded(each)]
    assert {reason_to_differ(vector) for vector in differing} == {"D16", "D18", "D19"}


@pytest.mark.parametrize(
    "vector", [each for each in VECTORS if "error" in each and is_number(each["annotatedReplicas"])], ids=str
)
def test_a_budget_that_is_no_number_is_refused(vector: dict[str, Any]) -> None:
    with pytest.raises(ScalingError):
        situation(vector)


def test_an_unreadable_annotation_counts_as_an_unchanged_number() -> None:
    """D28: the reference fails for ever before the apply that would put the annotation right."""
    plans = {
        each["name"]: refinements.plan(situation(each)) for each in VECTORS if not is_number(each["annotatedReplicas"])
    }
    assert plans["no annotation, not at rest"] == Plan(1, 3, "step")
    assert plans["bad annotation"] == Plan(1, 3, "step")
    assert plans["no annotation, scale down"] == Plan(0, 2, "step")
