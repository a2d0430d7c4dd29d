"""Why nothing was done: failures that ended no group, and objects that are not the set's.

The other half of ``chain``: a person who asks why a group was recreated may as well ask why one was not.
"""

from collections.abc import Iterable, Iterator

from lws_events.decisions import FailureLeftAlone, ObjectLeftAlone
from lws_events.subjects import SetName
from projections.entries import CONTROLLER, Entry
from projections.explain import explain_lifecycle
from projections.groups import group_of_target, group_token
from projections.journal import Step


class LeftAlone:
    """Passes the steps of one set through, and keeps what they say of things left alone, in their order."""

    def __init__(self, set_name: SetName, *, group: str | None = None) -> None:
        self.entries: list[Entry] = []
        self._set = set_name
        self._group = None if group is None else group_token(set_name, group)

    def noting(self, steps: Iterable[Step]) -> Iterator[Step]:
        """The same steps."""
        for step in steps:
            for fact in step.decision.facts if step.decision is not None else ():
                if isinstance(fact, FailureLeftAlone):
                    self._note(step, fact, group_token(self._set, fact.group))
                elif isinstance(fact, ObjectLeftAlone):
                    self._note(step, fact, group_of_target(self._set, f"{fact.kind.lower()}/{fact.name}"))
            yield step

    def _note(self, step: Step, fact: FailureLeftAlone | ObjectLeftAlone, group: str) -> None:
        if self._group is not None and group != self._group:
            return
        event, what = step.event, explain_lifecycle(fact)
        entry = Entry(at_ms=event.envelope.at_ms, sequence=event.sequence, group=group, who=CONTROLLER, what=what)
        self.entries.append(entry)
