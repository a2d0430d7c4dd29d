"""The recorded decisions, read in step with the events that caused them."""

import contextlib
from collections import deque
from collections.abc import Sequence
from typing import Final

from adapters.journal.port import Stream
from lws_events import decisions
from lws_events.decisions import Decision

_BEFORE_ALL: Final = -1


class RecordedDecisions:
    """Hands out the decision that was recorded for an event, event after event, reading each decision once.

    A decision belongs to the event of its cause *in its epoch*: sequences are handed out again after a lost tail.
    Decisions about events that the journal no longer has are passed over. Close it (``contextlib.aclosing``).
    """

    def __init__(self, stream: Stream, *, epochs: Sequence[str], after: int = 0) -> None:
        """``epochs``: all that the events are known to have, in order. Any other epoch was lost with its events.

        ``after``: sequence of the last decision that was handed out before.
        """
        self.through = after
        """Sequence of the last decision that was handed out or passed over."""
        self._batches = stream.read(from_sequence=after + 1, follow=False)
        self._ahead: deque[tuple[int, Decision]] = deque()
        self._ranks = {epoch: rank for rank, epoch in enumerate(epochs)}
        self._present = _BEFORE_ALL

    def epoch_started(self, epoch: str) -> None:
        """From the next event on, sequences are of this epoch."""
        self._present = self._ranks.setdefault(epoch, len(self._ranks))

    async def take(self, cause: int) -> Decision | None:
        """The decision about the event with this sequence, if one was recorded."""
        while (head := await self._head()) is not None:
            # Before the first epoch that is recorded, whatever is no later one is of an epoch that was cut off.
            rank = self._ranks.get(head.epoch, _BEFORE_ALL)
            if rank > self._present or (rank == self._present and head.cause > cause):
                return None
            self.through, _ = self._ahead.popleft()
            if rank == self._present and head.cause == cause:
                return head
        return None

    async def is_exhausted(self) -> bool:
        """No decision is left: what comes now was never decided about."""
        return await self._head() is None

    async def aclose(self) -> None:
        """Stop reading."""
        await self._batches.aclose()

    async def _head(self) -> Decision | None:
        while not self._ahead:
            batch = await anext(self._batches, None)
            if batch is None:
                return None
            self._ahead.extend((record.sequence, decisions.decode(record.data)) for record in batch)
        return self._ahead[0][1]


async def decision_at(stream: Stream, sequence: int) -> Decision | None:
    """One recorded decision by its sequence in the stream; None where there is none."""
    if not sequence:
        return None
    found = None
    async with contextlib.aclosing(stream.read(from_sequence=sequence, to_sequence=sequence, follow=False)) as batches:
        async for batch in batches:
            found = decisions.decode(batch[-1].data)
    return found
