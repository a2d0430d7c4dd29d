"""The fields of a LeaderWorkerSet: types, defaults, bounds and descriptions (spec 1.2, 1.6).

These structs are the source of the CRD's schema and of nothing else. The state machine has views of its own with only
the fields that it decides on, and admission works on the JSON of the request, because a round trip through types
would lose what they do not know.
"""

from typing import Annotated, Any, Final

from msgspec import UNSET, Meta, Struct, UnsetType

# Key of a schema that says: take the Kubernetes type of this name instead. The generator resolves it.
KUBERNETES_TYPE: Final = "x-kubernetes-type"

# Upper bound of spec.replicas; beyond it a typing mistake is likelier than a wish.
REPLICAS_MAX: Final = 1_000_000

_RESTART_POLICIES: Final = ("Default", "RecreateGroupOnPodRestart", "RecreateGroupAfterStart", "None")
_QUALIFIED_NAME: Final = (
    r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$"
)


def _text(description: str, **schema: Any) -> Meta:
    return Meta(description=description, extra_json_schema=schema or None)


Int32 = Annotated[int, Meta(extra_json_schema={"format": "int32"})]
Int64 = Annotated[int, Meta(extra_json_schema={"format": "int64"})]
IntOrString = Annotated[int | str, Meta(extra_json_schema={"x-kubernetes-int-or-string": True})]
Timestamp = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
PodTemplate = Annotated[dict[str, Any], Meta(extra_json_schema={KUBERNETES_TYPE: "io.k8s.api.core.v1.PodTemplateSpec"})]
Claim = Annotated[dict[str, Any], Meta(extra_json_schema={KUBERNETES_TYPE: "io.k8s.api.core.v1.PersistentVolumeClaim"})]


class SubGroupPolicy(Struct, rename="camel"):
    """How the pods of a group are divided into subgroups that are placed together."""

    sub_group_policy_type: Annotated[
        str,
        _text(
            "LeaderWorker: the leader is part of the first subgroup. LeaderExcluded: the leader stands alone and only "
            "workers are divided.",
            enum=["LeaderWorker", "LeaderExcluded"],
        ),
    ] = "LeaderWorker"
    sub_group_size: (
        Annotated[
            Int32,
            _text(
                "Pods in each subgroup. It must divide size, or size - 1 so that the leader is the one pod more. "
                "It cannot change once the set exists."
            ),
        ]
        | UnsetType
    ) = UNSET


class ClaimRetentionPolicy(Struct, rename="camel"):
    """What becomes of the claims made from volumeClaimTemplates."""

    when_deleted: Annotated[str, _text("When the set is deleted: Retain or Delete.")] | UnsetType = UNSET
    when_scaled: Annotated[str, _text("When groups or workers are removed: Retain or Delete.")] | UnsetType = UNSET


class LeaderWorkerTemplate(Struct, rename="camel"):
    """What one group consists of."""

    worker_template: Annotated[
        PodTemplate, _text("Template of the worker pods, and of the leader where leaderTemplate is absent.")
    ]
    leader_template: Annotated[PodTemplate, _text("Template of the leader pods.")] | UnsetType = UNSET
    size: Annotated[Int32, _text("Pods in each group, the leader included; at least 1.")] = 1
    restart_policy: Annotated[
        str,
        _text(
            "What happens to a group when one of its pods fails. RecreateGroupOnPodRestart: the whole group is "
            "recreated when a container restarts or a pod is deleted. RecreateGroupAfterStart: the same, but not while "
            "a pod of the group has yet to start. None: pods are replaced one by one. Default: an old name of None.",
            enum=list(_RESTART_POLICIES),
        ),
    ] = "RecreateGroupOnPodRestart"
    sub_group_policy: (
        Annotated[
            SubGroupPolicy,
            _text("Divides each group into subgroups. It cannot be added or removed once the set exists."),
        ]
        | UnsetType
    ) = UNSET
    volume_claim_templates: (
        Annotated[list[Claim], _text("Claims made for every pod, as in a StatefulSet.")] | UnsetType
    ) = UNSET
    persistent_volume_claim_retention_policy: (
        Annotated[ClaimRetentionPolicy, _text("What becomes of the claims made from volumeClaimTemplates.")] | UnsetType
    ) = UNSET


