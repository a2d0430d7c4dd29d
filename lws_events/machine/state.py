"""What is known of one LeaderWorkerSet: plain data, changed only by ``fold`` and ``apply``.

*Observed* (views of objects), *in flight* (commands without an outcome) and *unseen* (made by a command, not yet shown
by a watch) are kept apart. Counters are kept up to date group by group, so that an event costs the same in a set of
ten groups as in one of ten thousand.
"""

import functools
from typing import Any, Final

import msgspec

from lws_events import names
from lws_events.decisions import (
    GroupRecreationStarted,
    Issued,
    LeaderReplacementStarted,
    ObjectLeftAlone,
    RolloutBlocked,
)
from lws_events.events import (
    Owner,
    PodGroupObserved,
    PodObserved,
    RevisionObserved,
    ServiceObserved,
    SetObserved,
    StatefulSetObserved,
    View,
)
from lws_events.machine.held import CrashLoop, HeldFailure, Termination
from lws_events.machine.marks import Marks
from lws_events.machine.spec import SetSpec
from lws_events.subjects import SetName

_READ_MAX: Final = 16_384
"""How many numbers stay read: the indices and sizes of groups are asked for again and again."""

ABSENT: Final = "Absent"
"""State of life of a group without any pod (see ``lifecycle``)."""


class PodState(msgspec.Struct, omit_defaults=True):
    """A pod that exists."""

    view: PodObserved
    restarts_seen: int = 0
    """Highest number of container restarts observed: each is judged once, and only a further one counts (spec D3)."""


