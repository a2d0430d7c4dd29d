"""What the machine has decided lately, set by set: a write that was decided at some time is nobody's extra."""

from collections import OrderedDict
from typing import Final

import msgspec

from lws_events import commands, names
from lws_events.decisions import Decision, FailureLeftAlone, GroupRecreationStarted, RevisionChosen
from lws_events.subjects import SetName

_KEPT_MAX: Final = 50_000
"""Marks of commands: of the mass failure of a big set, and what came before it."""


class Memory:
    """Bounded; the oldest is forgotten first."""

    def __init__(self) -> None:
        self._marks: OrderedDict[tuple[SetName, str, str], None] = OrderedDict()
        self._partitions: OrderedDict[tuple[SetName, str], int] = OrderedDict()
        self._left_alone: OrderedDict[tuple[SetName, str], FailureLeftAlone] = OrderedDict()

    def note(self, set_name: SetName, decision: Decision) -> None:
        """A decision was made."""
        for issued in decision.commands:
            command = issued.command
            match command:
                case commands.CreateWorkerStatefulSet() | commands.CreateService() | commands.CreatePodGroup():
                    self._put(set_name, commands.target(command), command.owner_uid)
                case commands.CreateControllerRevision():
                    self._put(set_name, "revision", command.name)
                case commands.ApplyLeaderStatefulSet() if not command.adopts:
                    self._keep_partition(set_name, command)
                case commands.DeleteLeaderPod() | commands.DeleteControllerRevision():
                    self._put(set_name, commands.target(command), command.uid)
                case _:
                    pass
        for fact in decision.facts:
            match fact:
                case RevisionChosen():
                    self._put(set_name, "revision", fact.revision)
                case GroupRecreationStarted():
                    self._put(set_name, f"pod/{fact.leader}", fact.leader_uid)
                case FailureLeftAlone():
                    self._keep_reason(set_name, fact)
                case _:
                    pass

    def decided(self, set_name: SetName, target: str, uid: str) -> bool:
        """Whether there was a command about this target for this uid (or, of revisions, name)."""
        return (set_name, target, uid) in self._marks

    def partition(self, set_name: SetName, key: str) -> int | None:
        """The partition that was last decided for the groups of a set and a revision, of our own accord."""
        return self._partitions.get((set_name, key))

    def left_alone(self, set_name: SetName, group: str) -> FailureLeftAlone | None:
        """The latest failure of a group that was left alone."""
        return self._left_alone.get((set_name, group))

    def _put(self, set_name: SetName, target: str, uid: str) -> None:
        key = (set_name, target, uid)
        self._marks[key] = None
        self._marks.move_to_end(key)
        while len(self._marks) > _KEPT_MAX:
            self._marks.popitem(last=False)

    def _keep_partition(self, set_name: SetName, command: commands.ApplyLeaderStatefulSet) -> None:
        manifest = msgspec.json.decode(command.manifest)
        place = (set_name, manifest["metadata"]["labels"].get(names.REVISION_KEY, ""))
        self._partitions[place] = manifest["spec"]["updateStrategy"]["rollingUpdate"]["partition"]
        self._partitions.move_to_end(place)
        while len(self._partitions) > _KEPT_MAX:
            self._partitions.popitem(last=False)

    def _keep_reason(self, set_name: SetName, fact: FailureLeftAlone) -> None:
        self._left_alone[(set_name, fact.group)] = fact
        while len(self._left_alone) > _KEPT_MAX:
            self._left_alone.popitem(last=False)
