"""The templates of a set's StatefulSets, made again from the revisions on record, and their own histories.

A StatefulSet's view has no template: what it must have been follows from its revision key, the set, and, for topology,
which is in no revision, from what its pods carry. The StatefulSet controller keeps revisions of its own; their names
are on record, their contents are those templates.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from adapters.simulation import defaults as simulated_defaults
from adapters.simulation import objects
from adapters.simulation.kinds import STATEFULSETS
from adapters.simulation.objects import Object
from lws_events import events, names
from lws_events.canonical.errors import CanonicalError
from lws_events.foreign_json import read_json
from lws_events.machine.manifest import lws_object
from lws_events.machine.state import Aggregate
from lws_events.machine.versions import newest
from lws_events.objects.leader_statefulset import leader_statefulset
from lws_events.objects.metadata import LeaderRef
from lws_events.objects.worker_statefulset import prepare_worker_template, worker_statefulset
from lws_events.revisions import restore


class Version(NamedTuple):
    """What makes two leader templates of one set different: the revision, and the topology that no revision holds."""

    key: str
    topology: tuple[str, ...]


class SetTemplates:
    """The manifests of one set's StatefulSets."""

    def __init__(self, state: Aggregate) -> None:
        self._state = state
        self._lws = lws_object(state)
        self._prepared: dict[str, Any] = {}
        self._leader_templates: dict[Version, Object] = {}

    @property
    def topology(self) -> tuple[str, ...]:
        """The topology annotations of the set as it is now."""
        return topology_of(self._lws["metadata"]["annotations"])

    def leader(self, view: events.StatefulSetObserved) -> Object:
        """The leader StatefulSet as it was applied."""
        key = view.labels.get(names.REVISION_KEY, "")
        claims = read_json(view.claims)
        return _plain(
            leader_statefulset(
                self._of_version(Version(key, self.topology)),
                partition=view.partition or 0,
                replicas=view.replicas,
                revision_key=key,
                claims=claims if isinstance(claims, list) else None,
            )
        )

    def leader_template(self, version: Version) -> Object:
        """The pod template of leaders of a version, with the API server's defaults."""
        if version not in self._leader_templates:
            made = leader_statefulset(self._of_version(version), partition=0, replicas=0, revision_key=version.key)
            self._leader_templates[version] = simulated_defaults.apply(STATEFULSETS, _plain(made))["spec"]["template"]
        return self._leader_templates[version]

    def worker(self, name: str, view: events.StatefulSetObserved) -> Object:
        """The worker StatefulSet of a group as it was created."""
        state, group = self._state, self._state.groups.get(name)
        leader = group.leader if group is not None else None
        owner = view.owner
        assert owner is not None, "a worker StatefulSet is a leader's"
        is_present = leader is not None and leader.view.uid == owner.uid
        ref = LeaderRef(
            name=name,
            namespace=state.name.namespace,
            uid=owner.uid,
            labels={**view.labels, **(leader.view.labels if leader is not None and is_present else {})},
            requests_tpus=leader is not None and leader.view.requests_tpus,
        )
        key = view.labels.get(names.REVISION_KEY, "")
        if key not in self._prepared:
            self._prepared[key] = prepare_worker_template(self._spec(key), namespace=state.name.namespace)
        prepared = msgspec.structs.replace(self._prepared[key], size=view.replicas + 1)
        topology = leader.view.topology if leader is not None else {}
        wanted = topology.get(self._lws["metadata"]["annotations"].get(names.EXCLUSIVE_TOPOLOGY, ""), "")
        made = worker_statefulset(prepared, lws=self._lws, leader=ref, topology_value=wanted)
        assert made is not None or view.replicas == 0
        return _plain(made) if made is not None else self.leader(view)

    def _of_version(self, version: Version) -> Object:
        annotations = dict(self._lws["metadata"]["annotations"])
        for name, value in zip(names.TOPOLOGY_KEYS, version.topology, strict=True):
            annotations.pop(name, None)
            if value:
                annotations[name] = value
        metadata = {**self._lws["metadata"], "annotations": annotations}
        return {**self._lws, "metadata": metadata, "spec": self._spec(version.key)}

    def _spec(self, key: str) -> Object:
        """The spec that a revision key stands for; the present one where its revision is missing."""
        state = self._state
        revision = newest(state, key)
        if not revision:
            return state.spec_json
        try:
            return restore(state.spec_json, bytes(state.revisions[revision].data))
        except CanonicalError:
            return state.spec_json


