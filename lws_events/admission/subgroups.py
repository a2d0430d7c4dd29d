"""Which subgroup of its group a pod belongs to (spec 3.4).

With ``size - 1`` divisible by the subgroup size the leader is the extra pod of subgroup 0, otherwise pods are
numbered straight through. The policy type decides only whether the leader belongs to a subgroup at all.
"""

from lws_events import names
from lws_events.admission.errors import PodDeniedError
from lws_events.admission.indices import integer, pod_title
from lws_events.admission.lookup import Object, annotations, text


def truncated_quotient(dividend: int, divisor: int) -> int:
    """Integer division that rounds towards zero, as the labels of existing pods were computed."""
    quotient = abs(dividend) // abs(divisor)
    return quotient if (dividend < 0) == (divisor < 0) else -quotient


def subgroup_index(*, size: int, subgroup_size: int, worker_index: int) -> int:
    """The subgroup of a worker of a group of ``size`` pods. ``subgroup_size`` must not be 0."""
    leader_is_extra = (size - 1) % subgroup_size == 0 and size % subgroup_size != 0
    return truncated_quotient(worker_index - 1 if leader_is_extra else worker_index, subgroup_size)


def subgroup_size_of(pod: Object, *, namespace: str) -> int:
    """The annotation's value.

    Raises:
        PodDeniedError: it is no number, or 0 (D43: nothing can be divided by it).
    """
    what = f"annotation {names.SUBGROUP_SIZE} of pod {pod_title(pod, namespace)}"
    size = integer(annotations(pod)[names.SUBGROUP_SIZE], what=what)
    if size == 0:
        raise PodDeniedError(f"{what} must be at least 1, not 0")
    return size


def leader_subgroup(pod: Object) -> dict[str, str]:
    """The leader's subgroup labels; none where it is excluded."""
    if annotations(pod).get(names.SUBGROUP_POLICY_TYPE) == "LeaderExcluded":
        return {}
    return _labels(text(pod, "metadata", "name"), 0)


def worker_subgroup(pod: Object, *, size: int, worker_index: int, namespace: str) -> dict[str, str]:
    """The worker's subgroup labels.

    Raises:
        PodDeniedError: the subgroup size is unusable.
    """
    subgroup_size = subgroup_size_of(pod, namespace=namespace)
    index = subgroup_index(size=size, subgroup_size=subgroup_size, worker_index=worker_index)
    return _labels(annotations(pod).get(names.LEADER_NAME, ""), index)


def _labels(leader_name: str, index: int) -> dict[str, str]:
    # The key has no namespace in it, unlike the group key (spec 3.4).
    return {
        names.SUBGROUP_INDEX: str(index),
        names.SUBGROUP_KEY: names.topology_group_key(leader_name, str(index)),
    }
