"""How what was done in a cluster differs from what is decided here: what a shadow finds (``lws-events shadow``).

A difference is a fact of the shadow's journal, for people and for the report. The machine decides nothing by it.
"""

from typing import Final

import msgspec

MISSING: Final = "missing"
"""Decided here, and not done by whoever is in charge."""

EXTRA: Final = "extra"
"""Done, and decided by nobody here."""

VALUES: Final = "values"
"""Done, with other content."""

ORDER: Final = "order"
"""Done after all, later than could be waited for: it has been reported as missing."""

KINDS: Final = (MISSING, EXTRA, VALUES, ORDER)


class FieldDifference(msgspec.Struct, frozen=True, omit_defaults=True):
    """One field of an object, as JSON; empty: it is not there."""

    path: str
    ours: str = ""
    theirs: str = ""


class DifferenceFound(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, tag="DifferenceFound"):
    """What whoever is in charge of the cluster has done, or not done, is not what was decided here."""

    kind: str
    """One of ``KINDS``."""
    target: str
    """What it is about, as of commands (``commands.target``), for example ``pod/sample-1``."""
    what: str
    """In words: what was, or would have been, done."""
    because: str = ""
    """In words: what led to it, or why it is not done here."""
    uid: str = ""
    """Of the object, or of its owner where it is not there."""
    command_id: str = ""
    """Of the command that was not, or otherwise, carried out; it names the event that led to it."""
    fields: tuple[FieldDifference, ...] = ()
    known: str = ""
    """Where it is a known deliberate difference from the reference: its number (``docs/compatibility.md``)."""
    waited_ms: int = 0
    """How long was waited before it counted as a difference."""
