"""The resources of the Kubernetes API that this program uses, and the paths at which they live."""

from typing import Final, NamedTuple

from lws_events import names
from lws_events.gang import VOLCANO


class Resource(NamedTuple):
    """A kind of object and where the API server serves it. ``group`` is empty for the core group."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """``apiVersion`` of its objects."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None = None, name: str = "", subresource: str = "") -> str:
        """Path of a collection, an object or a subresource. No namespace: all of them (or a cluster-wide kind)."""
        parts = ["/apis", self.group, self.version] if self.group else ["/api", self.version]
        if namespace and self.namespaced:
            parts += ["namespaces", namespace]
        return "/".join(part for part in (*parts, self.plural, name, subresource) if part)


LEADER_WORKER_SETS: Final = Resource(names.GROUP, names.VERSION, names.PLURAL, names.KIND)
STATEFUL_SETS: Final = Resource("apps", "v1", "statefulsets", "StatefulSet")
CONTROLLER_REVISIONS: Final = Resource("apps", "v1", "controllerrevisions", "ControllerRevision")
PODS: Final = Resource("", "v1", "pods", "Pod")
SERVICES: Final = Resource("", "v1", "services", "Service")
NODES: Final = Resource("", "v1", "nodes", "Node", namespaced=False)
EVENTS: Final = Resource("events.k8s.io", "v1", "events", "Event")
POD_GROUPS: Final = Resource(VOLCANO.group, VOLCANO.version, VOLCANO.plural, VOLCANO.kind)
LEASES: Final = Resource("coordination.k8s.io", "v1", "leases", "Lease")

_CORE_PREFIX_PARTS: Final = 2
_GROUP_PREFIX_PARTS: Final = 3


def resource_of(path: str) -> str:
    """Plural, and subresource if any, of a path: few distinct values, for counting requests."""
    parts = path.strip("/").split("/")
    rest = parts[_CORE_PREFIX_PARTS if parts[0] == "api" else _GROUP_PREFIX_PARTS :]
    if rest[:1] == ["namespaces"] and len(rest) > 2:
        rest = rest[2:]
    return "/".join(rest[:1] + rest[2:3])
