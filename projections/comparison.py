"""Two releases of the machine on one journal: what each decides about each event, and where they part.

Both fold the same events and apply the same *recorded* decisions, so that one difference does not make all that follows
look different. Decisions are compared as JSON, without the version that made them: the other release may know commands
and facts that this one does not. How the other one is run is not decided here.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final

import msgspec

from lws_events import decisions
from lws_events.decisions import Decision
from lws_events.subjects import SetName
from projections.difference import Change, difference, plain
from projections.journal import RecordedEvent, Step
from projections.verify import Proposer

BATCH_STEPS: Final = 500
"""Events that the other release is given at once."""

Json = dict[str, Any]
Other = Callable[[Sequence[Step]], Sequence[Json | None]]
"""The other release's decisions about the next events, in their order; None where it decides nothing."""


class SetDifference(msgspec.Struct, kw_only=True):
    """Where the releases part about one set."""

    set_name: SetName
    differences: int = 0
    """Events of the set about which they decide differently."""
    event: RecordedEvent
    """The first of them."""
    here: Json | None
    """This release's decision about it; None: none."""
    there: Json | None
    """The other one's."""
    recorded: Json | None
    changes: tuple[Change, ...]
    """From here to there."""


class Comparison(msgspec.Struct, kw_only=True):
    """What a comparison found."""

    events: int = 0
    decisions_here: int = 0
    decisions_there: int = 0
    differences: int = 0
    sets: int = 0
    """Sets that the journal is about."""
    parted: dict[SetName, SetDifference] = {}
    """Sets with a difference, in the order of their first ones."""

    @property
    def summary(self) -> str:
        """In numbers."""
        return (
            f"{_counted(self.events, 'event')} of {_counted(self.sets, 'set')}; "
            f"{_counted(self.decisions_here, 'decision')} here, {self.decisions_there:,} there; "
            f"{_counted(self.differences, 'difference')} in {_counted(len(self.parted), 'set')}"
        )


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def compare_machines(
    steps: Iterable[Step], here: Proposer, there: Other, *, on_step: Callable[[int], None] | None = None
) -> Comparison:
    """Ask both machines about every event. ``on_step`` gets the sequence of the last event of each batch."""
    found, seen = Comparison(), set[SetName]()
    for batch in _batches(steps):
        theirs = there(batch)
        for step, answer in zip(batch, theirs, strict=True):
            event = step.event
            ours = here.propose(event.sequence, event.subject, event.envelope, step.decision)
            address = event.address
            found.events += 1
            if address is None:
                continue
            seen.add(address.set_name)
            found.decisions_here += ours is not None
            found.decisions_there += answer is not None
            if ours is not None or answer is not None:
                _compare(found, address.set_name, step, ours, answer)
        if on_step is not None:
            on_step(batch[-1].event.sequence)
    found.sets = len(seen)
    return found


def _compare(found: Comparison, name: SetName, step: Step, ours: Decision | None, answer: Json | None) -> None:
    if _is_same(ours, answer):
        return
    found.differences += 1
    if name not in found.parted:
        here, there = _as_json(ours), _without_version(answer)
        found.parted[name] = SetDifference(
            set_name=name,
            event=step.event,
            here=here,
            there=there,
            recorded=_as_json(step.decision),
            changes=() if here is None or there is None else difference(here, there),
        )
    found.parted[name].differences += 1


def _is_same(ours: Decision | None, answer: Json | None) -> bool:
    """Whether both mean the same: a release may leave out what another writes at its default."""
    if ours is None or answer is None:
        return ours is None and answer is None
    try:
        theirs = decisions.decode(msgspec.json.encode(answer))
    except msgspec.DecodeError:
        return False
    if msgspec.structs.replace(theirs, machine=ours.machine) != ours:
        return False
    return _has_all(plain(theirs), answer)  # nothing in it that this release does not know


def _as_json(decision: Decision | None) -> Json | None:
    return None if decision is None else _without_version(plain(decision))


def _without_version(decision: Json | None) -> Json | None:
    return None if decision is None else {key: value for key, value in decision.items() if key != "machine"}


def _has_all(whole: Any, part: Any) -> bool:
    if isinstance(whole, dict) and isinstance(part, dict):
        return all(key in whole and _has_all(whole[key], value) for key, value in part.items())
    if isinstance(whole, list) and isinstance(part, list):
        return len(whole) == len(part) and all(map(_has_all, whole, part))
    return bool(whole == part)


def _batches(steps: Iterable[Step]) -> Iterator[Sequence[Step]]:
    remaining = iter(steps)
    while batch := list(islice(remaining, BATCH_STEPS)):
        yield batch
