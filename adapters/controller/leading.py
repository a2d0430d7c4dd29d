"""What only the leader runs: observer, engine and executor around one journal."""

import asyncio
import contextlib
from typing import Final

import structlog

from adapters.controller.engine import Engine, EngineMetrics
from adapters.journal.group_commit import GroupCommit
from adapters.journal.port import Journal
from adapters.kubernetes.client import ApiClient
from adapters.kubernetes.executor import Executor
from adapters.kubernetes.observer import Observer
from adapters.kubernetes.pace import SystemClock

_log = structlog.get_logger(__name__)

_DRAIN_SECONDS: Final = 10.0
"""Below the termination grace period of most pods: what is not finished is sent again by the next leader."""


class Leader:
    """Runs the sets of one cluster from one journal."""

    def __init__(self, journal: Journal, writer: GroupCommit, client: ApiClient, *, metrics: EngineMetrics) -> None:
        clock = SystemClock()
        self._writer = writer
        self.observer = Observer(client, journal.events, writer, cluster=journal.cluster, clock=clock)
        self.executor = Executor(
            client,
            writer,
            journal.events,
            cluster=journal.cluster,
            observe=self.observer.observed,
            clock=clock,
        )
        self.engine = Engine(journal, self.executor, metrics=metrics)

    @property
    def problem(self) -> str:
        """Why this leader is not up to date; empty when it is."""
        if not self._writer.healthy:
            return f"the journal does not take what is published: {self._writer.trouble}"
        if not self.engine.caught_up.is_set():
            return "catching up with the journal"
        if not self.observer.synced.is_set():
            return "listing the cluster"
        return ""

    async def run(self) -> None:
        """Until cancelled; then what is under way is finished, within a time. Raises what ended a part of it."""
        parts = {
            asyncio.create_task(self.engine.run(), name="engine"),
            asyncio.create_task(self.observer.run(), name="observer"),
            asyncio.create_task(self.executor.run(), name="executor"),
        }
        try:
            ended, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
            for part in ended:
                part.result()
        finally:
            for part in parts:
                part.cancel()
            await asyncio.gather(*parts, return_exceptions=True)
            with contextlib.suppress(TimeoutError):
                finished = await self.executor.drain(timeout_seconds=_DRAIN_SECONDS)
                if not finished:
                    _log.warning("commands are left for the next start", unfinished=self.executor.unfinished)
