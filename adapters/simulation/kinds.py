"""The kinds that the simulated cluster serves: names, scope, subresources, and how their generation moves.

Adding a kind here makes it storable, watchable and garbage collected; it does not give it a controller.
"""

from dataclasses import dataclass
from typing import Final, Literal


@dataclass(frozen=True, eq=False)
class Kind:
    """One served resource. ``generation`` says which changes count: those of ``spec``, of all but metadata and status
    (custom resources), or none (the kind has no generation)."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True
    status: bool = False
    scale: bool = False
    generation: Literal["none", "spec", "content"] = "none"
    custom: bool = False
    short_names: tuple[str, ...] = ()

    @property
    def api_version(self) -> str:
        """``group/version``, or ``version`` alone for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified(self) -> str:
        """``plural.group`` as error messages have it."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


LEADERWORKERSETS: Final = Kind(
    group="leaderworkerset.x-k8s.io",
    version="v1",
    plural="leaderworkersets",
    kind="LeaderWorkerSet",
    status=True,
    scale=True,
    generation="content",
    custom=True,
    short_names=("lws",),
)
PODS: Final = Kind("", "v1", "pods", "Pod", status=True, generation="spec", short_names=("po",))
SERVICES: Final = Kind("", "v1", "services", "Service", status=True, short_names=("svc",))
SECRETS: Final = Kind("", "v1", "secrets", "Secret")
SERVICE_ACCOUNTS: Final = Kind("", "v1", "serviceaccounts", "ServiceAccount", short_names=("sa",))
CONFIGMAPS: Final = Kind("", "v1", "configmaps", "ConfigMap", short_names=("cm",))
CLAIMS: Final = Kind("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", status=True, short_names=("pvc",))
NODES: Final = Kind("", "v1", "nodes", "Node", namespaced=False, status=True, short_names=("no",))
NAMESPACES: Final = Kind("", "v1", "namespaces", "Namespace", namespaced=False, status=True, short_names=("ns",))
STATEFULSETS: Final = Kind(
    "apps",
    "v1",
    "statefulsets",
    "StatefulSet",
    status=True,
    scale=True,
    generation="spec",
    short_names=("sts",),
)
REVISIONS: Final = Kind("apps", "v1", "controllerrevisions", "ControllerRevision")
EVENTS: Final = Kind("events.k8s.io", "v1", "events", "Event", short_names=("ev",))
LEASES: Final = Kind("coordination.k8s.io", "v1", "leases", "Lease")
MUTATING_WEBHOOKS: Final = Kind(
    "admissionregistration.k8s.io",
    "v1",
    "mutatingwebhookconfigurations",
    "MutatingWebhookConfiguration",
    namespaced=False,
    generation="content",
)
VALIDATING_WEBHOOKS: Final = Kind(
    "admissionregistration.k8s.io",
    "v1",
    "validatingwebhookconfigurations",
    "ValidatingWebhookConfiguration",
    namespaced=False,
    generation="content",
)
POD_GROUPS: Final = Kind(
    "scheduling.volcano.sh", "v1beta1", "podgroups", "PodGroup", status=True, generation="content", custom=True
)

ALL: Final = (
    LEADERWORKERSETS,
    PODS,
    SERVICES,
    SECRETS,
    CONFIGMAPS,
    SERVICE_ACCOUNTS,
    CLAIMS,
    NODES,
    NAMESPACES,
    STATEFULSETS,
    REVISIONS,
    EVENTS,
    LEASES,
    MUTATING_WEBHOOKS,
    VALIDATING_WEBHOOKS,
    POD_GROUPS,
)

BY_PATH: Final = {(kind.group, kind.version, kind.plural): kind for kind in ALL}
"""Kind by ``(group, version, plural)``, for REST paths."""

BY_KIND: Final = {(kind.api_version, kind.kind): kind for kind in ALL}
"""Kind by ``(apiVersion, kind)``, for owner references."""
