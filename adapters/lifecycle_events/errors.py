"""What can be wrong with the place from which somebody wants to go on.

PositionError
├── PositionGone      it was in the journal, which no longer has it or what came after it
└── PositionUnknown   it never was in this journal, or is still to come
"""
# ruff: noqa: N818 - the names say what happened; the base class says that it is an error


class PositionError(Exception):
    """Base of both. ``hint`` says what to do."""

    def __init__(self, message: str, *, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


class PositionGone(PositionError):
    """The beginning of the journal was purged, and this with it: events in between are lost to this consumer."""


class PositionUnknown(PositionError):
    """There is no such place."""
