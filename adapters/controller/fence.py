"""Decisions are appended behind a fence, so that of two instances that both believe to lead only one records them."""

import asyncio
import contextlib
from typing import Final

import structlog

from adapters.journal.errors import Fenced, JournalUnavailable
from adapters.journal.port import Message, Record, Stream

_log = structlog.get_logger(__name__)

_RETRY_SECONDS_MIN: Final = 0.05
_RETRY_SECONDS_MAX: Final = 2.0


class FencedDecisions:
    """The DECISIONS stream for one writer, who knows where it ends. ``take_up`` before the first append."""

    def __init__(self, stream: Stream) -> None:
        self.through = 0
        """Sequence of the last record: the fence of the next append."""
        self.trouble = ""
        """Why decisions wait, while they do."""
        self._stream = stream

    async def take_up(self) -> None:
        """Go on from where the stream ends now. Raises ``JournalUnavailable``."""
        self.through = await self._stream.last_sequence()

    async def append(self, messages: list[Message]) -> None:
        """Append decisions behind the fence, waiting as long as the journal is away. Raises ``Fenced``.

        Another instance makes the very same decisions, so what is stored already may be its, or ours from an append
        whose acknowledgement was lost. Only after such an append does it count as ours.
        """
        delay_seconds = _RETRY_SECONDS_MIN
        sent_before = False
        while messages:
            try:
                appended = await self._stream.append(messages, expected_last_sequence=self.through)
            except JournalUnavailable as error:
                sent_before = True
                self.trouble = str(error)
                _log.warning("decisions wait for the journal", decisions=len(messages), error=str(error))
                await asyncio.sleep(delay_seconds)
                delay_seconds = min(delay_seconds * 2, _RETRY_SECONDS_MAX)
            except Fenced as fenced:
                if not sent_before:
                    raise
                messages = await self._without_stored(messages, fenced)
            else:
                if appended.duplicates and not sent_before:
                    raise Fenced(
                        f"{messages[0].subject}: a decision was recorded by somebody else",
                        expected=self.through,
                        actual=appended.last_sequence,
                    )
                self.through = max(self.through, appended.last_sequence)
                break
        self.trouble = ""

    async def _without_stored(self, messages: list[Message], fenced: Fenced) -> list[Message]:
        """What is left to append where the fence was moved by ourselves; raises ``fenced`` where it was not.

        An append whose acknowledgement is lost may be sent again after the journal has forgotten its message ids.
        """
        stored, through = 0, self.through
        try:
            reading = self._stream.read(from_sequence=self.through + 1, follow=False)
            async with contextlib.aclosing(reading) as batches:
                async for batch in batches:
                    for record in batch:
                        if stored == len(messages) or not _is_stored_as(record, messages[stored]):
                            raise fenced
                        stored += 1
                    through = batch[-1].sequence
        except JournalUnavailable as error:
            _log.warning("decisions wait for the journal", decisions=len(messages), error=str(error))
            await asyncio.sleep(_RETRY_SECONDS_MIN)
            return messages
        if not stored:
            raise fenced
        self.through = through
        return messages[stored:]


def _is_stored_as(record: Record, message: Message) -> bool:
    return (record.subject, record.data) == (message.subject, message.data)
