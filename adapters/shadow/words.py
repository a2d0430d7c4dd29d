"""What was not done, in words: the command, and what led to it."""

from adapters.shadow.content import recreation_of
from lws_events import commands
from lws_events.commands import AnyCommand
from lws_events.machine.state import Aggregate
from projections.explain import explain_command


def what_is_missing(state: Aggregate, command: AnyCommand) -> str:
    """What nobody did."""
    if isinstance(command, commands.DeleteLeaderPod):
        group = state.groups.get(command.name)
        index = group.index if group is not None else -1
        verb = "recreate" if recreation_of(state, command) is not None else "replace the leader of"
        return f"nobody did {verb} group {index}"
    return f"nobody did {explain_command(command)}"


def why_it_is_wanted(state: Aggregate, command: AnyCommand) -> str:
    """The cause, where it is more than that something is not there."""
    if not isinstance(command, commands.DeleteLeaderPod):
        return ""
    recreation = recreation_of(state, command)
    if recreation is None:
        group = state.groups.get(command.name)
        return group.replacement.because if group is not None and group.replacement is not None else ""
    return f"pod {recreation.failed_pod}: {recreation.failure}"
