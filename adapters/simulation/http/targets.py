"""What a REST path of the Kubernetes API is about."""

from dataclasses import dataclass

from adapters.simulation.errors import NotFoundError
from adapters.simulation.kinds import BY_PATH, Kind

_UNKNOWN = "the server could not find the requested resource"


@dataclass(frozen=True)
class Target:
    """A collection (no name), an object, or one of its subresources."""

    kind: Kind
    namespace: str = ""
    name: str = ""
    subresource: str = ""


def target_of(path: str) -> Target:
    """Read a path such as ``/apis/apps/v1/namespaces/default/statefulsets/web/status``.

    Raises:
        NotFoundError: no kind is served there.
    """
    parts = [part for part in path.split("/") if part]
    if parts[:1] == ["api"] and len(parts) > 2:
        group, version, rest = "", parts[1], parts[2:]
    elif parts[:1] == ["apis"] and len(parts) > 3:
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        raise NotFoundError(_UNKNOWN)
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2 and rest[2] not in {"status", "finalize"}:
        namespace, rest = rest[1], rest[2:]
    kind = BY_PATH.get((group, version, rest[0]))
    if kind is None or bool(namespace) > kind.namespaced or len(rest) > 3:
        raise NotFoundError(_UNKNOWN)
    return Target(kind, namespace, *rest[1:])
