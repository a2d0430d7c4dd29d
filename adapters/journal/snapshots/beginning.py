"""Where to begin with a journal: at the newest snapshots, at the base, or at its first event.

Any doubt about snapshots leads to the next possibility, and it is said why. A journal whose first events were purged,
without snapshots that can be read, has no beginning: that is an error, not a guess.
"""

from typing import Final

import structlog

from adapters.journal.errors import JournalDamaged
from adapters.journal.port import Journal
from adapters.journal.snapshots.generations import BASE, NEWEST, Restored, load
from lws_events.snapshots import SnapshotUnusableError

_log = structlog.get_logger(__name__)

_ATTEMPTS: Final = 3
"""A generation that is being rewritten by the leader while it is read may look incomplete."""


async def begin(journal: Journal, *, from_newest: bool = True) -> Restored | None:
    """Where to go on from; None: from the first event. Without ``from_newest``: as early as the journal allows.

    Raises ``JournalDamaged``, and ``JournalUnavailable``.
    """
    first = (await journal.events.info()).first_sequence
    is_whole = first <= 1
    problems: list[str] = []
    if journal.snapshots is not None and (from_newest or not is_whole):
        for generation in (NEWEST, BASE) if from_newest else (BASE,):
            for _ in range(_ATTEMPTS):
                try:
                    restored = await load(journal.events, journal.snapshots, generation, any_machine=not is_whole)
                except SnapshotUnusableError as error:
                    problem = str(error)
                    continue
                if restored is None:
                    problem = "there are none"
                    break
                if restored.fleet.sequence + 1 >= first:
                    return restored
                problem = f"they end at event {restored.fleet.sequence}"
                break
            problems.append(f"{generation} snapshots: {problem}")
            _log.info("snapshots are not used", generation=generation, reason=problem)
    if is_whole:
        return None
    raise JournalDamaged(
        f"the journal of cluster {journal.cluster!r} begins at event {first}, and what was before cannot be taken from "
        f"snapshots ({'; '.join(problems) or 'there are none'}): restore it from an archive, or begin a new journal "
        "(another --data-dir or --cluster)"
    )
