"""Whether what decides is up to date with the journal and the cluster, in words for a probe."""

from adapters.controller.engine import Engine
from adapters.journal.group_commit import GroupCommit
from adapters.kubernetes.observer import Observer


def why_behind(writer: GroupCommit, engine: Engine, observer: Observer) -> str:
    """What keeps it back; empty where it is up to date."""
    if not writer.healthy:
        return f"the journal does not take what is published: {writer.trouble}"
    if engine.trouble:
        return f"the journal does not take decisions, or cannot be read: {engine.trouble}"
    if not engine.caught_up.is_set():
        return "catching up with the journal"
    if not observer.synced.is_set():
        return "listing the cluster"
    return ""
