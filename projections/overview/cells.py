"""All groups of a set as columns: ten thousand of them are a few strings and lists, not ten thousand objects."""

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from lws_events.machine.state import ABSENT, Aggregate, Group
from projections.groups import group_token
from projections.overview.health import LETTERS, health


class Cells(msgspec.Struct, kw_only=True):
    """One place in each column for each group, in the order of their numbers."""

    names: list[str] = []
    """Tokens."""
    states: str = ""
    """A letter for each (``health.LETTERS``)."""
    updated: str = ""
    """``1`` for each that is of the wanted revision as a whole, else ``0``."""
    ready: list[int] = []
    """Ready pods."""
    sizes: list[int] = []
    """Pods that it is to have."""

    def extend(self, other: "Cells") -> None:
        """Take in the columns of the groups behind these."""
        self.names += other.names
        self.states += other.states
        self.updated += other.updated
        self.ready += other.ready
        self.sizes += other.sizes


def groups_of(state: Aggregate) -> list[Group]:
    """All groups that are there or wanted, by number, then by name.

    The wanted ones are looked up by name: to sort ten thousand groups would take longer than all the rest.
    """
    wanted = state.spec.replicas if state.spec is not None and state.set_ is not None else 0
    names = [f"{state.name.name}-{index}" for index in range(wanted)]
    expected = [state.groups.get(name) or Group(name, ABSENT) for name in names]
    others = (state.groups[name] for name in sorted(state.groups.keys() - set(names)))
    there = [group for group in others if group.lifecycle != ABSENT]
    return expected + sorted(there, key=lambda group: (group.index < 0, group.index))


def cells(state: Aggregate, groups: Sequence[Group]) -> Cells:
    """The columns of some groups of a set."""
    updated = state.marks.updated
    return Cells(
        names=[group_token(state.name, group.name) for group in groups],
        states="".join(LETTERS[health(group.lifecycle)] for group in groups),
        updated="".join("1" if _has(updated, group.index) else "0" for group in groups),
        ready=[sum(pod_is_ready for pod_is_ready in _readiness(group)) for group in groups],
        sizes=[state.size_of(group) for group in groups],
    )


def counted(groups: Iterable[Group]) -> dict[str, int]:
    """How many groups are of each health; only those that occur."""
    counts: dict[str, int] = {}
    for group in groups:
        word = health(group.lifecycle)
        counts[word] = counts.get(word, 0) + 1
    return dict(sorted(counts.items()))


def _has(bits: bytearray, index: int) -> bool:
    """One bit of ``machine.marks``, without making a number of ten thousand bits for each."""
    return 0 <= index < 8 * len(bits) and bool(bits[index >> 3] >> (index & 7) & 1)


def _readiness(group: Group) -> Iterator[bool]:
    if group.leader is not None:
        yield group.leader.view.ready and group.leader.view.deleting_since is None
    for pod in group.workers.values():
        yield pod.view.ready and pod.view.deleting_since is None
