"""What the journal shows of a case: the proof that something has been seen and was left alone.

"Never happens" is not proved by waiting: an event that was taken in without the command in question is on record.
"""

import contextlib
from typing import NamedTuple

from adapters.journal.port import Stream
from lws_events import events
from lws_events.commands import AnyCommand
from lws_events.decisions import FailureLeftAlone, decode
from tests.controlplane.api import eventually
from tests.e2e.catalogue.cases import INTERVAL_SECONDS, LIMIT_SECONDS, Case
from tests.e2e.controller import CLUSTER


class Caused(NamedTuple):
    """A command, and the fact that it was decided on."""

    command: AnyCommand
    fact: object


async def left_alone(case: Case, pod: str, *, because: str) -> None:
    """Wait until the failure of a pod is on record as one that has no consequence, for this reason."""

    async def noted() -> bool:
        decided = await case.controller.decided(case.namespace)
        return any(
            isinstance(fact, FailureLeftAlone) and fact.pod == pod and because in fact.because for _, fact in decided
        )

    await eventually(
        noted,
        what=f"the failure of {pod} to be left alone on record ({because})",
        timeout_seconds=LIMIT_SECONDS,
        interval_seconds=INTERVAL_SECONDS,
    )


async def commands(case: Case) -> list[Caused]:
    """Every command about the case's set so far, in order, each with its cause."""
    async with case.controller.journal() as journal:
        facts: dict[int, object] = {}
        filtered = f"lws.events.{CLUSTER}.*.{case.namespace}.>"
        for sequence, data in await _read(journal.events, filtered):
            facts[sequence] = events.decode(data).fact
        found = []
        for _, data in await _read(journal.decisions, f"lws.decisions.{CLUSTER}.*.{case.namespace}.*"):
            decision = decode(data)
            found += [Caused(issued.command, facts.get(decision.cause)) for issued in decision.commands]
        return found


async def _read(stream: Stream, subject_filter: str) -> list[tuple[int, bytes]]:
    last = await stream.last_sequence()
    batches = stream.read(subject_filter=subject_filter, to_sequence=last, follow=False)
    found: list[tuple[int, bytes]] = []
    async with contextlib.aclosing(batches):
        async for batch in batches:
            found += [(record.sequence, record.data) for record in batch]
    return found
