"""The timeline of a forecast: one line for each thing that a person would want to see coming."""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from adapters.what_if.course import Entry, What
from adapters.what_if.lives import Lives
from lws_events.decisions import (
    FailureLeftAlone,
    GroupKept,
    GroupRecreationPostponed,
    GroupTerminationOverdue,
    RolloutBlocked,
    RolloutStepped,
)
from projections.explain import explain_lifecycle

_TOLD: Final = (
    FailureLeftAlone,
    GroupKept,
    GroupRecreationPostponed,
    GroupTerminationOverdue,
    RolloutBlocked,
    RolloutStepped,
)
_WAIT_SECONDS: Final = 1.0
"""A pod that waits for a node no longer than this is not told of: the one before it was just leaving."""
_SHORT_SECONDS: Final = 10
_MINUTE: Final = 60
_HOUR: Final = 3600


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the timeline. ``group`` is None for what concerns the whole set."""

    at_seconds: float
    group: int | None
    what: str
    ready_groups: int
    """After it."""


def steps_of(entries: Sequence[Entry], lives: Lives) -> tuple[Step, ...]:
    """All lines in the order in which things happen."""
    ends = {(one.group, round(one.at_seconds, 1)) for one in entries if one.what is What.ENDED and one.leads}
    found = [
        step
        for entry in entries
        # That its whole group ends says more than that it is not ready any more.
        if entry.what is not What.UNREADY or (entry.group, round(entry.at_seconds, 1)) not in ends
        for step in _steps(entry, lives)
    ]
    return tuple(_with_durations(found, entries))


def _steps(entry: Entry, lives: Lives) -> Iterator[tuple[Entry, str]]:
    if isinstance(entry.fact, _TOLD):
        yield entry, explain_lifecycle(entry.fact)
    elif entry.what is What.ENDED and entry.leads:
        why = f"{lives.because(entry.uid)} ({entry.down} of {entry.wanted} down)"
        if lives.comes_again(entry.uid):
            yield entry, f"restarts: {why}"
        else:
            yield entry, f"ends, and does not come again: {why}" if entry.group < entry.wanted else "goes"
    elif entry.what is What.BORN and entry.leads and lives.is_first(entry.uid):
        yield entry, "comes, for the time of the update" if entry.group in lives.surge else "comes"
    elif entry.what is What.UNREADY and not entry.leads:
        yield entry, f"is not ready any more: pod {entry.pod} ({entry.down} of {entry.wanted} down)"
    elif entry.what is What.READY:
        yield entry, "is ready"


def _with_durations(found: Sequence[tuple[Entry, str]], entries: Sequence[Entry]) -> Iterator[Step]:
    ends = {one.uid: one.at_seconds for one in entries if one.what in (What.PLACED, What.ENDED, What.GONE)}
    waiting = [
        (one, f"waits: pod {one.pod} has no node: {one.text}")
        for one in entries
        if one.what is What.WAITS and ends.get(one.uid, float("inf")) - one.at_seconds > _WAIT_SECONDS
    ]
    first = {one.group: one.uid for one, _ in reversed(waiting)}
    waiting = [(one, text) for one, text in waiting if first[one.group] == one.uid]
    began: dict[int, float] = {}
    for entry, text in sorted([*found, *waiting], key=lambda item: item[0].at_seconds):
        what = text
        if entry.what is What.READY and entry.group in began:
            what = f"{text} after {seconds(entry.at_seconds - began.pop(entry.group))}"
        elif entry.what in (What.ENDED, What.BORN, What.UNREADY):
            began.setdefault(entry.group, entry.at_seconds)
        yield Step(
            at_seconds=round(entry.at_seconds, 2),
            group=entry.group if entry.group >= 0 else None,
            what=what,
            ready_groups=entry.ready,
        )


def seconds(value: float) -> str:
    """A duration for people: ``0.4 s``, ``12 s``, ``3 min 05 s``, ``2 h 10 min``."""
    if value < _SHORT_SECONDS:
        return f"{value:.1f} s".replace(".0 s", " s")
    whole = round(value)
    if whole < 2 * _MINUTE:
        return f"{whole} s"
    if whole < 2 * _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE:02d} s"
    return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE:02d} min"
