"""Objects that claim to be a set's, by name or label, and are not: left alone, and told once each.

Nothing else is done about them. A person who looks for a missing group, or for a pod that does not count, finds the
reason in the timeline. Objects whose claim is only found out by a refused command are told by ``refusals``.
"""

from typing import Final

from lws_events.decisions import ObjectLeftAlone
from lws_events.events import Owner
from lws_events.machine.change import Change
from lws_events.machine.draft import Draft
from lws_events.machine.state import Aggregate

TOLD_MAX: Final = 256
"""How many strangers of one set are remembered, told or not: enough for honest mistakes, and a bound on the state."""


def note(state: Aggregate, *, kind: str, name: str, uid: str, because: str) -> Change:
    """Keep an object for the record, unless it is known already. ``kind`` as Kubernetes spells it."""
    if uid in state.strangers or uid in state.strangers_told:
        return Change.NOTHING
    state.strangers[uid] = ObjectLeftAlone(kind=kind, name=name, uid=uid, because=because)
    if len(state.strangers) > TOLD_MAX:
        del state.strangers[next(iter(state.strangers))]
    return Change(strangers=True)


def forget(state: Aggregate, uid: str) -> None:
    """The object is a stranger no more. One that is gone is forgotten by ``sight.note_end``."""
    state.strangers.pop(uid, None)
    state.strangers_told.pop(uid, None)


def because_of_owner(owner: Owner) -> str:
    """Whose an object is, in words."""
    return f"it is controlled by {owner.kind} {owner.name}"


def decide_strangers(draft: Draft) -> None:
    """Tell of each stranger that has not been told, as soon as the set is known."""
    for stranger in draft.state.strangers.values():
        draft.note(stranger)


def told(state: Aggregate, fact: ObjectLeftAlone) -> None:
    """It is on record now."""
    if state.strangers.pop(fact.uid, None) is None:
        return
    state.strangers_told[fact.uid] = fact.name
    if len(state.strangers_told) > TOLD_MAX:
        del state.strangers_told[next(iter(state.strangers_told))]
