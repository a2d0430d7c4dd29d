"""A set whose group 0 crashes again and again, for the tests of back-off and kept groups. Time is the scenario's."""

from typing import Any

from lws_events import commands, names
from lws_events.commands import DeleteLeaderPod, RecordEvent
from lws_events.decisions import GroupKept, GroupRecreationPostponed
from tests.scenario import Scenario

GOING = "2024-01-01T00:00:00Z"
SECOND = 1_000
TIMER = "restart/sample-0"


class CrashLooping(Scenario):
    """Group 0 fails by ``crash``, and comes up again by ``come_back`` once its leader was deleted."""

    def __init__(self, annotations: dict[str, str], **spec: Any) -> None:
        super().__init__(**spec)
        self.annotations = {f"{names.OWN_PREFIX}{key}": value for key, value in annotations.items()}
        self.run()
        self.incarnation = 1

    @property
    def uid(self) -> str:
        return _suffixed("sample-0-uid", self.incarnation)

    def annotate(self, annotations: dict[str, str], **spec: Any) -> None:
        self.apply_set(annotations={f"{names.OWN_PREFIX}{key}": value for key, value in annotations.items()}, **spec)
        self.carry_out()

    def crash(self, pod: str = "sample-0-1", **view: Any) -> None:
        self.pod(pod, uid=_suffixed(f"{pod}-uid", self.incarnation), **({"restarts": 1} | view))

    def deleted(self) -> list[str]:
        """uid of each leader of group 0 whose deletion was commanded."""
        return [each.uid for each in self.commanded(DeleteLeaderPod) if each.name == "sample-0"]

    def come_back(self) -> None:
        """The deletion of the leader runs its course, and the next incarnation of the group becomes ready."""
        self.go()
        self.run_group(0, incarnation="" if self.incarnation == 1 else f"-{self.incarnation}")
        assert self.group(0).lifecycle == "Ready"

    def go(self) -> None:
        """The group goes, whoever asked for it."""
        self.carry_out()
        self.pod("sample-0", uid=self.uid, deleting_since=GOING)
        for worker in ("sample-0-1", "sample-0-2"):
            self.pod_deleted(worker, uid=_suffixed(f"{worker}-uid", self.incarnation))
        self.worker_set_deleted("sample-0", uid=f"sample-0-sts-of-{self.uid}")
        self.pod_deleted("sample-0", uid=self.uid)
        self.incarnation += 1

    def leader(self, *, marked: bool = True, label: bool = True, annotation: bool = True, **view: Any) -> None:
        """The leader of group 0 as observed, with the mark or parts of it."""
        known = self.group(0).leader
        assert known is not None
        mark = {names.KEPT_FOR_DEBUGGING: "true"}
        self.pod(
            "sample-0",
            uid=self.uid,
            labels=_bare(known.view.labels) | (mark if marked and label else {}),
            annotations=_bare(known.view.annotations) | (mark if marked and annotation else {}),
            **view,
        )

    def postponed(self) -> list[tuple[int, int]]:
        """Number and delay in seconds of each recreation that was put off."""
        facts = self.facts(GroupRecreationPostponed)
        return [(fact.attempt, (fact.until_ms - fact.failed_ms) // SECOND) for fact in facts]

    def kept(self) -> list[GroupKept]:
        return self.facts(GroupKept)

    def warnings(self, reason: str) -> list[str]:
        return [each.note for each in self.commanded(RecordEvent) if (each.type, each.reason) == ("Warning", reason)]

    def marks(self) -> list[str]:
        return [each.uid for each in self.commanded(commands.MarkLeaderPod)]

    def keep(self) -> None:
        """Fail until the group is kept and the mark has been seen."""
        while not self.kept():
            self.crash()
            if TIMER in self.state.timers:
                self.fire(TIMER)
            if not self.kept():
                self.come_back()
        self.leader()
        self.carry_out()


def _suffixed(uid: str, incarnation: int) -> str:
    return uid if incarnation == 1 else f"{uid}-{incarnation}"


def _bare(values: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in values.items() if key != names.KEPT_FOR_DEBUGGING}
