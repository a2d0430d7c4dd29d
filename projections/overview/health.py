"""Health of a group in one of seven words, each with a letter, so that a picture needs no colour to be read."""

from typing import Final

from lws_events.machine.lifecycle import BACK_OFF, DEGRADED, KEPT, READY, RECREATING, SCHEDULING, STARTING, TERMINATING
from lws_events.machine.state import ABSENT

HEALTH: Final = {
    READY: "ready",
    STARTING: "starting",
    SCHEDULING: "waiting",
    BACK_OFF: "waiting",
    DEGRADED: "failed",
    RECREATING: "recreating",
    TERMINATING: "recreating",
    KEPT: "kept",
    ABSENT: "absent",
}
"""State of life (``machine.lifecycle``) → health."""

LETTERS: Final = {
    "ready": "R",
    "starting": "S",
    "waiting": "W",
    "failed": "F",
    "recreating": "C",
    "kept": "K",
    "absent": "A",
}
"""As the columns of ``cells`` have it."""


def health(lifecycle: str) -> str:
    """Of a state of life; one that this release does not know is ``starting``: on its way."""
    return HEALTH.get(lifecycle, "starting")
