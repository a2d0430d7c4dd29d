"""Where to begin with a journal: at the newest snapshots, at another place that was kept, or at its first event.

Any doubt about snapshots leads to the next possibility, and it is said why. A journal whose first events were purged,
without snapshots that can be read, has no beginning: that is an error, not a guess.
"""

from typing import Final

import structlog

from adapters.journal.errors import JournalDamaged
from adapters.journal.port import Journal, Stream
from adapters.journal.snapshots.generations import NEWEST, Restored, load
from adapters.journal.snapshots.places import places
from lws_events.snapshots import SnapshotUnusableError

_log = structlog.get_logger(__name__)

_ATTEMPTS: Final = 3
"""A generation that is being rewritten by the leader while it is read may look incomplete."""


async def begin(journal: Journal, *, from_newest: bool = True, up_to: int | None = None) -> Restored | None:
    """Where to go on from; None: from the first event. Without ``from_newest``: as early as the journal allows.

    ``up_to``: not after this event. Raises ``JournalDamaged``, and ``JournalUnavailable``.
    """
    first = (await journal.events.info()).first_sequence
    is_whole = first <= 1
    problems: list[str] = []
    if journal.snapshots is not None and (from_newest or not is_whole):
        for generation in await _generations(journal.snapshots, from_newest=from_newest):
            restored, problem = await _load(journal, journal.snapshots, generation, any_machine=not is_whole)
            if restored is not None and restored.fleet.sequence + 1 < first:
                problem = f"they end at event {restored.fleet.sequence}"
            elif restored is not None and (up_to is None or restored.last.sequence <= up_to):
                return restored
            problems.append(f"{generation}: {problem}")
            _log.debug("snapshots are not used", generation=generation, reason=problem)
    if is_whole:
        if problems:
            _log.info("the journal is read from its first event", snapshots="; ".join(problems))
        return None
    asked = "" if up_to is None else f", event {up_to} is not in it"
    raise JournalDamaged(
        f"the journal of cluster {journal.cluster!r} begins at event {first}{asked}, and what was before cannot be "
        f"taken from snapshots ({'; '.join(problems) or 'there are none'}): restore it from an archive, or begin a new "
        "journal (another --data-dir or --cluster)"
    )


async def _generations(snapshots: Stream, *, from_newest: bool) -> list[str]:
    kept = [place.generation for place in await places(snapshots)]
    return [NEWEST, *reversed(kept)] if from_newest else [*kept, NEWEST]


async def _load(
    journal: Journal, snapshots: Stream, generation: str, *, any_machine: bool
) -> tuple[Restored | None, str]:
    problem = "there are none"
    for _ in range(_ATTEMPTS):
        try:
            return await load(journal.events, snapshots, generation, any_machine=any_machine), problem
        except SnapshotUnusableError as error:
            problem = str(error)
    return None, problem
