"""What the leader StatefulSet is, as far as we can know: as a watch shows it, or as we have applied it since.

A watch lags behind our own writes. A plan made from an old view would take a step twice.
"""

import functools
import re
from typing import Final, NamedTuple

import msgspec

from lws_events import names
from lws_events.commands import ApplyLeaderStatefulSet
from lws_events.events import CommandSucceeded
from lws_events.machine.rollout.planner import Present
from lws_events.machine.state import Aggregate, AppliedLeader, precedes

_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,10}")
_NOTED_MAX: Final = 1024
"""How many numbers of replicas stay read: they are asked for with each event of a set."""


class Standing(NamedTuple):
    """The leader StatefulSet, reduced to what a plan depends on."""

    key: str
    """Of the revision it was applied with; empty where there was none."""
    present: Present
    annotations: dict[str, str]
    """Of the set when it was applied, its topology annotations among them."""


def standing(state: Aggregate, *, replicas: int) -> Standing | None:
    """The set's own leader StatefulSet; None if there is none. ``replicas``: what the set wants now."""
    view, applied = state.own_leader_set, state.applied
    if view is None:
        return None
    if applied is not None and applied.uid == view.uid and precedes(view.resource_version, applied.resource_version):
        return _standing(
            applied.key, applied.replicas, applied.partition, annotations=applied.annotations, replicas=replicas
        )
    key = view.labels.get(names.REVISION_KEY, "")
    # No partition, as under ``OnDelete`` or by another's hand, is partition 0 (spec D28).
    return _standing(key, view.replicas, view.partition or 0, annotations=view.annotations, replicas=replicas)


def _standing(key: str, have: int, partition: int, *, annotations: dict[str, str], replicas: int) -> Standing:
    # Without a readable annotation the number counts as unchanged (spec D28).
    noted = _noted(annotations.get(names.REPLICAS, ""))
    return Standing(key, Present(have, partition, replicas if noted is None else noted), annotations)


@functools.lru_cache(maxsize=_NOTED_MAX)
def _noted(text: str) -> int | None:
    return int(text) if _NUMBER.fullmatch(text) else None


class _RollingUpdate(msgspec.Struct):
    partition: int


class _Strategy(msgspec.Struct, rename="camel"):
    rolling_update: _RollingUpdate


class _Spec(msgspec.Struct, rename="camel"):
    replicas: int
    update_strategy: _Strategy


class _Metadata(msgspec.Struct):
    labels: dict[str, str]
    annotations: dict[str, str]


class _Manifest(msgspec.Struct):
    metadata: _Metadata
    spec: _Spec


_MANIFEST: Final = msgspec.json.Decoder(_Manifest)


def applied_leader(command: ApplyLeaderStatefulSet, outcome: CommandSucceeded) -> AppliedLeader:
    """What is to be remembered of a successful apply."""
    manifest = _MANIFEST.decode(command.manifest)
    annotations = manifest.metadata.annotations
    return AppliedLeader(
        inputs=command.inputs,
        uid=outcome.uid,
        resource_version=outcome.resource_version,
        generation=outcome.generation,
        key=manifest.metadata.labels.get(names.REVISION_KEY, ""),
        partition=manifest.spec.update_strategy.rolling_update.partition,
        replicas=manifest.spec.replicas,
        annotations={name: value for name, value in annotations.items() if name.startswith(names.PREFIX)},
    )
