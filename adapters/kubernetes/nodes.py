"""Labels of nodes, and which pods need to be looked at again when they change.

A pod's observation carries its node's topology, so that the state machine never looks anything up. A node may become
known after its pods, or get its labels later: the pods that name a topology key are therefore indexed by node.
Nodes themselves are never published.
"""

from collections import defaultdict
from typing import Generic, TypeVar

K = TypeVar("K")


class NodeLabels:
    """What is known about nodes."""

    def __init__(self) -> None:
        self._labels: dict[str, dict[str, str]] = {}

    def set(self, node: str, labels: dict[str, str]) -> bool:
        """Take over a node's labels. True where they differ from what was known."""
        changed = self._labels.get(node) != labels
        self._labels[node] = labels
        return changed

    def forget(self, node: str) -> None:
        """A node is gone. What its pods were told about it stays as it was."""
        self._labels.pop(node, None)

    def known(self, node: str) -> bool:
        """True where the node exists, as far as we know."""
        return node in self._labels

    def names(self) -> list[str]:
        """All nodes, sorted."""
        return sorted(self._labels)

    def topology(self, node: str, keys: list[str]) -> dict[str, str]:
        """The node's values of some labels; those that it lacks are left out."""
        labels = self._labels.get(node, {})
        return {key: labels[key] for key in keys if key in labels}


class PlacementIndex(Generic[K]):
    """Pods by node."""

    def __init__(self) -> None:
        self._node: dict[K, str] = {}
        self._pods: defaultdict[str, set[K]] = defaultdict(set)

    def place(self, pod: K, node: str) -> None:
        """A pod is on a node; empty: on none, or of no interest (any more)."""
        before = self._node.pop(pod, "")
        if before:
            self._pods[before].discard(pod)
            if not self._pods[before]:
                del self._pods[before]
        if node:
            self._node[pod] = node
            self._pods[node].add(pod)

    def on(self, node: str) -> set[K]:
        """The pods on a node."""
        return set(self._pods.get(node, ()))
