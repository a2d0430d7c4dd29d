"""The recorded decisions, read in step with the events that caused them."""

from collections import deque
from collections.abc import AsyncIterator, Sequence

from adapters.journal.port import Record, Stream
from lws_events import decisions
from lws_events.decisions import Decision


class RecordedDecisions:
    """Hands out the decision that was recorded for an event, event after event, reading each decision once.

    A decision belongs to the event of its cause *in its epoch*: sequences are handed out again after a lost tail, and
    decisions about events that were lost are passed over.
    """

    def __init__(self, stream: Stream) -> None:
        self._batches: AsyncIterator[Sequence[Record]] = stream.read(follow=False)
        self._ahead: deque[Decision] = deque()
        self._epoch = ""
        self._epochs_over: set[str] = set()
        self.last_cause = 0
        """Cause of the last decision that was handed out."""

    def epoch_started(self, epoch: str) -> None:
        """From the next event on, sequences are of this epoch."""
        self._epochs_over.add(self._epoch)
        self._epoch = epoch

    async def take(self, cause: int) -> Decision | None:
        """The decision about the event with this sequence, if one was recorded."""
        while (head := await self._head()) is not None:
            if head.epoch == self._epoch and head.cause >= cause:
                if head.cause > cause:
                    return None
                self._ahead.popleft()
                self.last_cause = cause
                return head
            if head.epoch != self._epoch and head.epoch not in self._epochs_over:
                return None  # of an epoch that begins further on
            self._ahead.popleft()
        return None

    async def is_exhausted(self) -> bool:
        """No decision is left: what comes now was never decided about."""
        return await self._head() is None

    async def _head(self) -> Decision | None:
        while not self._ahead:
            batch = await anext(self._batches, None)
            if batch is None:
                return None
            self._ahead.extend(decisions.decode(record.data) for record in batch)
        return self._ahead[0]
