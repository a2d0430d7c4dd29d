"""All chains of a set: one pass over what was recorded about it, in memory that depends on the set, not on its past."""

from collections.abc import Collection, Iterable, Iterator

from lws_events.subjects import SetName
from projections.groups import group_of_object, group_token
from projections.journal import Step, about
from projections.why.groups import GroupChains
from projections.why.left_alone import LeftAloneChains
from projections.why.model import Chain
from projections.why.rollouts import RolloutChains
from projections.why.rules import Policies
from projections.why.surroundings import Surroundings


class Stories:
    """Fold of one set: ``add`` gives the chains that a step completed, ``unfinished`` the others."""

    def __init__(self, set_name: SetName) -> None:
        self._around = Surroundings(set_name)
        self._groups = GroupChains(self._around)
        self._left_alone = LeftAloneChains(self._around)
        self._rollouts = RolloutChains(self._around)
        self._policies = Policies(None)

    def add(self, step: Step) -> list[Chain]:
        """Read one step, which must be about this set."""
        event, decision = step.event, step.decision
        ends = self._around.add(event)
        finished = self._groups.add_event(event) + self._left_alone.add_event(event)
        self._rollouts.add_event(event)
        if decision is not None:
            if self._policies.observed is not self._around.observed:
                self._policies = Policies(self._around.observed)
            finished += self._groups.add_decision(event, decision, self._policies)
            finished += self._left_alone.add_decision(event, decision, self._policies)
            finished += self._rollouts.add_decision(event, decision, self._policies)
            self._around.add_decision(event, decision)
        return finished + self._groups.add_ends(ends)

    def unfinished(self) -> list[Chain]:
        """Those that are not over, in the order in which they began."""
        found = self._groups.unfinished() + self._left_alone.unfinished() + self._rollouts.unfinished()
        return sorted(found, key=lambda chain: chain.links[0].sequence)


def stories(
    steps: Iterable[Step],
    set_name: SetName,
    *,
    group: str | None = None,
    pod: str | None = None,
    kinds: Collection[str] = (),
) -> Iterator[Chain]:
    """The chains of a set as each completes, then the unfinished ones.

    ``group``: only that one's, by its token or its leader pod; ``pod``: only those that ended or failed this pod;
    ``kinds``: only these of ``model.KINDS``.
    """
    fold = Stories(set_name)
    wanted = None if group is None else group_token(set_name, group)
    of_pod = None if pod is None else group_of_object(set_name, pod)

    def matches(chain: Chain) -> bool:
        if kinds and chain.kind not in kinds:
            return False
        if of_pod is not None and (chain.group != of_pod or (chain.kind == "failure" and chain.failed_pod != pod)):
            return False
        return wanted is None or chain.group == wanted

    for step in about(steps, set_name):
        yield from filter(matches, fold.add(step))
    yield from filter(matches, fold.unfinished())
