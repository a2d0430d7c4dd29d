"""What a command asks for, as text.

The machine may give the same command again, under another identity; then it has been waited for already.
"""

from typing import Any

import msgspec

from lws_events import commands
from lws_events.commands import AnyCommand
from lws_events.decisions import GroupRecreationStarted
from lws_events.machine.state import Aggregate


def recreation_of(state: Aggregate, command: commands.DeleteLeaderPod) -> GroupRecreationStarted | None:
    """The recreation for which a leader is to be deleted; None for a replacement in a rollout."""
    group = state.groups.get(command.name)
    return group.recreation if group is not None else None


def content_of(state: Aggregate, command: AnyCommand) -> str:
    """What a command asks for, as text: the same for one that was given again for the same reason."""
    match command:
        case commands.DeleteLeaderPod():
            recreation = recreation_of(state, command)
            return f"{command.uid}/{recreation.failed_uid if recreation else ''}/{_restarts(state, recreation)}"
        case commands.UpdateSetStatus():
            status: dict[str, Any] = msgspec.json.decode(command.status)
            kept = {name: value for name, value in status.items() if name != "conditions"}
            conditions = sorted((each["type"], each.get("status")) for each in status.get("conditions") or ())
            return msgspec.json.encode([command.uid, kept, conditions], order="sorted").decode()
        case commands.ApplyLeaderStatefulSet():
            return f"{command.uid}/{command.inputs}"
        case _:
            return msgspec.json.encode(command, order="sorted").decode()


def _restarts(state: Aggregate, recreation: GroupRecreationStarted | None) -> int:
    """A pod that fails once more is another failure."""
    group = state.groups.get(recreation.group) if recreation is not None else None
    if group is None or recreation is None:
        return 0
    pods = [group.leader, *group.workers.values()]
    return sum(pod.view.restarts for pod in pods if pod is not None and pod.view.uid == recreation.failed_uid)
