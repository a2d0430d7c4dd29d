"""The row of a request for a deletion: of the set, or of one of its pods."""

from lws_events import subjects
from lws_events.requests import DeletionRequested
from lws_events.subjects import SetName
from projections.audit.rows import REQUEST, AuditRow
from projections.groups import group_of_object
from projections.journal import RecordedEvent


def deletion_row(set_name: SetName, event: RecordedEvent, request: DeletionRequested, *, because: str) -> AuditRow:
    """Who asked for what, and how it is to be done."""
    is_pod = request.kind == subjects.POD
    verb = "eviction" if request.eviction else "deletion"
    grace = "" if request.grace_seconds is None else f", grace period {request.grace_seconds} s"
    how = f", propagation {request.propagation}" if request.propagation else ""
    return AuditRow(
        at_ms=event.envelope.at_ms,
        sequence=event.sequence,
        namespace=set_name.namespace,
        set=set_name.name,
        kind=REQUEST,
        what=f"{verb} of {f'pod {request.name}' if is_pod else 'the set'} was asked for{how}{grace}",
        group=group_of_object(set_name, request.name) if is_pod else "",
        pod=request.name if is_pod else "",
        user=request.user,
        user_groups=", ".join(request.groups),
        because=because,
    )
