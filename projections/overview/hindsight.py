"""What was known at a moment: entries, lanes and chains without what came later."""

from collections.abc import Iterable, Iterator

import msgspec

from projections.lanes import Lane, Picture
from projections.why.model import Chain


def known_at(chains: Iterable[Chain], sequence: int) -> Iterator[Chain]:
    """Chains that had begun by an event, as far as they had come. Links before the first are kept: they are causes."""
    for chain in chains:
        links = tuple(link for link in chain.links if link.sequence <= sequence)
        if len(links) == len(chain.links):
            yield chain
        elif links:
            yield msgspec.structs.replace(chain, links=links, complete=False)


def fewer_lanes(picture: Picture, *, groups: frozenset[str], pods_max: int) -> Picture:
    """The lanes of some groups; of their pods only where there are not too many."""
    pods = tuple(lane for lane in picture.pods if lane.group in groups)
    return msgspec.structs.replace(
        picture,
        groups=tuple(lane for lane in picture.groups if lane.name in groups),
        pods=pods if len(pods) <= pods_max else (),
    )


def groups_with_lanes(picture: Picture) -> list[str]:
    """Those with the most news first: many intervals, or several lives of pods."""
    weight: dict[str, int] = {}
    for lane in (*picture.groups, *picture.pods):
        group = lane.group
        weight[group] = weight.get(group, 0) + _news(lane)
    return sorted(weight, key=lambda group: (-weight[group], len(group), group))


def _news(lane: Lane) -> int:
    return len(lane.intervals)
