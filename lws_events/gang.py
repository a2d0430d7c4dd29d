"""The gang schedulers that are supported: a table, because all that differs between them are names.

A gang scheduler places the pods of a group all at once or not at all. It finds them by an annotation that names their
PodGroup, an object of its own kind (spec 4.9). What is in a PodGroup is in ``objects.pod_groups``; when one is made is
decided in ``machine.gang``. The machine knows no configuration: a pod takes part if its view names a PodGroup.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from lws_events.names import GROUP_INDEX, REVISION_KEY, SET_NAME


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """One gang scheduler, and where the API server serves its PodGroups."""

    name: str
    """The word for it in settings."""
    group: str
    version: str
    plural: str
    kind: str
    group_annotation: str
    """Annotation of a pod: the name of its PodGroup."""
    queue_annotation: str
    """Annotation of a set: the queue that its PodGroups wait in."""
    annotation_prefix: str
    """Annotations of a set that its PodGroups carry, too."""
    scheduler_names: tuple[str, ...]
    """Values of a pod's ``schedulerName`` that mean this scheduler."""

    @property
    def api_version(self) -> str:
        """``apiVersion`` of its PodGroups."""
        return f"{self.group}/{self.version}"


VOLCANO: Final = Provider(
    name="volcano",
    group="scheduling.volcano.sh",
    version="v1beta1",
    plural="podgroups",
    kind="PodGroup",
    group_annotation="scheduling.k8s.io/group-name",
    queue_annotation="scheduling.volcano.sh/queue-name",
    annotation_prefix="volcano.sh/",
    scheduler_names=("volcano",),
)

PROVIDERS: Final[Mapping[str, Provider]] = {VOLCANO.name: VOLCANO}
"""By name. The machine makes PodGroups of the only one there is; a second one needs a word in the pod's view."""


class GangScheduling(msgspec.Struct, frozen=True, kw_only=True):
    """How gang scheduling is configured."""

    provider: Provider
    match_scheduler_name: bool = False
    """Only pods that name the scheduler take part (spec D53); else their ``schedulerName`` does not matter, as in the
    reference."""

    def takes(self, scheduler_name: str) -> bool:
        """Whether a pod with this ``schedulerName`` takes part."""
        return not self.match_scheduler_name or scheduler_name in self.provider.scheduler_names


def configured(provider: str | None, *, match_scheduler_name: bool = False) -> GangScheduling | None:
    """From settings, whose provider is one of ``PROVIDERS`` or empty for none."""
    if not provider:
        return None
    return GangScheduling(provider=PROVIDERS[provider], match_scheduler_name=match_scheduler_name)


def pod_group_name(labels: Mapping[str, Any]) -> str:
    """Name of the PodGroup of a member of a group, from its labels: one for each group and revision (spec 3.1)."""
    return "-".join(str(labels.get(key, "")) for key in (SET_NAME, GROUP_INDEX, REVISION_KEY))


def leader_of(pod_group: str, *, set_name: str) -> str:
    """Name of the leader pod whose group a PodGroup of a set is, from its name; empty for another name."""
    index = pod_group.removeprefix(f"{set_name}-").partition("-")[0]
    is_ours = pod_group.startswith(f"{set_name}-{index}-") and index.isdecimal()
    return f"{set_name}-{index}" if is_ours else ""
