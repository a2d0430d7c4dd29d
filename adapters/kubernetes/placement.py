"""Pods and the topology of their nodes: what a pod's view is told, and which views change when a node does.

A node may become known after its pods, or get its labels later. One that is gone takes nothing back: where a pod was
placed stays part of its record. Publishing is the observer's business.
"""

from collections.abc import Sequence

import msgspec

from adapters.kubernetes import wire
from adapters.kubernetes.known import Change, Known
from adapters.kubernetes.nodes import NodeLabels, PlacementIndex
from adapters.kubernetes.reduce import Key, topology_keys
from lws_events import events


class Placement:
    """Where the pods are that ask for a topology."""

    def __init__(self) -> None:
        self.nodes = NodeLabels()
        self._placed: PlacementIndex[Key] = PlacementIndex()

    def place(self, key: Key, view: events.PodObserved, *, before: events.View | None) -> events.PodObserved:
        """Keep the pod where changes of its node find it. The view, with what was known about a node that is gone."""
        interested = bool(topology_keys(view.annotations))
        self._placed.place(key, view.node if interested else "")
        if (
            interested
            and not self.nodes.known(view.node)
            and isinstance(before, events.PodObserved)
            and (before.uid, before.node) == (view.uid, view.node)
        ):
            return msgspec.structs.replace(view, topology=before.topology)
        return view

    def forget(self, key: Key) -> None:
        """A pod is gone."""
        self._placed.place(key, "")

    def node_changed(self, node: wire.Node, known: Known | None) -> list[Change]:
        """Take over a node's labels; what that changes about the pods on it, as far as they name one of the labels."""
        name = node.metadata.name
        if not self.nodes.set(name, node.metadata.labels or {}) or known is None:
            return []
        changes: list[Change] = []
        for key in sorted(self._placed.on(name)):
            view = known.view(key)
            if isinstance(view, events.PodObserved) and view.node == name:
                topology = self.nodes.topology(name, topology_keys(view.annotations))
                changes += known.observe(key, msgspec.structs.replace(view, topology=topology))
        return changes

    def nodes_listed(self, listed: Sequence[str]) -> None:
        """Forget the nodes that a listing lacks."""
        present = set(listed)
        for name in self.nodes.names():
            if name not in present:
                self.nodes.forget(name)