class Failure(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Something that may end a group: a pod failed, restarted, is being deleted or is gone."""

    pod: str
    pod_uid: str
    is_leader: bool
    what: str
    """In words, for people: ``container restarted``, ``deleted``, ``failed (Evicted)``."""
    owner: Owner | None = None
    key: str = ""
    """Revision key of the pod."""
    gone: bool = False
    """The pod no longer exists."""
    is_restart: bool = False
    """A container restarted, and the pod goes on."""
    group_was_pending: bool = False
    """Some pod of the group was missing or in phase Pending when it happened, this one included."""
    ignored: bool = False
    """The pod is annotated so that its failure does not count."""


class Counts(msgspec.Struct, frozen=True, omit_defaults=True):
    """A group's part in the set's status (spec 4.8), or the sum over groups."""

    ready: int = 0
    updated: int = 0
    existing_from_partition: int = 0
    updated_from_partition: int = 0
    updated_ready_from_partition: int = 0
    ready_wanted: int = 0
    """Ready groups below ``spec.replicas``: surge groups are not among them."""

    def plus(self, other: "Counts", *, sign: int = 1) -> "Counts":
        """Sum (or difference, with ``sign=-1``) field by field."""
        return Counts(
            self.ready + sign * other.ready,
            self.updated + sign * other.updated,
            self.existing_from_partition + sign * other.existing_from_partition,
            self.updated_from_partition + sign * other.updated_from_partition,
            self.updated_ready_from_partition + sign * other.updated_ready_from_partition,
            self.ready_wanted + sign * other.ready_wanted,
        )


class Group(msgspec.Struct, omit_defaults=True):
    """One leader pod, its worker StatefulSet and workers. Identified by the leader pod's name."""

    name: str
    lifecycle: str
    """Name of its state of life (see ``lifecycle``)."""
    leader: PodState | None = None
    worker_set: StatefulSetObserved | None = None
    worker_set_leaders: dict[str, str] = {}
    """uid of each of the last worker StatefulSets of this group → uid of the leader that owns it."""
    workers: dict[str, PodState] = {}
    pending_pods: int = 0
    """Pods in phase Pending, leader included."""
    service: ServiceObserved | None = None
    recreation: GroupRecreationStarted | None = None
    """The recreation that was decided and is not over: its leader still exists."""
    replacement: LeaderReplacementStarted | None = None
    """The same of a replacement of the leader by a rollout (see ``rollout.replacement``)."""
    deletion_accepted: bool = False
    """The API server took the deletion of the leader, or said that it is gone: only its end is still to be seen."""
    unjudged: dict[str, Failure] = {}
    """Failures that await a decision, by pod uid: until the set, the leader or the owner of the pod has been seen."""
    held: HeldFailure | None = None
    """The failure for which the group waits or is kept, as long as its leader exists."""
    counted: Counts = Counts()

    @property
    def index(self) -> int:
        """Group index: the leader's label if it is a number, else the ordinal of its name (spec D7); -1 if neither."""
        labelled = None if self.leader is None else read_number(self.leader.view.labels.get(names.GROUP_INDEX, ""))
        return names.pod_ordinal(self.name).ordinal if labelled is None else labelled

    @property
    def recreating(self) -> str:
        """uid of the leader whose deletion has been decided; empty when none has."""
        decided = self.recreation or self.replacement
        return decided.leader_uid if decided is not None else ""

    @property
    def is_empty(self) -> bool:
        """Nothing of the group is left."""
        return self.leader is None and self.worker_set is None and not self.workers and self.service is None


class Retry(msgspec.Struct, omit_defaults=True):
    """A failed command's target: how often in a row, and whether its timer is still running."""

    attempts: int
    waiting: bool = True


class AppliedLeader(msgspec.Struct, frozen=True, omit_defaults=True):
    """The last leader StatefulSet that was applied successfully."""

    inputs: str
    """Digest of everything that went into it (``ApplyLeaderStatefulSet.inputs``)."""
    uid: str = ""
    resource_version: str = ""
    """Of the API server's answer: a view from before it says nothing about what was applied."""
    generation: int = 0
    """``metadata.generation`` of the answer: a later one is someone else's change."""
    key: str = ""
    partition: int = 0
    replicas: int = 0
    annotations: dict[str, str] = {}
    """As far as observations would show them."""


class Unseen(msgspec.Struct, frozen=True, omit_defaults=True):
    """An object that a command made, as long as no watch has shown it."""

    uid: str
    since_ms: int
    """When the outcome was recorded."""


class Aggregate(msgspec.Struct, omit_defaults=True):
    """Everything known of one set, and every command that still lacks an outcome."""

    name: SetName
    set_: SetObserved | None = msgspec.field(default=None, name="set")
    spec: SetSpec | None = None
    spec_json: dict[str, Any] = {}
    wanted_data: str = ""
    """Revision data of the present spec (spec 9.1)."""
    set_digest: str = ""
    """Digest of the set's spec, labels and annotations."""
    status: dict[str, Any] = {}
    """The status as last observed or written."""
    status_version: str = ""
    """resourceVersion of the set with that status."""
    status_written_ms: int = 0
    """Time of the event that led to the last status write."""

    leader_set: StatefulSetObserved | None = None
    applied: AppliedLeader | None = None
    service: ServiceObserved | None = None
    revisions: dict[str, RevisionObserved] = {}
    revision_names_taken: list[str] = []
    """Names under which no revision could be created, because somebody else's object has them."""
    target_key: str = ""
    """Key of the revision that groups are to have."""
    chosen_for: str = ""
    """The wanted data for which ``target_key`` was chosen."""
    change_missed: bool = False
    """The set is another one than is known here, and is about to be told of (``SetChangeMissed``)."""
    unrecorded_key: str = ""
    """Key of a leader StatefulSet whose revision is missing and cannot be made anew from the live spec (spec D26)."""
    claims_disputed: bool = False
    """The set's claim templates are others than those in force, which ``spec_json`` has in their place (spec D10)."""
    metadata_due: dict[str, str] = {}
    """Worker StatefulSets that lack labels or annotations of the set, by name → uid (spec D31)."""
    metadata_running: int = 0
    dropped_labels: list[str] = []
    dropped_annotations: list[str] = []

    groups: dict[str, Group] = {}
    pod_groups: dict[str, PodGroupObserved] = {}
    """PodGroups by name. They do not keep the state of a set alive: they go with their leaders."""
    crash_loops: dict[str, CrashLoop] = {}
    """Groups that were recreated and may fail again, by name: they outlive ``groups``, which forgets what is absent."""
    terminations: dict[str, Termination] = {}
    """Groups whose leader is on its way out, by name."""
    totals: Counts = Counts()
    marks: Marks = msgspec.field(default_factory=Marks)
    """What a rolling update asks of groups, bit by bit."""
    broken: bytearray = msgspec.field(default_factory=bytearray)
    """Bits of the groups that were not ready when the rollout began, and have been neither ready nor replaced since."""
    blocked: RolloutBlocked | None = None
    """The last time that it was said of a rollout that it is blocked."""

    in_flight: dict[str, Issued] = {}
    unseen: dict[str, Unseen] = {}
    gone: dict[str, str] = {}
    """uid of each of the objects that went last → resourceVersion of its end: what is told of it later is late."""
    strangers: dict[str, ObjectLeftAlone] = {}
    """Objects that claim to be the set's and are not, by uid: still to be told (see ``strangers``)."""
    strangers_told: dict[str, str] = {}
    """uid of each of the strangers that were told of → name: each is told once."""
    retries: dict[str, Retry] = {}
    timers: dict[str, int] = {}
    """Timers that were set and have not fired: name → time in milliseconds since the epoch."""
    warned: dict[str, str] = {}
    """Last warning about each target: the same is not repeated until the target succeeded."""

    @property
    def is_empty(self) -> bool:
        """Nothing is left of the set, and nothing is under way."""
        return (
            self.set_ is None
            and self.leader_set is None
            and self.service is None
            and not self.revisions
            and not self.in_flight
            and not self.strangers
            and all(group.is_empty for group in self.groups.values())
        )

    @property
    def own_leader_set(self) -> StatefulSetObserved | None:
        """The leader StatefulSet, unless it is another owner's (also an earlier set's) or on its way out."""
        view = self.leader_set
        if view is None or view.deleting_since is not None:
            return None
        uid = self.set_.uid if self.set_ is not None else ""
        return view if view.owner is None or view.owner.uid == uid else None

    def lacks_pod_group(self, group: Group) -> bool:
        """A gang scheduler places the group, and its present leader's PodGroup is not there (spec D32)."""
        leader = group.leader
        if leader is None or not leader.view.gang_group:
            return False
        found = self.pod_groups.get(leader.view.gang_group)
        is_ours = found is not None and found.owner is not None and found.owner.uid == leader.view.uid
        return found is None or not is_ours or found.deleting_since is not None

    @property
    def is_active(self) -> bool:
        """The set exists as it is known, and is not on its way out: only then is anything done (spec 4.2 step 2)."""
        known = self.set_ is not None and self.spec is not None and not self.change_missed
        return known and self.set_ is not None and self.set_.deleting_since is None

    def size_of(self, group: Group) -> int:
        """Pods of a group: by its leader's annotation, so that an old group keeps its own size (spec D29)."""
        annotated = None if group.leader is None else read_number(group.leader.view.annotations.get(names.SIZE, ""))
        if annotated is not None:
            return annotated
        return self.spec.size if self.spec is not None else 1


@functools.lru_cache(maxsize=_READ_MAX)
def read_number(text: str) -> int | None:
    """A label or annotation as a number that an index or a size can be; None where it is none."""
    return int(text) if text.isdecimal() and len(text) <= 10 else None


def is_older(view: View, known: View) -> bool:
    """Whether ``view`` is an earlier state of the same object than ``known``: such an event changes nothing."""
    return view.uid == known.uid and precedes(view.resource_version, known.resource_version)


def precedes(version: str, known: str) -> bool:
    """Compare resource versions of one object: numbers by value (KEP-5504), anything else never precedes."""
    if version >= known and len(version) == len(known) and version.isascii():
        return False  # of as many digits: the usual case, and text tells without reading numbers
    return version.isdecimal() and known.isdecimal() and int(version) < int(known)