class Versions:
    """Which revision of its StatefulSet each pod was made from."""

    def __init__(self, templates: SetTemplates, *, leaders: Mapping[str, events.PodObserved]) -> None:
        self._templates = templates
        self._leaders = leaders
        self._names: dict[Version, str] = {}

    def of_leaders(self, stored: Object, view: events.StatefulSetObserved) -> dict[str, Object]:
        """The leader StatefulSet's own revisions, oldest first: name → template."""
        present = Version(view.labels.get(names.REVISION_KEY, ""), self._templates.topology)
        others: dict[Version, None] = {}
        for name, pod in sorted(self._leaders.items(), key=lambda item: names.pod_ordinal(item[0]).ordinal):
            version = version_of(pod)
            is_its = pod.owner is not None and pod.owner.uid == view.uid
            if is_its and version != present and names.pod_ordinal(name).parent == objects.name(stored):
                others[version] = None
        found: dict[str, Object] = {}
        if view.current_revision and view.current_revision != view.update_revision:
            found[view.current_revision] = (
                self._templates.leader_template(next(iter(others))) if others else stored["spec"]["template"]
            )
        for index, version in enumerate(others):
            name = view.current_revision if index == 0 and found else f"{objects.name(stored)}-{version.key}"
            self._names[version] = name
            found.setdefault(name, self._templates.leader_template(version))
        if view.update_revision:
            self._names[present] = view.update_revision
            found[view.update_revision] = stored["spec"]["template"]
        return found

    @staticmethod
    def of_workers(stored: Object, view: events.StatefulSetObserved) -> dict[str, Object]:
        """A worker StatefulSet is never changed: it has one revision, once its controller has seen it."""
        return {view.update_revision: stored["spec"]["template"]} if view.update_revision else {}

    def leader(self, pod: events.PodObserved) -> tuple[str, Object]:
        """Name of a leader pod's revision, and its template."""
        version = version_of(pod)
        return self._names.get(version, version.key), self._templates.leader_template(version)


def version_of(pod: events.PodObserved) -> Version:
    """The version of a leader pod."""
    return Version(pod.labels.get(names.REVISION_KEY, ""), topology_of(pod.annotations))


def topology_of(annotations: Mapping[str, str]) -> tuple[str, ...]:
    """The topology annotations, in a fixed order; empty where not set."""
    return tuple(annotations.get(name, "") for name in names.TOPOLOGY_KEYS)


def sts_revisions(stored: Object, templates: Mapping[str, Object], *, creation: str) -> Iterator[Object]:
    """The ControllerRevisions that the StatefulSet controller keeps of a StatefulSet."""
    for number, (name, template) in enumerate(templates.items(), start=1):
        labels = (template.get("metadata") or {}).get("labels") or {}
        metadata = {
            "name": name,
            "namespace": objects.namespace(stored),
            "uid": f"{objects.uid(stored)}-{number}",
            "creationTimestamp": creation,
            "labels": labels,
            "ownerReferences": [objects.owner_reference(stored)],
        }
        data = {"spec": {"template": {**template, "$patch": "replace"}}}
        yield {"metadata": metadata, "revision": number, "data": data}


def _plain(built: Object) -> Object:
    """As the API server would read it: no raw parts, nothing shared."""
    decoded: Object = msgspec.json.decode(msgspec.json.encode(built))
    return decoded
