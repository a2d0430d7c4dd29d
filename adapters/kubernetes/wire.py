"""Kubernetes objects as they come over the wire, as far as this program reads them.

Everything else in an object (most of the specs; ``managedFields`` but for a set's writers) is skipped by the decoder,
never built. Any field may be absent, a map or list also null; templates and data stay raw bytes.
"""

from typing import Any

import msgspec


class OwnerReference(msgspec.Struct, rename="camel"):
    """One entry of ``metadata.ownerReferences``."""

    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool | None = None


class Meta(msgspec.Struct, rename="camel"):
    """``metadata`` of an object."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    deletion_timestamp: str | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    owner_references: list[OwnerReference] | None = None
    finalizers: list[str] | None = None

    def label(self, key: str) -> str:
        """Value of a label; empty where it is absent."""
        return (self.labels or {}).get(key, "")

    @property
    def controller(self) -> OwnerReference | None:
        """The controller owner."""
        return next((owner for owner in self.owner_references or () if owner.controller), None)


class Object(msgspec.Struct):
    """Any object. A Status, which has no metadata of interest, reads as one without a uid."""

    metadata: Meta = msgspec.field(default_factory=Meta)


class ManagedFields(msgspec.Struct):
    """One entry of ``metadata.managedFields``, without the fields themselves."""

    manager: str = ""
    operation: str = ""
    time: str | None = None
    subresource: str = ""


class SetMeta(Meta, rename="camel"):
    """``metadata`` of a LeaderWorkerSet: of a set it is of interest who has written to it."""

    managed_fields: list[ManagedFields] | None = None


class LeaderWorkerSet(Object):
    """A LeaderWorkerSet."""

    metadata: SetMeta = msgspec.field(default_factory=SetMeta)
    spec: msgspec.Raw = msgspec.Raw(b"{}")
    status: msgspec.Raw = msgspec.Raw(b"{}")


class RollingUpdate(msgspec.Struct, rename="camel"):
    """``spec.updateStrategy.rollingUpdate`` of a StatefulSet."""

    partition: int | None = None
    max_unavailable: int | str | None = None


class UpdateStrategy(msgspec.Struct, rename="camel"):
    """``spec.updateStrategy`` of a StatefulSet."""

    rolling_update: RollingUpdate | None = None


class StatefulSetSpec(msgspec.Struct, rename="camel"):
    """``spec`` of a StatefulSet."""

    replicas: int | None = None
    update_strategy: UpdateStrategy | None = None
    volume_claim_templates: msgspec.Raw = msgspec.Raw(b"[]")


class StatefulSetStatus(msgspec.Struct, rename="camel"):
    """``status`` of a StatefulSet."""

    replicas: int = 0
    ready_replicas: int = 0
    available_replicas: int = 0
    current_revision: str = ""
    update_revision: str = ""


class StatefulSet(Object):
    """A StatefulSet."""

    spec: StatefulSetSpec = msgspec.field(default_factory=StatefulSetSpec)
    status: StatefulSetStatus = msgspec.field(default_factory=StatefulSetStatus)


class Container(msgspec.Struct):
    """A container of a pod's spec."""

    name: str = ""
    resources: msgspec.Raw = msgspec.Raw(b"{}")


class PodSpec(msgspec.Struct, rename="camel"):
    """``spec`` of a pod."""

    node_name: str = ""
    scheduler_name: str = ""
    grace_seconds: int | None = msgspec.field(default=None, name="terminationGracePeriodSeconds")
    containers: list[Container] | None = None
    init_containers: list[Container] | None = None


class PodCondition(msgspec.Struct):
    """One entry of ``status.conditions`` of a pod."""

    type: str = ""
    status: str = ""
    reason: str = ""
    message: str = ""


class Terminated(msgspec.Struct, rename="camel"):
    """The end of a container."""

    exit_code: int = 0
    signal: int = 0
    reason: str = ""
    finished_at: str | None = None


class Waiting(msgspec.Struct):
    """Why a container does not run yet."""

    reason: str = ""


class ContainerState(msgspec.Struct):
    """``state`` or ``lastState`` of a container; at most one member is set."""

    terminated: Terminated | None = None
    waiting: Waiting | None = None


class ContainerStatus(msgspec.Struct, rename="camel"):
    """One entry of ``status.containerStatuses`` or ``initContainerStatuses``."""

    name: str = ""
    restart_count: int = 0
    state: ContainerState | None = None
    last_state: ContainerState | None = None


class PodStatus(msgspec.Struct, rename="camel"):
    """``status`` of a pod."""

    phase: str = ""
    reason: str = ""
    conditions: list[PodCondition] | None = None
    container_statuses: list[ContainerStatus] | None = None
    init_container_statuses: list[ContainerStatus] | None = None


class Pod(Object):
    """A pod."""

    spec: PodSpec = msgspec.field(default_factory=PodSpec)
    status: PodStatus = msgspec.field(default_factory=PodStatus)


class ServiceSpec(msgspec.Struct):
    """``spec`` of a Service."""

    cluster_ip: str = msgspec.field(default="", name="clusterIP")
    selector: dict[str, str] | None = None


class Service(Object):
    """A Service."""

    spec: ServiceSpec = msgspec.field(default_factory=ServiceSpec)


class ControllerRevision(Object):
    """A ControllerRevision."""

    revision: int = 0
    data: msgspec.Raw = msgspec.Raw(b"{}")


class PodGroupSpec(msgspec.Struct, rename="camel"):
    """``spec`` of a PodGroup."""

    min_member: int = 0


class PodGroupStatus(msgspec.Struct):
    """``status`` of a PodGroup."""

    phase: str = ""


class PodGroup(Object):
    """A PodGroup of a gang scheduler."""

    spec: PodGroupSpec = msgspec.field(default_factory=PodGroupSpec)
    status: PodGroupStatus = msgspec.field(default_factory=PodGroupStatus)


class Node(Object):
    """A node: nothing but its metadata is of interest."""


class Resources(msgspec.Struct):
    """``resources`` of a container, decoded only where they may name an accelerator."""

    limits: dict[str, Any] | None = None
    requests: dict[str, Any] | None = None


class ListMeta(msgspec.Struct, rename="camel"):
    """``metadata`` of a listing."""

    resource_version: str = ""
    continue_: str = msgspec.field(default="", name="continue")


class Page(msgspec.Struct):
    """A page of a listing; its objects are read one by one."""

    metadata: ListMeta
    items: list[msgspec.Raw] | None = None


class Unreadable(Object, kw_only=True):
    """An object whose JSON is not that of its kind, with as much of its metadata as can be read."""

    model: type[Object]
    """What it should have been read as."""
    problem: str
