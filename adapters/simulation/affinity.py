"""The scheduling terms of a pod: node selection and required pod (anti-)affinity, taken from its spec once.

Preferred terms are ignored: they never make a difference between "may" and "may not".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from adapters.simulation import objects, selectors
from adapters.simulation.objects import Object
from adapters.simulation.selectors import Requirement, Selector


@dataclass(frozen=True)
class Term:
    """One required pod-affinity term. An empty tuple of namespaces means all of them."""

    topology_key: str
    selector: Selector | None
    namespaces: tuple[str, ...]

    def matches(self, pod: Object) -> bool:
        """Whether the term selects a pod."""
        return (
            self.selector is not None
            and (not self.namespaces or objects.namespace(pod) in self.namespaces)
            and self.selector.matches(objects.labels(pod))
        )


@dataclass(frozen=True)
class Terms:
    """All that restricts where a pod may go."""

    affinity: tuple[Term, ...]
    anti_affinity: tuple[Term, ...]
    node_selectors: tuple[Selector, ...]
    """Alternatives (node affinity), each already joined with ``nodeSelector``."""
    tolerations: tuple[Mapping[str, Any], ...]

    def select_node(self, labels: Mapping[str, str]) -> bool:
        """Whether node selector and node affinity allow a node with these labels."""
        return any(selector.matches(labels) for selector in self.node_selectors)


def of_pod(pod: Object) -> Terms:
    """The terms of a pod."""
    spec = objects.spec(pod)
    affinity = spec.get("affinity") or {}
    plain = tuple(Requirement(key, "In", (value,)) for key, value in sorted((spec.get("nodeSelector") or {}).items()))
    required = (affinity.get("nodeAffinity") or {}).get("requiredDuringSchedulingIgnoredDuringExecution")
    alternatives = [Selector(plain)]
    if required is not None:
        alternatives = [
            Selector((*plain, *(_requirement(entry) for entry in term.get("matchExpressions") or [])))
            for term in required["nodeSelectorTerms"]
            if term.get("matchExpressions")
        ]
    return Terms(
        affinity=_terms(pod, affinity.get("podAffinity")),
        anti_affinity=_terms(pod, affinity.get("podAntiAffinity")),
        node_selectors=tuple(alternatives),
        tolerations=tuple(spec.get("tolerations") or ()),
    )


def _requirement(entry: Object) -> Requirement:
    return Requirement(entry["key"], entry["operator"], tuple(entry.get("values") or ()))


def _terms(pod: Object, part: Object | None) -> tuple[Term, ...]:
    required = (part or {}).get("requiredDuringSchedulingIgnoredDuringExecution") or []
    return tuple(
        Term(
            topology_key=term["topologyKey"],
            selector=selectors.from_spec(term.get("labelSelector")),
            namespaces=_namespaces(pod, term),
        )
        for term in required
    )


def _namespaces(pod: Object, term: Object) -> tuple[str, ...]:
    if term.get("namespaceSelector") == {}:
        return ()
    return tuple(term.get("namespaces") or (objects.namespace(pod),))
