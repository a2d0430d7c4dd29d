"""Rows of the audit: one for each fact, all of one flat shape, so that a table, a spreadsheet and a database take them.

What a row does not have is empty (text) or absent (numbers). Which rows there are is decided in ``fold``.
"""

from collections.abc import Collection
from typing import Final

import msgspec

REQUEST: Final = "request"
"""A user's change passed admission, or somebody asked for the deletion of the set or of a pod."""
CHANGE: Final = "change"
"""One field of the spec has another value, or the set was created or is to be deleted."""
POD: Final = "pod"
"""A pod was created, restarted a container, or is gone."""
RESTART: Final = "restart"
"""A group is recreated as a whole; ``because`` is the failure."""
REPLACEMENT: Final = "replacement"
"""A leader that was down was deleted so that a rollout can go on."""
READY: Final = "ready"
"""A group became ready; ``took_ms`` since its leader was first seen."""
ROLLOUT: Final = "rollout"
"""A rollout ended, was overtaken or goes on; ``took_ms`` since the change of the set."""
CAPACITY: Final = "capacity"
"""A pod, or a group, was wanted and not ready; ``lost_ms``."""
COMMAND: Final = "command"
"""A command, with its outcome; ``took_ms`` until it was known."""
EFFECT: Final = "effect"
"""What happened while one generation of the spec was in force."""

KINDS: Final = (REQUEST, CHANGE, POD, RESTART, REPLACEMENT, READY, ROLLOUT, CAPACITY, COMMAND, EFFECT)

NOT_RECORDED: Final = "not recorded"
"""In place of the user of a change that no webhook of ours has told of."""

UNKNOWN: Final = "unknown"
"""In place of the field manager of a change that the API server's own record does not show."""


class AuditRow(msgspec.Struct, frozen=True, kw_only=True):
    """One fact. Times are milliseconds since the Unix epoch, durations milliseconds."""

    at_ms: int
    sequence: int
    """In the EVENTS stream: of the event itself, or of the event that led to it."""
    namespace: str
    set: str
    kind: str
    what: str
    group: str = ""
    """Token of the group; empty for what concerns the whole set."""
    pod: str = ""
    user: str = ""
    user_groups: str = ""
    manager: str = ""
    generation: int | None = None
    """Of the set's spec: that of the change, or the one in force."""
    path: str = ""
    before: str = ""
    """As JSON; empty where the field was not there."""
    after: str = ""
    command: str = ""
    """Identity of the command."""
    target: str = ""
    outcome: str = ""
    code: int | None = None
    """HTTP status of a command that failed; 0: it was not sent."""
    because: str = ""
    took_ms: int | None = None
    lost_ms: int | None = None


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Which rows a reader asks for. Without anything: all."""

    namespace: str | None = None
    user: str | None = None
    """Only what has this user: requests, changes, and what happened under them."""
    kinds: Collection[str] | None = None
    since_ms: int | None = None
    until_ms: int | None = None

    def has(self, row: AuditRow) -> bool:
        """Whether a row belongs to it."""
        return (
            self.namespace in (None, row.namespace)
            and (self.user is None or self.user in row.user.split(", "))
            and (self.kinds is None or row.kind in self.kinds)
            and self.covers(row.at_ms)
        )

    def covers(self, at_ms: int) -> bool:
        """Whether a moment is in the period."""
        after_begin = self.since_ms is None or at_ms >= self.since_ms
        return after_begin and (self.until_ms is None or at_ms <= self.until_ms)

    def within(self, from_ms: int, to_ms: int) -> tuple[int, int]:
        """The part of a stretch of time that is in the period; of no length where there is none."""
        begin = from_ms if self.since_ms is None else max(from_ms, self.since_ms)
        end = to_ms if self.until_ms is None else min(to_ms, self.until_ms)
        return begin, max(begin, end)


EVERYTHING: Final = Asked()
