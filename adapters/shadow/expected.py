"""A command that somebody is expected to carry out, and what it depends on."""

import asyncio
from typing import Final

import msgspec

from adapters.shadow.standing import Standing
from adapters.shadow.wanted import Place, Wanted
from lws_events import commands
from lws_events.decisions import Issued

GROUP, SET, STATUS, ASIDE = range(4)
"""What depends on what: later ones on earlier ones."""

_NOBODY_WAITS_FOR: Final = (commands.DeleteControllerRevision, commands.ApplyWorkerMetadata, commands.MarkLeaderPod)


class Expected(msgspec.Struct):
    """One command, and what is wanted by it."""

    place: Place
    issued: Issued
    wanted: Wanted
    busy: asyncio.Task[None] | None = None
    """Something is being read about it."""
    seen: Standing | None = None
    """How it stood when it was met for a moment: a rollout goes on before anybody looks."""

    @property
    def rank(self) -> int:
        """``GROUP``, ``SET``, ``STATUS`` or ``ASIDE``."""
        command = self.issued.command
        if isinstance(command, _NOBODY_WAITS_FOR):
            return ASIDE
        if isinstance(command, commands.UpdateSetStatus):
            return STATUS
        return SET if isinstance(command, commands.ApplyLeaderStatefulSet) else GROUP
