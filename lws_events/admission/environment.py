"""The LWS environment variables of every container and init container (spec 3.6).

They come first, so that the user's own variables can refer to them. Of equal names the first wins, although
Kubernetes itself would take the last: running workloads rely on it (D49). Ephemeral containers are not touched.
"""

from typing import Any

from lws_events import names
from lws_events.admission.errors import PodDeniedError
from lws_events.admission.indices import pod_title
from lws_events.admission.lookup import Object, annotations, labels, members, section, text


def with_lws_environment(pod: Object, *, namespace: str) -> Object:
    """A pod spec whose containers know their group.

    Raises:
        PodDeniedError: the label of the group index is missing.
    """
    variables = _variables(pod, namespace)
    spec = dict(section(pod, "spec"))
    for kind in ("containers", "initContainers"):
        if members(spec, kind):
            spec[kind] = [_with(container, variables) for container in members(spec, kind)]
    return spec


def _variables(pod: Object, namespace: str) -> list[dict[str, Any]]:
    title = pod_title(pod, namespace)
    known = labels(pod)
    if names.GROUP_INDEX not in known:
        raise PodDeniedError(f"Failure constructing environment variables, no group index label found for pod {title}")
    subdomain = text(pod, "spec", "subdomain")
    leader = f"{known[names.SET_NAME]}-{known[names.GROUP_INDEX]}"
    return [
        {"name": "LWS_LEADER_ADDRESS", "value": f"{leader}.{subdomain}.{namespace}"},
        {"name": "LWS_GROUP_SIZE", "value": annotations(pod)[names.SIZE]},
        {"name": "LWS_WORKER_INDEX", "value": known[names.WORKER_INDEX]},
    ]


def _with(container: Object, variables: list[dict[str, Any]]) -> Object:
    first: dict[str, dict[str, Any]] = {}
    for variable in [*variables, *members(container, "env")]:
        first.setdefault(text(variable, "name"), variable)
    return {**container, "env": list(first.values())}
