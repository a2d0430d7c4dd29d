"""Exclusive placement: a group, or a subgroup, has a topology domain to itself (spec 3.5).

Pods attract those with the same key and repel those with any other, among the pods of their namespace (D50).
"""

from typing import Any, Final

from lws_events.admission.lookup import Object, members, section

_REQUIRED: Final = "requiredDuringSchedulingIgnoredDuringExecution"


def with_exclusive_affinity(spec: Object, *, topology_key: str, label_key: str, key: str) -> Object:
    """A pod spec with both terms appended.

    A spec that has a required affinity *and* a required anti-affinity term for this topology key already, whatever
    their selectors, stays as it is: the user, or an earlier pass, has decided.
    """
    affinity = section(spec, "affinity")
    if all(_has_term(section(affinity, side), topology_key) for side in ("podAffinity", "podAntiAffinity")):
        return spec
    same = [{"key": label_key, "operator": "In", "values": [key]}]
    others = [
        {"key": label_key, "operator": "Exists"},
        {"key": label_key, "operator": "NotIn", "values": [key]},
    ]
    return {
        **spec,
        "affinity": {
            **affinity,
            "podAffinity": _appended(section(affinity, "podAffinity"), topology_key, same),
            "podAntiAffinity": _appended(section(affinity, "podAntiAffinity"), topology_key, others),
        },
    }


def _has_term(side: Object, topology_key: str) -> bool:
    return any(term.get("topologyKey") == topology_key for term in members(side, _REQUIRED))


def _appended(side: Object, topology_key: str, expressions: list[Any]) -> Object:
    term = {"labelSelector": {"matchExpressions": expressions}, "topologyKey": topology_key}
    return {**side, _REQUIRED: [*members(side, _REQUIRED), term]}
