"""Which facts of a journal audit rests on: these alone are kept when the rest goes; and what they say of a restart.

What is not named here is kept. A fact that is left out must not change any row: the fold looks at nothing else.
"""

from typing import Final

from lws_events.commands import SetTimer
from lws_events.decisions import Decision, GroupRecreationStarted
from lws_events.events import (
    DifferenceFound,
    EpochStarted,
    Fact,
    LogCaptured,
    ObjectNotRecorded,
    PodDeleted,
    PodGroupDeleted,
    PodGroupObserved,
    PodObserved,
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
from projections.journal import RecordedEvent

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


def why_restarted(event: RecordedEvent, started: GroupRecreationStarted) -> str:
    """The failure, and by its reason what of Kubernetes itself ended the pod: ``deleted (EvictionByEvictionAPI)``."""
    fact = event.envelope.fact
    if not isinstance(fact, PodObserved | PodDeleted) or fact.disruption is None:
        return started.failure
    is_of_it = event.address is not None and event.address.name == started.failed_pod
    return f"{started.failure} ({fact.disruption.reason})" if is_of_it else started.failure
