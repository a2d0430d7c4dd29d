"""What a course comes to, for each set: restarts, groups that come and go, the timeline, numbers, and what holds it.

Plain data, for programs as it is and for people through the command line.
"""

from collections.abc import Sequence

import msgspec

from adapters.what_if.course import Course, Entry, What
from adapters.what_if.lives import Lives, Restart
from adapters.what_if.placement import Domains, Placement, placement_of
from adapters.what_if.standing import holds, is_settled
from adapters.what_if.steps import Step, steps_of
from adapters.what_if.world import World
from lws_events.subjects import SetName


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers. Times are seconds since the change."""

    restarts: int
    pods_replaced: int
    pods_created: int
    """Where none of their name was before."""
    pods_removed: int
    """Of groups that are no longer wanted, or of those that are smaller now."""
    pods_missing: int
    """That should be there, and are not at the end."""
    pod_seconds_lost: float
    """Sum over pods that were ready, from their loss until one of their name is ready again; of groups that are no
    longer wanted nothing is lost. Where that does not come: until the last thing happened."""
    down_max: int
    """Wanted groups that are not ready, at most at once."""
    ready_before: int
    ready_min: int
    ready_max: int
    ready_after: int
    duration_seconds: float
    """Until the last thing happened to a pod of the set."""


class SetForecast(msgspec.Struct, frozen=True, kw_only=True):
    """What happens to one set."""

    set_name: str
    finishes: bool
    """The set gets where it is to be."""
    holds: tuple[str, ...]
    """What keeps it from that, in words."""
    restarts: tuple[Restart, ...]
    """In the order of their ends."""
    unaffected_groups: tuple[int, ...]
    """None of their pods ends."""
    created_groups: tuple[int, ...]
    removed_groups: tuple[int, ...]
    surge_groups: tuple[int, ...]
    """That come and go again."""
    pods_replaced: tuple[str, ...]
    """In the order of their ends."""
    placement: Placement | None
    steps: tuple[Step, ...]
    ready_groups: tuple[tuple[float, int], ...]
    """How many groups are ready from a time on."""
    summary: Summary


def forecast(world: World, course: Course, set_name: SetName, *, before: Domains) -> SetForecast:
    """Read a course to its end, for one set."""
    entries = [entry for entry in course.entries if entry.set_name == set_name]
    lives = Lives(course, entries, set_name)
    finishes = is_settled(world.controller, course, set_name)
    there = {pod.group for pod in course.before.values() if pod.set_name == set_name and not pod.ended}
    touched = {entry.group for entry in entries if entry.what is What.ENDED}
    over_time = _ready_over_time(entries, first=course.ready_before.get(set_name, 0))
    return SetForecast(
        set_name=str(set_name),
        finishes=finishes,
        holds=() if finishes else holds(world.simulation, world.controller, course, set_name),
        restarts=lives.restarts,
        unaffected_groups=tuple(sorted(there - touched)),
        created_groups=lives.created,
        removed_groups=lives.removed,
        surge_groups=lives.surge,
        pods_replaced=lives.replaced,
        placement=placement_of(world.simulation, course, entries, set_name, before=before),
        steps=steps_of(entries, lives),
        ready_groups=over_time,
        summary=_summary(course, entries, lives, set_name, over_time=over_time),
    )


def affected(course: Course) -> list[SetName]:
    """Sets whose pods end or come, sorted."""
    return sorted({entry.set_name for entry in course.entries if entry.what in (What.ENDED, What.BORN)})


def _summary(
    course: Course,
    entries: Sequence[Entry],
    lives: Lives,
    set_name: SetName,
    *,
    over_time: Sequence[tuple[float, int]],
) -> Summary:
    moved = [entry.at_seconds for entry in entries if entry.what is not What.DECIDED]
    end = max(moved, default=0.0)
    lost = [
        (end if loss.until_seconds is None else loss.until_seconds) - loss.since_seconds
        for loss in course.losses
        if loss.set_name == set_name and not (loss.until_seconds is None and loss.group in lives.removed)
    ]
    before, after = set(lives.pods_before), lives.pods_after
    gone = before - after
    missing = {name for name in gone if name in lives.missing}
    return Summary(
        restarts=len(lives.restarts),
        pods_replaced=len(lives.replaced),
        pods_created=len(after - before),
        pods_removed=len(gone) - len(missing),
        pods_missing=len(missing),
        pod_seconds_lost=round(sum(lost), 2),
        down_max=max((entry.down for entry in entries), default=0),
        ready_before=over_time[0][1],
        ready_min=min(ready for _, ready in over_time),
        ready_max=max(ready for _, ready in over_time),
        ready_after=over_time[-1][1],
        duration_seconds=round(end, 2),
    )


def _ready_over_time(entries: Sequence[Entry], *, first: int) -> tuple[tuple[float, int], ...]:
    found: list[tuple[float, int]] = [(0.0, first)]
    for entry in entries:
        at = round(entry.at_seconds, 2)
        if entry.ready != found[-1][1]:
            if at == found[-1][0] and len(found) > 1:
                found.pop()
            found.append((at, entry.ready))
    return tuple(found)
