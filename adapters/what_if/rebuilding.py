"""From what a journal says to the objects of a simulated cluster, so that it goes on from there as the real one would.

Views hold what the machine needs; the rest is made again by the code that made it first: StatefulSets by the builders,
from the revisions on record, pods by the StatefulSet controller's rules and the admission of pods. Whatever a view
shows is then set to what it shows. The test of all this is that a listing of the rebuilt cluster is no news.
"""

from typing import Any, Final

from adapters.kubernetes.known import Known
from adapters.simulation import Simulation, kinds, objects
from adapters.simulation import defaults as simulated_defaults
from adapters.simulation.kinds import Kind
from adapters.simulation.managed_fields import Manager, dump, fields_of
from adapters.simulation.objects import Object
from adapters.what_if.pods import PodMaker
from adapters.what_if.statefulsets import SetTemplates, Versions, sts_revisions
from lws_events import events, names, subjects
from lws_events.foreign_json import read_json
from lws_events.machine.state import Aggregate
from lws_events.subjects import SetName

_APPLIED: Final = Manager(names.FIELD_MANAGER, "Apply", "apps/v1")
_CREATED: Final = Manager(names.FIELD_MANAGER, "Update", "apps/v1")


class Rebuilder:
    """Puts sets into a simulation that has nodes and nothing else. Time must not move meanwhile."""

    def __init__(self, simulation: Simulation, known: Known, *, pods: PodMaker) -> None:
        self._has_max_unavailable = simulation.settings.statefulset_max_unavailable
        self._simulation = simulation
        self._pods = pods
        self._views: dict[SetName, dict[str, dict[str, Any]]] = {}
        for kind in (*_OBJECT_KINDS, subjects.SET, subjects.SET_STATUS):
            for key, entry in known.live(kind):
                self._views.setdefault(key.set_name, {}).setdefault(kind, {})[key.name] = entry.view

    def rebuild(self, state: Aggregate) -> None:
        """Put in one set, which must exist and be readable, with all that belongs to it."""
        assert state.set_ is not None
        views = self._views.get(state.name, {})
        self._set(state, views.get(subjects.SET_STATUS, {}).get(state.name.name))
        for name, view in sorted(views.get(subjects.REVISION, {}).items()):
            self._revision(state, name, view)
        templates = SetTemplates(state)
        versions = Versions(templates, leaders=views.get(subjects.POD, {}))
        sets: dict[str, Object] = {}
        for name, view in sorted(views.get(subjects.STATEFULSET, {}).items()):
            sets[name] = self._stateful_set(state, name, view, templates=templates, versions=versions)
        for name, view in sorted(views.get(subjects.POD, {}).items()):
            self._pod(state, name, view, sets=sets, versions=versions)
        for name, view in sorted(views.get(subjects.SERVICE, {}).items()):
            self._service(state, name, view)
        for name, view in sorted(views.get(subjects.POD_GROUP, {}).items()):
            self._pod_group(state, name, view)

    def _put(self, kind: Kind, obj: Object, *, manager: Manager | None = None) -> Object:
        known = {"apiVersion": kind.api_version, "kind": kind.kind, **obj}
        if manager is not None:
            fields = {manager: frozenset(fields_of({key: known[key] for key in known if key != "status"}))}
            now = self._simulation.clock.timestamp()
            known = objects.with_metadata(known, managedFields=dump(fields, previous=None, now=now))
        defaulted = simulated_defaults.apply(kind, known)
        if kind is kinds.STATEFULSETS and not self._has_max_unavailable:
            defaulted = simulated_defaults.without_max_unavailable(defaulted)
        return self._simulation.store.put(kind, defaulted)

    def _metadata(self, state: Aggregate, name: str, view: events.View, **fields: Any) -> Object:
        metadata: Object = {
            "name": name,
            "namespace": state.name.namespace,
            "uid": view.uid,
            "creationTimestamp": self._simulation.clock.timestamp(),
        }
        if view.deleting_since is not None:
            metadata["deletionTimestamp"] = view.deleting_since
            # Whatever else goes at once: only what waits for its dependents is seen on its way out.
            metadata["finalizers"] = [objects.FOREGROUND]
        return metadata | {key: value for key, value in fields.items() if value}

    def _set(self, state: Aggregate, status: events.SetStatusObserved | None) -> None:
        view = state.set_
        assert view is not None
        told = read_json(status.status) if status is not None and status.uid == view.uid else None
        metadata = self._metadata(
            state,
            state.name.name,
            view,
            generation=view.generation,
            labels=dict(view.labels),
            annotations=dict(view.annotations),
        )
        body: Object = {"metadata": metadata, "spec": read_json(view.spec)}
        self._put(kinds.LEADERWORKERSETS, {**body, "status": told} if told else body)

    def _revision(self, state: Aggregate, name: str, view: events.RevisionObserved) -> None:
        labels = {names.SET_NAME: state.name.name, names.REVISION_KEY: view.key}
        metadata = self._metadata(state, name, view, labels=labels, ownerReferences=owned(view.owner))
        self._put(kinds.REVISIONS, {"metadata": metadata, "revision": view.number, "data": read_json(view.data)})

    def _stateful_set(
        self,
        state: Aggregate,
        name: str,
        view: events.StatefulSetObserved,
        *,
        templates: SetTemplates,
        versions: Versions,
    ) -> Object:
        is_leader = view.owner is None or view.owner.kind == names.KIND
        made = templates.leader(view) if is_leader else templates.worker(name, view)
        metadata = self._metadata(
            state,
            name,
            view,
            generation=view.generation,
            labels=dict(view.labels),
            annotations={**made["metadata"].get("annotations", {}), **view.annotations},
            ownerReferences=owned(view.owner),
        )
        stored = self._put(
            kinds.STATEFULSETS,
            {"metadata": metadata, "spec": made["spec"]},
            manager=_APPLIED if is_leader else _CREATED,
        )
        revisions = versions.of_leaders(stored, view) if is_leader else versions.of_workers(stored, view)
        for revision in sts_revisions(stored, revisions, creation=self._simulation.clock.timestamp()):
            self._put(kinds.REVISIONS, revision)
        return self._simulation.store.put(kinds.STATEFULSETS, {**stored, "status": _set_status(view)})

    def _pod(
        self, state: Aggregate, name: str, view: events.PodObserved, *, sets: dict[str, Object], versions: Versions
    ) -> None:
        owner = sets.get(view.owner.name) if view.owner is not None else None
        made = self._pods.make(name, view, namespace=state.name.namespace, owner=owner, versions=versions)
        metadata = self._metadata(state, name, view, ownerReferences=owned(view.owner))
        if view.deleting_since is not None:
            metadata["deletionGracePeriodSeconds"] = view.grace_seconds
            group = state.groups.get(name)
            decided = group is not None and group.recreating == view.uid
            if not (view.deleted_in_foreground or decided):
                del metadata["finalizers"]
        self._put(kinds.PODS, {**made, "metadata": made["metadata"] | metadata})

    def _service(self, state: Aggregate, name: str, view: events.ServiceObserved) -> None:
        labels = {names.SET_NAME: state.name.name}
        metadata = self._metadata(state, name, view, labels=labels, ownerReferences=owned(view.owner))
        spec: Object = {"selector": dict(view.selector), "publishNotReadyAddresses": True}
        self._put(
            kinds.SERVICES, {"metadata": metadata, "spec": spec | ({"clusterIP": "None"} if view.headless else {})}
        )

    def _pod_group(self, state: Aggregate, name: str, view: events.PodGroupObserved) -> None:
        labels = {names.SET_NAME: state.name.name}
        metadata = self._metadata(state, name, view, labels=labels, ownerReferences=owned(view.owner))
        body: Object = {"metadata": metadata, "spec": {"minMember": view.min_member}}
        self._put(kinds.POD_GROUPS, {**body, "status": {"phase": view.phase}} if view.phase else body)


_OBJECT_KINDS: Final = (
    subjects.REVISION,
    subjects.STATEFULSET,
    subjects.POD,
    subjects.SERVICE,
    subjects.POD_GROUP,
)
_API_VERSIONS: Final = {names.KIND: names.API_VERSION, "StatefulSet": "apps/v1", "Pod": "v1"}


def owned(owner: events.Owner | None) -> list[Object]:
    """Owner references of an object whose controller is known."""
    if owner is None:
        return []
    reference = {
        "apiVersion": _API_VERSIONS.get(owner.kind, "v1"),
        "kind": owner.kind,
        "name": owner.name,
        "uid": owner.uid,
    }
    return [{**reference, "controller": True, "blockOwnerDeletion": True}]


def _set_status(view: events.StatefulSetObserved) -> Object:
    status: Object = {
        "observedGeneration": view.generation,
        "replicas": view.status_replicas,
        "readyReplicas": view.ready_replicas,
        "availableReplicas": view.available_replicas,
        "currentRevision": view.current_revision,
        "updateRevision": view.update_revision,
        "collisionCount": 0,
    }
    always = {"replicas", "availableReplicas", "collisionCount"}
    return {key: value for key, value in status.items() if value or key in always}
