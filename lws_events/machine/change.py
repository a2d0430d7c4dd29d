"""What one event touched: the parts of the set that ``decide`` has to look at, instead of scanning all of it."""

from typing import ClassVar

import msgspec

from lws_events.decisions import Issued


class Change(msgspec.Struct, frozen=True):
    """Result of folding one event."""

    NOTHING: ClassVar["Change"]

    set_level: bool = False
    """The set, its leader StatefulSet, shared Service, revisions or status, or the sums over its groups."""
    groups: tuple[str, ...] = ()
    """Names of the groups that were touched."""
    all_groups: bool = False
    """The set's spec or metadata changed: every group has to be looked at."""
    strangers: bool = False
    """An object that claims to be the set's, and is not, was seen for the first time."""
    closed: Issued | None = None
    """The command whose outcome this was."""

    @property
    def is_nothing(self) -> bool:
        """The event was a duplicate, late, or of no interest."""
        return not (self.set_level or self.groups or self.all_groups or self.strangers)


Change.NOTHING = Change()
