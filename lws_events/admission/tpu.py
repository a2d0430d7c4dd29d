"""The TPU environment: which hosts form a slice, and which of them this container is (spec 3.7).

The lists are those of the reference bit for bit, also for the subgroup layouts in which they are wrong (D48). One
case differs: a leader outside all subgroups gets no variables instead of being refused for ever (D47).
"""

from typing import Any, Final

import msgspec

from lws_events import names
from lws_events.accelerators import container_requests_tpus
from lws_events.admission.indices import LEADER_INDEX, integer, pod_title
from lws_events.admission.lookup import Object, annotations, labels, members, section, text
from lws_events.admission.subgroups import subgroup_size_of, truncated_quotient

_PORT: Final = "TPU_PROCESS_PORT"
_FIRST_PORT: Final = 8476


class _Slice(msgspec.Struct, frozen=True):
    """The hosts that work together, and the first id of this pod among them."""

    leader: str
    subdomain: str
    hosts: list[str]
    worker_id: int


def with_tpu_environment(pod: Object, *, size: int, namespace: str) -> Object:
    """A pod spec whose TPU containers know their slice; the same spec where there is nothing to add.

    Raises:
        PodDeniedError: the pod has subgroups, and its subgroup size or index is unusable.
    """
    spec = section(pod, "spec")
    places = [
        (kind, index)
        for kind in ("containers", "initContainers")
        for index, container in enumerate(members(spec, kind))
        if container_requests_tpus(container)
    ]
    if not places or _is_set(_at(spec, places[0])):
        return spec
    if names.SUBGROUP_SIZE not in annotations(pod):
        return _in_all(spec, places, _whole_group(pod, size=size))
    if _is_leader(pod) and not labels(pod).get(names.SUBGROUP_INDEX):
        return spec
    first = places[:1]
    return _in_all(spec, first, _subgroup(pod, namespace=namespace))


def _whole_group(pod: Object, *, size: int) -> _Slice:
    leader = _leader_name(pod)
    counts_leader = _is_leader(pod) or _leader_requests_tpus(pod)
    hosts = [leader] if counts_leader else []
    hosts += [f"{leader}-{index}" for index in range(1, size)]
    index = int(labels(pod)[names.WORKER_INDEX])
    worker_id = index if counts_leader else index - 1
    return _Slice(leader, text(pod, "spec", "subdomain"), hosts, worker_id)


def _subgroup(pod: Object, *, namespace: str) -> _Slice:
    title = pod_title(pod, namespace)
    subgroup = integer(labels(pod).get(names.SUBGROUP_INDEX, ""), what=f"label {names.SUBGROUP_INDEX} of pod {title}")
    per_subgroup = subgroup_size_of(pod, namespace=namespace)
    leader, index = _leader_name(pod), int(labels(pod)[names.WORKER_INDEX])
    leader_takes_part = _leader_requests_tpus(pod)
    position = index
    if index != 0 and not leader_takes_part:
        position = index - 1
        subgroup = truncated_quotient(position, per_subgroup)
    first, last = per_subgroup * subgroup + 1, per_subgroup * (subgroup + 1)
    hosts: list[str] = []
    if index == 0 or (leader_takes_part and subgroup == 0):
        hosts, last = [leader], last - 1
    elif leader_takes_part:
        first, last = first - 1, last - 1
    hosts += [f"{leader}-{host}" for host in range(first, last + 1)]
    worker_id = position - per_subgroup * truncated_quotient(position, per_subgroup)
    return _Slice(leader, text(pod, "spec", "subdomain"), hosts, worker_id)


def _in_all(spec: Object, places: list[tuple[str, int]], group: _Slice) -> Object:
    """The variables in each of the TPU containers: every host stands once for each of them."""
    ports = [_value(_at(spec, place), _PORT, str(_FIRST_PORT + position)) for position, place in enumerate(places)]
    names_of_hosts = [f"{host}.{group.subdomain}" for host in group.hosts]
    common = {
        "TPU_WORKER_HOSTNAMES": ",".join(host for host in names_of_hosts for _ in ports),
        "TPU_NAME": group.leader,
        "TPU_PROCESS_ADDRESSES": ",".join(f"{host}:{port}" for host in names_of_hosts for port in ports),
    }
    changed = dict(spec)
    for position, (kind, index) in enumerate(places):
        container = _at(changed, (kind, index))
        variables = [
            ("TPU_WORKER_HOSTNAMES", common["TPU_WORKER_HOSTNAMES"]),
            ("TPU_WORKER_ID", str(group.worker_id * len(places) + position)),
            ("TPU_NAME", common["TPU_NAME"]),
            ("TPU_PROCESS_ADDRESSES", common["TPU_PROCESS_ADDRESSES"]),
        ]
        if not _defines(container, _PORT):
            variables.append((_PORT, ports[position]))
        env = [*members(container, "env"), *({"name": name, "value": value} for name, value in variables)]
        siblings = list(members(changed, kind))
        siblings[index] = {**container, "env": env}
        changed[kind] = siblings
    return changed


def _is_leader(pod: Object) -> bool:
    return labels(pod).get(names.WORKER_INDEX) == LEADER_INDEX


def _leader_requests_tpus(pod: Object) -> bool:
    return annotations(pod).get(names.LEADER_REQUESTS_TPUS) == "true"


def _leader_name(pod: Object) -> str:
    name = text(pod, "metadata", "name")
    return name if _is_leader(pod) else names.pod_ordinal(name).parent


def _at(spec: Object, place: tuple[str, int]) -> Object:
    kind, index = place
    container: Object = members(spec, kind)[index]
    return container


def _is_set(container: Object) -> bool:
    return _defines(container, "TPU_WORKER_HOSTNAMES") or _defines(container, "TPU_WORKER_ID")


def _defines(container: Object, name: str) -> bool:
    return any(text(variable, "name") == name for variable in members(container, "env"))


def _value(container: Object, name: str, default: str) -> Any:
    return next(
        (text(variable, "value") for variable in members(container, "env") if text(variable, "name") == name),
        default,
    )
