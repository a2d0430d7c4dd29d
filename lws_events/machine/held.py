"""What is remembered of groups that fail again and again, and of groups that take long to end: plain data of ``state``.

How it comes about is in ``crash_loop_counts`` and ``terminations``, what follows from it in ``crash_loops``.
"""

import msgspec


class HeldFailure(msgspec.Struct, omit_defaults=True, kw_only=True):
    """A failure that ends its group later, or not before a person wants it (see ``crash_loops``)."""

    leader_uid: str
    failed_pod: str
    failed_uid: str
    failure: str
    failed_ms: int
    recreations: int
    """In a row, before this failure."""
    until_ms: int = 0
    """When the group is to be recreated; 0 for one that is kept."""
    kept: bool = False
    mark_written: bool = False
    """The API server took the mark, or the leader is gone."""
    marked: bool = False
    """The leader was seen with the mark of a kept group: its removal resumes the group."""


class CrashLoop(msgspec.Struct, omit_defaults=True, kw_only=True):
    """The recreations of one group in a row."""

    recreations: int
    key: str
    """Revision key of the leader that was deleted last: with another template the count starts anew."""
    ready_since_ms: int = 0
    """Since when the group has been ready; 0 while it is not."""
    longest_ready_ms: int = 0
    """Longest time that it was ready without a break since it was recreated."""


class Termination(msgspec.Struct, frozen=True):
    """The end of a group's leader, as long as it lasts and nobody was told that it lasts too long."""

    leader_uid: str
    since_ms: int
    """When it was first seen."""
