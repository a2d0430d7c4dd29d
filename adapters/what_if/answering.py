"""A question answered: build the cluster, do to it what is asked, let time run, read what happened.

Nothing is random and nothing depends on the present of this machine: the same state and question give the same answer.
"""

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from adapters.what_if.course import Course, What
from adapters.what_if.forecast import SetForecast, affected, forecast
from adapters.what_if.placement import domains_of
from adapters.what_if.questions import Verdict
from adapters.what_if.world import Pace, World
from lws_events.subjects import SetName

LIMIT_SECONDS: Final = 7 * 24 * 3600.0
"""Virtual time after which nobody waits any longer: only what is refused again and again goes on for so long."""
_STEPS_BETWEEN_REPORTS: Final = 500

Ask = Callable[[World], Verdict | None]
"""Does to the cluster what is asked; returns what admission says of it, if it is asked."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What happens, set by set. ``verdict`` is None where no set is changed."""

    verdict: Verdict | None
    sets: tuple[SetForecast, ...]
    nodes: int
    """Nodes of the cluster in which this was tried."""

    @property
    def finishes(self) -> bool:
        """Accepted, and every set gets where it is to be."""
        accepted = self.verdict is None or self.verdict.accepted
        return accepted and all(one.finishes for one in self.sets)


def answer(
    world: World,
    ask: Ask,
    *,
    of_sets: Sequence[SetName] = (),
    on_progress: Callable[[int], None] = lambda _: None,
) -> Answer:
    """Try it out. ``of_sets``: told of in any case; others where something happens to them.

    ``on_progress`` is told how many groups have become ready. Raises ``QuestionError`` from ``ask``.
    """
    simulation = world.simulation
    course = Course(simulation)
    before = domains_of(simulation)
    nodes = len(before.of_nodes)
    world.controller.on_step = course.decided
    world.begin()
    verdict = ask(world)
    if verdict is not None and not verdict.accepted:
        return Answer(verdict=verdict, sets=(), nodes=nodes)
    _run(world, course, on_progress)
    names = sorted({*of_sets, *affected(course)})
    return Answer(
        verdict=verdict,
        sets=tuple(forecast(world, course, name, before=before) for name in names),
        nodes=nodes,
    )


def pace_for(*, ready_seconds: float, end_seconds: float, leader_first: bool) -> Pace:
    """How long one pod takes where groups take so long. ``leader_first``: workers begin when their leader is ready."""
    return Pace(pod_ready_seconds=ready_seconds / 2 if leader_first else ready_seconds, pod_end_seconds=end_seconds)


def _run(world: World, course: Course, on_progress: Callable[[int], None]) -> None:
    clock = world.simulation.clock
    steps = 0
    while (due := clock.next_at()) is not None and due <= LIMIT_SECONDS:
        clock.step()
        steps += 1
        if steps % _STEPS_BETWEEN_REPORTS == 0:
            on_progress(sum(entry.what is What.READY for entry in course.entries))
