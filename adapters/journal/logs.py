"""Where the ends of failed containers' logs are kept: beside the journal, for people, by reference.

They are no part of it. Nothing depends on them, the oldest make room for new ones, an exported journal does not have
them, and a fact of the journal (``LogCaptured``) says what was kept under which reference. The text has been cut and
redacted before it comes here.
"""

from typing import Protocol


class LogStore(Protocol):
    """A place for texts. What was put may be gone later, and then ``get`` says so."""

    async def put(self, reference: str, text: bytes) -> None:
        """Keep a text; an earlier one of this reference is replaced. Raises a ``JournalError``."""

    async def get(self, reference: str) -> bytes | None:
        """The text; None where it is not kept (any more). Raises a ``JournalError``."""


class MemoryLogs:
    """Keeps texts in this process."""

    def __init__(self) -> None:
        self.texts: dict[str, bytes] = {}

    async def put(self, reference: str, text: bytes) -> None:
        """As of ``LogStore``."""
        self.texts[reference] = text

    async def get(self, reference: str) -> bytes | None:
        """As of ``LogStore``."""
        return self.texts.get(reference)
