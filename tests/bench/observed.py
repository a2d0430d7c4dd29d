"""A controller under observation: its writes by the audit log, its cost by ``/proc``, and when it falls silent."""

import asyncio
import time
from collections.abc import Sequence
from typing import Final

from tests.bench.controllers import Controller, Moment, Running
from tests.bench.plane import Plane
from tests.controlplane import audit
from tests.controlplane.audit import AuditLog, Request

SILENT_SECONDS: Final = 2.0
"""A controller that has written nothing for so long has settled."""
SILENT_SECONDS_MAX: Final = 30.0


class Observed:
    """The controller from the outside, phase by phase; ``begin`` begins a phase."""

    def __init__(self, plane: Plane, controller: Controller, running: Running) -> None:
        self.plane = plane
        self._user_agent = controller.user_agent
        self._running = running
        self._log = AuditLog(plane.control_plane.audit_log)

    def begin(self) -> Moment:
        """What the controller has used so far. From here on requests are counted."""
        self._log.mark()
        return self._running.now()

    def now(self) -> Moment:
        """What the controller has used so far."""
        return self._running.now()

    def requests(self) -> Sequence[Request]:
        """Writes of all clients in this phase."""
        return self._log.since_mark()

    def writes(self) -> list[Request]:
        """Writes of the controller in this phase."""
        return audit.writes_of(self.requests(), self._user_agent)

    def activity(self) -> int:
        """How many writes of anybody there were in this phase, without Leases: grows as long as anything happens."""
        return sum(1 for request in self.requests() if request.object_ref.resource != "leases")

    async def silence(self) -> None:
        """Wait until the controller has written nothing for a while. Raises ``ControllerEnded``."""
        deadline = time.monotonic() + SILENT_SECONDS_MAX
        written, since = len(self.writes()), time.monotonic()
        while time.monotonic() - since < SILENT_SECONDS and time.monotonic() < deadline:
            await asyncio.sleep(0.25)
            now = len(self.writes())
            if now != written:
                written, since = now, time.monotonic()
        self._running.require_running()
