"""Rules V12 to V16: a group divides into subgroups without remainder (spec 1.4).

The path spells ``SubGroupPolicy`` with a capital because clients match it (D46). A missing size is a required field
and a size below 1 is one mistake, not four (D41).
"""

from collections.abc import Iterator
from typing import Final

from lws_events import names
from lws_events.admission.budgets import size_of
from lws_events.admission.lookup import Object, annotations, section, text
from lws_events.admission.violations import Violation, invalid, required

SUBGROUP_SIZE: Final = "spec.leaderWorkerTemplate.SubGroupPolicy.subGroupSize"


def subgroup_policy(lws: Object) -> Object | None:
    """``subGroupPolicy``, or None where the set has none. An empty policy is a policy."""
    policy = section(lws, "spec", "leaderWorkerTemplate").get("subGroupPolicy")
    return policy if isinstance(policy, dict) else None


def subgroup_size(lws: Object) -> int | None:
    """``subGroupPolicy.subGroupSize``; None where the policy or the size is absent."""
    size = (subgroup_policy(lws) or {}).get("subGroupSize")
    return None if size is None else int(size)


def subgroup_violations(lws: Object) -> Iterator[Violation]:
    """Rules V12 to V16."""
    if subgroup_policy(lws) is None:
        topology = annotations(lws).get(names.SUBGROUP_EXCLUSIVE_TOPOLOGY)
        if topology is not None:
            yield invalid(
                "V16",
                f"metadata.annotations.{names.SUBGROUP_EXCLUSIVE_TOPOLOGY}",
                topology,
                "cannot have subgroup-exclusive-topology without subGroupSize set",
            )
        return
    per_subgroup = subgroup_size(lws)
    if per_subgroup is None:
        yield required("D41", SUBGROUP_SIZE)
    elif per_subgroup < 1:
        yield invalid("V12", SUBGROUP_SIZE, per_subgroup, "subGroupSize must be equal or greater than 1")
    else:
        kind = text(subgroup_policy(lws), "subGroupPolicyType")
        yield from _division(size_of(lws), per_subgroup, leader_excluded=kind == "LeaderExcluded")


def _division(size: int, per_subgroup: int, *, leader_excluded: bool) -> Iterator[Violation]:
    if size % per_subgroup != 0 and (size - 1) % per_subgroup != 0:
        message = "size or size - 1 must be divisible by subGroupSize"
        yield invalid("V13", SUBGROUP_SIZE, per_subgroup, message)
    if size < per_subgroup:
        yield invalid("V14", SUBGROUP_SIZE, per_subgroup, "subGroupSize cannot be larger than size")
    if leader_excluded and (size - 1) % per_subgroup != 0:
        message = "size-1 must be divisible by subGroupSize when using LeaderExcluded"
        yield invalid("V15", SUBGROUP_SIZE, per_subgroup, message)
