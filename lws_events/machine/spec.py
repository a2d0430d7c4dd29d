"""The parts of a LeaderWorkerSet's spec that decide, as typed values with the defaults of spec 1.2.

Templates and claims are not among them: they stay JSON and go through ``canonical`` and ``objects``.
"""

from typing import Any, Final

import msgspec

from lws_events import names
from lws_events.machine.crash_loop_rules import CrashLoopRules, read_rules

RECREATE_ON_RESTART: Final = "RecreateGroupOnPodRestart"
RECREATE_AFTER_START: Final = "RecreateGroupAfterStart"
LEADER_READY: Final = "LeaderReady"
UNIQUE_PER_REPLICA: Final = "UniquePerReplica"


class SetSpec(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What the machine reads of a spec."""

    replicas: int = 1
    size: int = 1
    restart_policy: str = RECREATE_ON_RESTART
    startup_policy: str = "LeaderCreated"
    unique_services: bool = False
    """``networkConfig.subdomainPolicy`` is ``UniquePerReplica``: a Service for each group."""
    partition: int = 0
    max_unavailable: int | str = 1
    max_surge: int | str = 0
    topology: dict[str, str] = {}
    """The topology annotations that go into the leaders' template (spec 2.2): name → value, empty where not set."""
    replace_broken_first: bool = False
    """The annotation that lets a blocked rollout replace groups that were broken before it began (spec D9)."""
    exclusive_topology: str = ""
    """Topology key of the annotation; an empty value counts as none (spec D22)."""
    after_start: bool = False
    """A failure while some pod of the group is pending does not count (policy or experimental annotation)."""

    crash_loops: CrashLoopRules = CrashLoopRules()
    """What annotations of our own ask for where a group fails again and again."""

    @property
    def recreates(self) -> bool:
        """Whether the failure of one pod ends its group."""
        return self.restart_policy in (RECREATE_ON_RESTART, RECREATE_AFTER_START)


class _RollingUpdate(msgspec.Struct, rename="camel"):
    partition: int | None = None
    max_unavailable: int | str | None = None
    max_surge: int | str | None = None


class _Rollout(msgspec.Struct, rename="camel"):
    rolling_update_configuration: _RollingUpdate | None = None


class _Network(msgspec.Struct, rename="camel"):
    subdomain_policy: str | None = None


class _Template(msgspec.Struct, rename="camel", kw_only=True):
    worker_template: dict[str, msgspec.Raw]
    leader_template: dict[str, msgspec.Raw] | None = None
    size: int | None = None
    restart_policy: str | None = None
    sub_group_policy: dict[str, Any] | None = None


class _Spec(msgspec.Struct, rename="camel", kw_only=True):
    replicas: int | None = None
    leader_worker_template: _Template
    rollout_strategy: _Rollout | None = None
    startup_policy: str | None = None
    network_config: _Network | None = None


_DECODER: Final = msgspec.json.Decoder(_Spec, strict=False)


def read_spec(raw: bytes, annotations: dict[str, str]) -> SetSpec:
    """Read a stored spec. Raises ``msgspec.DecodeError`` where the schema was bypassed."""
    spec = _DECODER.decode(raw)
    template = spec.leader_worker_template
    rollout = (spec.rollout_strategy and spec.rollout_strategy.rolling_update_configuration) or _RollingUpdate()
    policy = RECREATE_ON_RESTART if template.restart_policy is None else template.restart_policy
    after_start = policy == RECREATE_AFTER_START or (
        policy == RECREATE_ON_RESTART and names.RECREATE_GROUP_AFTER_START in annotations
    )
    return SetSpec(
        replicas=1 if spec.replicas is None else spec.replicas,
        size=1 if template.size is None else template.size,
        restart_policy=policy,
        startup_policy=spec.startup_policy or "LeaderCreated",
        unique_services=spec.network_config is not None and spec.network_config.subdomain_policy == UNIQUE_PER_REPLICA,
        partition=rollout.partition or 0,
        max_unavailable=1 if rollout.max_unavailable is None else rollout.max_unavailable,
        max_surge=0 if rollout.max_surge is None else rollout.max_surge,
        topology=_topology(template, annotations),
        replace_broken_first=annotations.get(names.REPLACE_BROKEN_GROUPS_FIRST) == "true",
        exclusive_topology=annotations.get(names.EXCLUSIVE_TOPOLOGY, ""),
        after_start=after_start,
        crash_loops=read_rules(annotations),
    )


def _topology(template: _Template, annotations: dict[str, str]) -> dict[str, str]:
    named = names.TOPOLOGY_KEYS if template.sub_group_policy is not None else (names.EXCLUSIVE_TOPOLOGY,)
    return {name: annotations.get(name, "") for name in named}
