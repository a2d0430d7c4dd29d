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

    def group_of(self, annotations: Mapping[str, str], *, scheduler_name: str, match_scheduler_name: bool) -> str:
        """Name of the PodGroup of a pod with these annotations; empty where it is none of this scheduler's.

        ``match_scheduler_name``: only a pod that names this scheduler takes part (spec D53); else its name does not
        matter, as in the reference.
        """
        if match_scheduler_name and scheduler_name not in self.scheduler_names:
            return ""
        return annotations.get(self.group_annotation, "")


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


def pod_group_name(labels: Mapping[str, Any]) -> str:
    """Name of the PodGroup of a member of a group, from its labels: one for each group and revision (spec 3.1)."""
    return "-".join(str(labels.get(key, "")) for key in (SET_NAME, GROUP_INDEX, REVISION_KEY))


def leader_of(pod_group: str, *, set_name: str) -> str:
    """Name of the leader pod whose group a PodGroup of a set is, from its name; empty for another name."""
    index = pod_group.removeprefix(f"{set_name}-").partition("-")[0]
    is_ours = pod_group.startswith(f"{set_name}-{index}-") and index.isdecimal()
    return f"{set_name}-{index}" if is_ours else ""
