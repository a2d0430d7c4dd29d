"""One of several instances: it stands by, leads, steps down.

A candidate that stands by takes in what the leader decides, so that a take-over costs only the rest. A leader that
cannot reach the journal for as long as it may fail to renew the Lease steps down: it gives the Lease back, since others
may reach the journal, and stands by again. Nobody is a candidate while the journal does not answer.

A Lease that was lost, and every defect, end the process (``process``): a clean one begins at once.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final, Protocol

import structlog

from adapters.controller.leading import Leader
from adapters.journal.errors import JournalError
from adapters.journal.port import Journal
from adapters.kubernetes.election import Election
from adapters.kubernetes.pace import Clock
from lws_events.admission import Surroundings

_log = structlog.get_logger(__name__)

_ASKED_PER_PATIENCE: Final = 8
"""How often the journal is asked within the time for which it may be silent: one small request each."""


class LeadsMetric(Protocol):
    """Where it is told whether this process leads."""

    def __call__(self, *, leads: bool) -> None:
        """From now on it does, or does not."""


class JournalSilent(Exception):  # noqa: N818 - says what happened
    """The journal does not answer this instance, and perhaps answers others."""


class Candidacy:
    """Runs terms, one after the other."""

    def __init__(
        self,
        journal: Journal,
        *,
        new_election: Callable[[], Election],
        new_leader: Callable[[Callable[[], bool]], Leader],
        clock: Clock,
        patience_seconds: float | None,
        on_leads: LeadsMetric,
    ) -> None:
        """``new_leader`` is given what tells whether it may write. ``patience_seconds``: how long the journal may be
        silent before a leader steps down; None where no other instance could reach it either."""
        self._journal = journal
        self._new_election = new_election
        self._new_leader = new_leader
        self._clock = clock
        self._patience_seconds = patience_seconds
        self._on_leads = on_leads
        self._leader: Leader | None = None
        self._heard_at = clock.monotonic()
        self._leads = False

    @property
    def problem(self) -> str:
        """Why this instance does not do its work, as leader or as standby; empty when it does."""
        if not self._hears():
            return f"the journal has not answered for {self._silent_seconds():.0f} s"
        return self._leader.problem if self._leader is not None and self._leads else ""

    def surroundings(self, namespace: str, name: str) -> Surroundings:
        """What admission may know around a set: as of the last decision also where this instance stands by."""
        return self._leader.surroundings(namespace, name) if self._leader is not None else Surroundings()

    async def run(self) -> None:
        """Until cancelled. Raises ``LeadershipLost``, ``ElectionError``, and what ended a part of the leader."""
        listening = asyncio.create_task(self._listen())
        try:
            while True:
                election = self._new_election()
                self._leader = self._new_leader(election.holds)
                try:
                    await self._stand_by(self._leader, election)
                    await self._lead(self._leader, election)
                except JournalSilent as silent:
                    _log.warning("stepped down; another instance may lead now", reason=str(silent))
                finally:
                    self._on_leads(leads=False)
                    self._leads = False
                    await election.release()
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    async def _stand_by(self, leader: Leader, election: Election) -> None:
        self._on_leads(leads=False)
        following = asyncio.create_task(leader.follow())
        acquiring = asyncio.create_task(election.acquire(while_able=self._hears))
        try:
            ended, _ = await asyncio.wait({following, acquiring}, return_when=asyncio.FIRST_COMPLETED)
            for task in ended:
                task.result()
        finally:
            following.cancel()
            acquiring.cancel()
            await asyncio.gather(following, acquiring, return_exceptions=True)

    async def _lead(self, leader: Leader, election: Election) -> None:
        """One term: until the Lease is lost, the journal has been silent for too long, or a part of it ends."""
        self._leads = True
        self._on_leads(leads=True)
        leading = asyncio.create_task(leader.run())
        keeping = asyncio.create_task(election.keep())
        silent = asyncio.create_task(self._until_silent())
        for reason in (keeping, silent):
            reason.add_done_callback(lambda _: leader.abandon())  # also while the rest is being finished
        try:
            await asyncio.wait({leading, keeping, silent}, return_when=asyncio.FIRST_COMPLETED)
            for task in (keeping, silent, leading):
                if task.done():
                    task.result()
        finally:
            # The Lease is kept until nothing is under way any more.
            leading.cancel()
            await asyncio.gather(leading, return_exceptions=True)
            keeping.cancel()
            silent.cancel()
            await asyncio.gather(keeping, silent, return_exceptions=True)

    def _hears(self) -> bool:
        """Whether the journal answers: half the patience, so that a candidate does not take what it could not keep."""
        return self._patience_seconds is None or self._silent_seconds() < self._patience_seconds / 2

    def _silent_seconds(self) -> float:
        return self._clock.monotonic() - self._heard_at

    async def _until_silent(self) -> None:
        """Raise ``JournalSilent`` when it is time to step down."""
        patience = self._patience_seconds
        if patience is None:
            await asyncio.Event().wait()
            return
        while (left := patience - self._silent_seconds()) > 0:
            await self._clock.sleep(left)
        raise JournalSilent(f"the journal has not answered for {patience:g} s")

    async def _listen(self) -> None:
        """Ask the journal again and again whether it is there."""
        if self._patience_seconds is None:
            return
        interval = self._patience_seconds / _ASKED_PER_PATIENCE
        while True:
            with contextlib.suppress(JournalError, TimeoutError):
                async with asyncio.timeout(self._patience_seconds / 2):
                    await self._journal.events.last_sequence()
                self._heard_at = self._clock.monotonic()
            await self._clock.sleep(interval)
