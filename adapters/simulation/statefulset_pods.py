"""The pods of a StatefulSet: how one is made for an ordinal, and the questions that the controller asks about one."""

from adapters.simulation import objects
from adapters.simulation.clock import Clock
from adapters.simulation.objects import Object
from lws_events.names import pod_ordinal

REVISION_LABEL = "controller-revision-hash"
POD_NAME_LABEL = "statefulset.kubernetes.io/pod-name"
POD_INDEX_LABEL = "apps.kubernetes.io/pod-index"


def new_pod(set_: Object, template: Object, *, ordinal: int, revision: str) -> Object:
    """The pod of a StatefulSet at an ordinal, from the template of a revision."""
    set_name = objects.name(set_)
    name = f"{set_name}-{ordinal}"
    metadata = template.get("metadata") or {}
    spec = {**template["spec"], "hostname": name, "subdomain": set_["spec"].get("serviceName", "")}
    claims = set_["spec"].get("volumeClaimTemplates") or []
    if claims:
        spec["volumes"] = _volumes(spec.get("volumes") or [], claims, pod=name)
    pod_metadata = {
        "name": name,
        "generateName": f"{set_name}-",
        "namespace": objects.namespace(set_),
        "labels": {
            **(metadata.get("labels") or {}),
            REVISION_LABEL: revision,
            POD_NAME_LABEL: name,
            POD_INDEX_LABEL: str(ordinal),
        },
        "ownerReferences": [objects.owner_reference(set_)],
    }
    for field in ("annotations", "finalizers"):
        if metadata.get(field):
            pod_metadata[field] = metadata[field]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": pod_metadata, "spec": spec}


def claims_of(set_: Object, *, pod: str) -> list[Object]:
    """The PersistentVolumeClaims that a pod of a StatefulSet needs: ``<claim>-<pod>``."""
    match = (set_["spec"].get("selector") or {}).get("matchLabels") or {}
    result = []
    for template in set_["spec"].get("volumeClaimTemplates") or []:
        metadata = template["metadata"]
        result.append(
            {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "metadata": {
                    "name": f"{metadata['name']}-{pod}",
                    "namespace": objects.namespace(set_),
                    "labels": {**(metadata.get("labels") or {}), **match},
                },
                "spec": template["spec"],
            }
        )
    return result


def _volumes(volumes: list[Object], claims: list[Object], *, pod: str) -> list[Object]:
    names = [claim["metadata"]["name"] for claim in claims]
    claimed = [{"name": name, "persistentVolumeClaim": {"claimName": f"{name}-{pod}"}} for name in names]
    return [*claimed, *(volume for volume in volumes if volume["name"] not in names)]


def ordinal_of(set_: Object, pod: Object) -> int:
    """The ordinal of a pod in a StatefulSet, -1 when its name is not of that StatefulSet."""
    found = pod_ordinal(objects.name(pod))
    return found.ordinal if found.parent == objects.name(set_) else -1


def revision_of(pod: Object) -> str:
    """The name of the ControllerRevision that a pod was made from."""
    return objects.labels(pod).get(REVISION_LABEL, "")


def finished(pod: Object) -> bool:
    """Whether the pod has ended and will not run again."""
    return objects.phase(pod) in {"Failed", "Succeeded"}


def ready(pod: Object) -> bool:
    """Whether the pod runs and is ready (a terminating pod may be)."""
    return objects.phase(pod) == "Running" and objects.is_true(pod, "Ready")


def available_in(pod: Object, *, min_ready_seconds: int, clock: Clock) -> float | None:
    """Seconds until the pod counts as available (0: it does), or ``None`` while it is not ready."""
    if not ready(pod):
        return None
    if not min_ready_seconds:
        return 0.0
    found = objects.condition(pod, "Ready")
    assert found is not None, "ready() has looked at it"
    return max(0.0, min_ready_seconds - clock.seconds_since(found["lastTransitionTime"]))
