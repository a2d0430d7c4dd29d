"""What one event costs the machine in sets of different sizes: folded, decided about, the decision applied.

In memory and without disk or API server, per CPU second, so that nothing but the machine is measured. The events are
those of sets that come up, lose a worker of some of their groups, and are rolled to another template in part.
"""

import time
from typing import Final

from lws_events.fleet import Fleet
from tests.bench.figures import CostPerEvent
from tests.bench.recorded import recreate
from tests.rollout_model import Rollout
from tests.scenario import Scenario

GROUPS: Final = (10, 100, 1_000, 10_000)
FAILURES: Final = 10
"""Groups that lose a worker: as many in each set, so that the sets differ in their size alone."""
SIZE: Final = 2
REPEATED_SECONDS: Final = 1.0
ROLLED_AT_ONCE: Final = 2
ROLLS_REPEATED: Final = 3


def measure() -> list[CostPerEvent]:
    """Microseconds for an event while a set comes up, while groups are recreated, and while groups are rolled."""
    return [_measure(groups) for groups in GROUPS]


def _measure(groups: int) -> CostPerEvent:
    scenario = Scenario(replicas=groups, leaderWorkerTemplate={"size": SIZE})
    scenario.run()
    created = len(scenario.recorded)
    for group in range(FAILURES):
        recreate(scenario, group, size=SIZE, before="", after=".1")
    recorded, best = scenario.recorded, (float("inf"), float("inf"))
    end = time.perf_counter() + REPEATED_SECONDS
    while True:
        fleet = Fleet()
        began = time.process_time()
        for sequence, subject, envelope in recorded[:created]:
            fleet.step(sequence, subject, envelope)
        between = time.process_time()
        for sequence, subject, envelope in recorded[created:]:
            fleet.step(sequence, subject, envelope)
        best = min(best[0], between - began), min(best[1], time.process_time() - between)
        if time.perf_counter() > end:
            break
    return CostPerEvent(
        groups=groups,
        created_us=best[0] / created * 1e6,
        recreated_us=best[1] / (len(recorded) - created) * 1e6,
        rolled_us=_rolled_us(groups),
    )


def _rolled_us(groups: int) -> float:
    budgets = {"maxUnavailable": ROLLED_AT_ONCE}
    model = Rollout(
        replicas=groups,
        rolloutStrategy={"rollingUpdateConfiguration": budgets},
        leaderWorkerTemplate={"size": SIZE},
    )
    model.begin()
    model.template("changed")
    begun = len(model.recorded)
    for index in range(groups - 1, groups - 1 - FAILURES, -1):
        model.make_ready(index)
    assert model.partition == groups - min(groups, FAILURES + ROLLED_AT_ONCE), "each group lets the next one go"
    best = float("inf")
    for _ in range(ROLLS_REPEATED):
        fleet = Fleet()
        for sequence, subject, envelope in model.recorded[:begun]:
            fleet.step(sequence, subject, envelope)
        began = time.process_time()
        for sequence, subject, envelope in model.recorded[begun:]:
            fleet.step(sequence, subject, envelope)
        best = min(best, time.process_time() - began)
    return best / (len(model.recorded) - begun) * 1e6