class RollingUpdateConfiguration(Struct, rename="camel"):
    """The pace of a rolling update, counted in groups."""

    partition: Annotated[
        Int32, _text("Groups with an index below this number keep the former template until it is lowered.")
    ] = 0
    max_unavailable: Annotated[
        IntOrString,
        _text(
            "Groups that may be unavailable during an update, as a number or a percentage of replicas (rounded down). "
            "It cannot be 0 while maxSurge is 0."
        ),
    ] = 1
    max_surge: Annotated[
        IntOrString,
        _text("Groups that may exist beyond replicas during an update, as a number or a percentage (rounded up)."),
    ] = 0


class RolloutStrategy(Struct, rename="camel"):
    """How a changed template reaches the groups."""

    type: Annotated[str, _text("The only strategy is RollingUpdate.", enum=["RollingUpdate"], default="RollingUpdate")]
    rolling_update_configuration: (
        Annotated[RollingUpdateConfiguration, _text("The pace of a rolling update, counted in groups.")] | UnsetType
    ) = UNSET


class NetworkConfig(Struct, rename="camel"):
    """How pods are found by name."""

    subdomain_policy: Annotated[
        str,
        _text(
            "Shared: one headless Service for all groups. UniquePerReplica: one for each group.",
            enum=["Shared", "UniquePerReplica"],
        ),
    ]


class LeaderWorkerSetSpec(Struct, rename="camel"):
    """What is wanted: a number of equal groups, each a leader pod with its workers."""

    leader_worker_template: Annotated[LeaderWorkerTemplate, _text("What one group consists of.")]
    replicas: Annotated[Int32, Meta(ge=0, le=REPLICAS_MAX), _text("Number of groups.")] = 1
    rollout_strategy: Annotated[RolloutStrategy, _text("How a changed template reaches the groups.")] | UnsetType = (
        UNSET
    )
    startup_policy: Annotated[
        str,
        _text(
            "LeaderCreated: workers are created as soon as their leader exists. LeaderReady: they wait until it is "
            "ready.",
            enum=["LeaderCreated", "LeaderReady"],
        ),
    ] = "LeaderCreated"
    network_config: Annotated[NetworkConfig, _text("How pods are found by name.")] | UnsetType = UNSET


class Condition(Struct, rename="camel"):
    """One statement about the set, in the form that all Kubernetes objects use."""

    last_transition_time: Annotated[Timestamp, _text("When the status last changed.")]
    message: Annotated[str, Meta(max_length=32768), _text("The statement for people.")]
    reason: Annotated[
        str,
        Meta(min_length=1, max_length=1024, pattern=r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$"),
        _text("The statement for programs, in one word."),
    ]
    status: Annotated[str, _text("Whether the statement holds.", enum=["True", "False", "Unknown"])]
    type: Annotated[
        str, Meta(max_length=316, pattern=_QUALIFIED_NAME), _text("Available, Progressing or UpdateInProgress.")
    ]
    observed_generation: (
        Annotated[Int64, Meta(ge=0), _text("The generation of the set that the statement is about.")] | UnsetType
    ) = UNSET


class LeaderWorkerSetStatus(Struct, rename="camel"):
    """What is there."""

    conditions: (
        Annotated[
            list[Condition],
            _text(
                "Available, Progressing and UpdateInProgress.",
                **{"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
            ),
        ]
        | UnsetType
    ) = UNSET
    hpa_pod_selector: (
        Annotated[str, _text("Label selector of the leader pods, for a HorizontalPodAutoscaler.")] | UnsetType
    ) = UNSET
    observed_generation: Annotated[Int64, _text("The generation of the set that this status is about.")] | UnsetType = (
        UNSET
    )
    ready_replicas: Annotated[Int32, _text("Groups of which every pod is ready.")] | UnsetType = UNSET
    replicas: Annotated[Int32, _text("Groups that exist.")] | UnsetType = UNSET
    updated_replicas: Annotated[Int32, _text("Groups made from the present template, ready or not.")] | UnsetType = (
        UNSET
    )
