"""The mutating hook of pods: labels, placement and environment of a member of a group (spec 3.1).

Pods without the set's name label pass unchanged. The order of the steps is part of the contract: the TPU step reads
the worker index that an earlier step wrote, and the LWS variables come in front of everything.
"""

from lws_events import names
from lws_events.admission.environment import with_lws_environment
from lws_events.admission.errors import PodDeniedError
from lws_events.admission.exclusive import with_exclusive_affinity
from lws_events.admission.indices import (
    LEADER_INDEX,
    integer,
    leader_labels,
    leader_subdomain,
    pod_title,
    worker_labels,
)
from lws_events.admission.lookup import Object, annotations, labels, section, text
from lws_events.admission.subgroups import leader_subgroup, worker_subgroup
from lws_events.admission.tpu import with_tpu_environment
from lws_events.admission.typed_reading import read_pod
from lws_events.gang import GangScheduling, pod_group_name


def mutate_pod(pod: Object, *, namespace: str = "", gang: GangScheduling | None = None) -> Object:
    """The pod as the mutating hook leaves it. The input is not changed, the result may share parts with it.

    ``namespace`` is the request's, used where the pod names none. ``gang`` switches the annotation for gang
    scheduling on.

    Raises:
        UnreadableObjectError: a field has the wrong type (the hook answers 400).
        PodDeniedError: the pod lacks what a pod of a set must have (403).
    """
    read_pod(pod)  # for its types only: the API server has already given the pod its canonical spelling
    if names.SET_NAME not in labels(pod):
        return pod
    namespace = text(pod, "metadata", "namespace") or namespace
    size = _size(pod, namespace)
    placed = _placed(pod, size=size, namespace=namespace)
    if gang is not None and gang.takes(text(pod, "spec", "schedulerName")):
        placed = _with_gang(placed, gang)
    placed = {**placed, "spec": with_tpu_environment(placed, size=size, namespace=namespace)}
    return {**placed, "spec": with_lws_environment(placed, namespace=namespace)}


def _size(pod: Object, namespace: str) -> int:
    size = annotations(pod).get(names.SIZE)
    if size is None:
        name = text(pod, "metadata", "name")
        raise PodDeniedError(f"size annotation is unexpectedly missing for pod {name}")
    return integer(size, what=f"annotation {names.SIZE} of pod {pod_title(pod, namespace)}")


def _placed(pod: Object, *, size: int, namespace: str) -> Object:
    """Index labels, subdomain, exclusive affinity and subgroup."""
    known, asked, spec = labels(pod), annotations(pod), section(pod, "spec")
    leader = known.get(names.WORKER_INDEX) == LEADER_INDEX
    if leader:
        known = leader_labels(pod, known, namespace=namespace)
        subdomain = leader_subdomain(pod)
        spec = {**spec, "subdomain": subdomain} if subdomain else spec
        spec = _exclusive(spec, asked.get(names.EXCLUSIVE_TOPOLOGY), names.GROUP_KEY, known)
    else:
        known = worker_labels(pod, known)
    if names.SUBGROUP_SIZE in asked and not known.get(names.SUBGROUP_INDEX):
        if leader:
            assigned = leader_subgroup(pod)
        else:
            index = int(known[names.WORKER_INDEX])
            assigned = worker_subgroup(pod, size=size, worker_index=index, namespace=namespace)
        known = {**known, **assigned}
        if assigned:
            spec = _exclusive(spec, asked.get(names.SUBGROUP_EXCLUSIVE_TOPOLOGY), names.SUBGROUP_KEY, known)
    return {**pod, "metadata": {**section(pod, "metadata"), "labels": known}, "spec": spec}


def _exclusive(spec: Object, topology_key: str | None, label_key: str, known: dict[str, str]) -> Object:
    if not topology_key:  # an empty annotation means "not set" (D22)
        return spec
    return with_exclusive_affinity(spec, topology_key=topology_key, label_key=label_key, key=known[label_key])


def _with_gang(pod: Object, gang: GangScheduling) -> Object:
    group = pod_group_name(labels(pod))
    metadata = section(pod, "metadata")
    return {**pod, "metadata": {**metadata, "annotations": {**annotations(pod), gang.provider.group_annotation: group}}}
