"""Which facts of a journal audit rests on: these alone are kept when the rest goes.

What is not named here is kept. A fact that is left out must not change any row: the fold looks at nothing else.
"""

from typing import Final

from lws_events.commands import SetTimer
from lws_events.decisions import Decision
from lws_events.events import (
    DifferenceFound,
    EpochStarted,
    Fact,
    LogCaptured,
    ObjectNotRecorded,
    PodGroupDeleted,
    PodGroupObserved,
    RevisionDeleted,
    RevisionObserved,
    ServiceDeleted,
    ServiceObserved,
    SetChangeMissed,
    SetStatusObserved,
    StatefulSetDeleted,
    StatefulSetObserved,
    TimerFired,
)

_OF_NO_INTEREST: Final = frozenset(
    {
        DifferenceFound,
        EpochStarted,
        LogCaptured,
        ObjectNotRecorded,
        PodGroupDeleted,
        PodGroupObserved,
        RevisionDeleted,
        RevisionObserved,
        ServiceDeleted,
        ServiceObserved,
        SetChangeMissed,
        SetStatusObserved,
        StatefulSetDeleted,
        StatefulSetObserved,
        TimerFired,
    }
)


def audit_rests_on(fact: Fact, decision: Decision | None) -> bool:
    """Whether audit can say anything of an event, or of what was decided by it."""
    if type(fact) not in _OF_NO_INTEREST:
        return True
    if decision is None:
        return False
    return bool(decision.facts) or any(not isinstance(issued.command, SetTimer) for issued in decision.commands)
