"""What keeps the page from being served, and what a question is answered with that cannot be answered.

WebError          raised at the start: wrong address, no token where one is needed, a token that cannot be read
QuestionRefused   an answer of the API with its HTTP status, in words, with a hint
├── NotThere      404: no such set, group or position in the journal
└── Busy          503: as many heavy questions as may run at once do so already
"""
# ruff: noqa: N818 - the names say what happened

from adapters.errors import PlainError


class WebError(PlainError):
    """The page cannot be served as it was asked for."""


class QuestionRefused(Exception):
    """A question without an answer. ``hint`` says what to ask instead."""

    status = 400

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class NotThere(QuestionRefused):
    """The journal does not have it."""

    status = 404


class Busy(QuestionRefused):
    """Later: others are being answered."""

    status = 503
