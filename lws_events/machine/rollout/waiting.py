"""What to do while the leader StatefulSet is as it should be: see whether something keeps a rollout from going on."""

from lws_events.machine.draft import Draft
from lws_events.machine.rollout.blocked import decide_blocked
from lws_events.machine.rollout.situation import Planned
from lws_events.machine.rollout.stuck import decide_stuck


def decide_waiting(draft: Draft, planned: Planned, *, key: str) -> None:
    """A plan that needs no write: look at what it waits for. Does nothing while a revision is being chosen."""
    if key == draft.state.target_key:
        decide_blocked(draft, planned, key=key)
        decide_stuck(draft, planned)
