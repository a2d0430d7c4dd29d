"""Reduced views of objects: what the state machine, an audit or a person needs of them, and nothing else.

Facts about objects that are there (``events``). A kubelet's heartbeat is no news: it is in no view. Templates stay the
raw JSON that the API server sent.
"""

from typing import Final

import msgspec


class View(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, gc=False):
    """What every observation carries. ``uid`` and ``resource_version`` order two views of one object name."""

    uid: str
    resource_version: str
    deleting_since: str | None = None
    """``metadata.deletionTimestamp`` (RFC 3339) of an object on its way out."""


class Owner(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """The controller owner reference of an object."""

    kind: str
    name: str
    uid: str


class FieldManager(msgspec.Struct, frozen=True, omit_defaults=True):
    """One entry of ``metadata.managedFields``, without the fields: who has written to an object, how, and when last."""

    name: str
    """For example ``kubectl-client-side-apply``, or what a client calls itself."""
    operation: str = "Update"
    """``Update`` or ``Apply``."""
    time: str = ""
    """RFC 3339, in whole seconds; empty where the API server has none."""
    subresource: str = ""
    """``scale``, where the write went through it."""


class SetObserved(View, frozen=True, omit_defaults=True, kw_only=True, tag="SetObserved"):
    """A LeaderWorkerSet's metadata and spec. Its status is a fact of its own (``SetStatusObserved``)."""

    generation: int
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    """All but kubectl's last-applied copy, which nothing here reads (spec D39)."""
    spec: msgspec.Raw = msgspec.Raw(b"{}")
    managers: tuple[FieldManager, ...] = ()
    """Who has written to it, without writers of the status; the last ones first, at most eight. For people: that only
    they have changed is no news. Empty where an earlier release recorded it."""


class SetStatusObserved(View, frozen=True, omit_defaults=True, kw_only=True, tag="SetStatusObserved"):
    """A LeaderWorkerSet's ``status`` as raw JSON."""

    status: msgspec.Raw = msgspec.Raw(b"{}")


NOT_RECORDED: Final = msgspec.Raw(b"null")
"""In place of JSON that is of no interest, or that an earlier release did not record."""


class StatefulSetObserved(View, frozen=True, omit_defaults=True, kw_only=True, tag="StatefulSetObserved"):
    """A leader or worker StatefulSet (which of them: its owner's kind), without its template."""

    generation: int
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    """Only the keys below ``leaderworkerset.sigs.k8s.io/``."""
    owner: Owner | None = None
    replicas: int = 0
    partition: int | None = None
    """None where the StatefulSet has no ``rollingUpdate`` block."""
    status_replicas: int = 0
    ready_replicas: int = 0
    available_replicas: int = 0
    current_revision: str = ""
    update_revision: str = ""
    claims: msgspec.Raw = NOT_RECORDED
    """``spec.volumeClaimTemplates`` of one that no pod owns, as the API server sent them (a list; spec D10); null where
    they were not recorded."""
    max_unavailable: int | None = None
    """``spec.updateStrategy.rollingUpdate.maxUnavailable``; None where the API server has dropped it (spec D24)."""


class ContainerExit(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """The latest known end of a container."""

    container: str
    exit_code: int
    reason: str = ""
    """For example ``OOMKilled``, ``Error``, ``Completed``."""
    signal: int = 0
    """Number of the signal that ended it, where the container runtime says so; 0 where it does not."""


class Disruption(msgspec.Struct, frozen=True, omit_defaults=True):
    """Condition ``DisruptionTarget``: why Kubernetes itself ends a pod."""

    reason: str
    """``PreemptionByScheduler``, ``EvictionByEvictionAPI``, ``DeletionByTaintManager``, ``DeletionByPodGC`` or
    ``TerminationByKubelet``."""
    message: str = ""


class PodObserved(View, frozen=True, omit_defaults=True, kw_only=True, tag="PodObserved"):
    """A leader or worker pod."""

    labels: dict[str, str] = {}
    """Only the keys below ``leaderworkerset.sigs.k8s.io/`` and ``lws-events.io/``."""
    annotations: dict[str, str] = {}
    """As of the labels."""
    owner: Owner | None = None
    phase: str = "Pending"
    ready: bool = False
    restarts: int = 0
    """Sum of ``restartCount`` over containers and init containers; ephemeral ones do not count (spec 4.7)."""
    last_exit: ContainerExit | None = None
    reason: str = ""
    """``status.reason``, for example ``Evicted``."""
    waiting: str = ""
    """Why the pod is not scheduled (message of ``PodScheduled=False``), or what a container waits for."""
    node: str = ""
    topology: dict[str, str] = {}
    """The node's values of those topology keys that the pod's own annotations name; empty until scheduled."""
    requests_tpus: bool = False
    gang_group: str = ""
    """Name of the PodGroup by which the gang scheduler places the pod; empty where none is configured (spec 4.9)."""
    grace_seconds: int = 30
    """``terminationGracePeriodSeconds``; what is absent is the API's default."""
    disruption: Disruption | None = None
    deleted_in_foreground: bool = False
    """It is on its way out, after what it owns: so a group is recreated, and a shadow tells it from other ends."""


class ServiceObserved(View, frozen=True, omit_defaults=True, kw_only=True, tag="ServiceObserved"):
    """A Service that carries the set's name label, or has the name of a set."""

    owner: Owner | None = None
    headless: bool = False
    selector: dict[str, str] = {}


class RevisionObserved(View, frozen=True, omit_defaults=True, kw_only=True, tag="RevisionObserved"):
    """A ControllerRevision of a set."""

    key: str
    """Value of the label ``template-revision-hash``."""
    number: int
    owner: Owner | None = None
    data: msgspec.Raw = msgspec.Raw(b"{}")
    """The exact bytes of ``data`` (spec 9.1): they are compared as bytes."""


class PodGroupObserved(View, frozen=True, omit_defaults=True, kw_only=True, tag="PodGroupObserved"):
    """A PodGroup of a gang scheduler that carries a set's name label."""

    owner: Owner | None = None
    min_member: int = 0
    phase: str = ""
    """``status.phase``, which the scheduler writes: ``Pending``, ``Inqueue``, ``Running``."""
