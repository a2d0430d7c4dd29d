"""Labels and annotations of the set on worker StatefulSets that exist (spec D31).

They are created once and never changed otherwise: metadata cannot restart anything. Only a *change* of the set's
metadata is passed on, to all its groups but a few at a time; a set that is merely taken over is left as it is.
"""

import itertools
from typing import Any, Final

from lws_events import names
from lws_events.commands import ApplyWorkerMetadata
from lws_events.events import SetObserved
from lws_events.machine.draft import Draft
from lws_events.machine.manifest import as_json, lws_object
from lws_events.machine.state import Aggregate
from lws_events.objects.metadata import set_annotations, set_labels

RUNNING_MAX: Final = 16
"""Half of what the executor does at once: a set of ten thousand groups must not keep the others waiting."""

LOOKED_AT_MAX: Final = 64
"""Bounds what one event costs while many wait for their retries; the timers bring the others forward."""

_OF_THE_GROUP: Final = frozenset({names.SET_NAME, names.GROUP_INDEX, names.GROUP_KEY, names.REVISION_KEY})


def note_change(state: Aggregate, before: SetObserved | None, after: SetObserved) -> None:
    """The set was observed: if its labels or annotations changed, every worker StatefulSet is due."""
    if before is None or before.uid != after.uid:
        return
    if (before.labels, before.annotations) == (after.labels, after.annotations):
        return
    state.metadata_due = {
        name: group.worker_set.uid for name, group in sorted(state.groups.items()) if group.worker_set is not None
    }
    state.dropped_labels = _dropped(state.dropped_labels, before.labels, after.labels)
    state.dropped_annotations = _dropped(state.dropped_annotations, before.annotations, after.annotations)


def note_stateful_set(state: Aggregate, name: str, *, uid: str) -> None:
    """A worker StatefulSet was seen (or, without uid, went): one that is new has the present metadata already."""
    if state.metadata_due.get(name, uid) != uid:
        del state.metadata_due[name]


def note_sent(state: Aggregate, command: ApplyWorkerMetadata) -> None:
    """It was decided to apply the metadata of one."""
    state.metadata_due.pop(command.name, None)
    state.metadata_running += 1


def note_end(state: Aggregate, command: ApplyWorkerMetadata, *, done: bool) -> None:
    """An apply has an outcome; one that was refused is due again, unless its object went."""
    state.metadata_running -= 1
    group = state.groups.get(command.name)
    if not done and group is not None and group.worker_set is not None and group.worker_set.uid == command.uid:
        state.metadata_due.setdefault(command.name, command.uid)


def decide_worker_metadata(draft: Draft) -> None:
    """Apply the metadata of the next few worker StatefulSets that are due."""
    state = draft.state
    left = RUNNING_MAX - state.metadata_running
    for name, uid in itertools.islice(state.metadata_due.items(), LOOKED_AT_MAX):
        if left <= 0:
            return
        left -= draft.issue(_command(state, name, uid=uid))


def _command(state: Aggregate, name: str, *, uid: str) -> ApplyWorkerMetadata:
    lws = lws_object(state)
    labels = {key: value for key, value in set_labels(lws).items() if key not in _OF_THE_GROUP}
    metadata: dict[str, Any] = {"name": name, "namespace": state.name.namespace, "uid": uid}
    metadata |= {"labels": labels, "annotations": set_annotations(lws)}
    return ApplyWorkerMetadata(
        name=name,
        uid=uid,
        manifest=as_json({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": metadata}),
        dropped_labels=tuple(state.dropped_labels),
        dropped_annotations=tuple(state.dropped_annotations),
    )


def _dropped(known: list[str], before: dict[str, str], after: dict[str, str]) -> list[str]:
    """Keys that were passed on at some time and are no longer there."""
    return sorted({*known, *before} - after.keys() - _OF_THE_GROUP)
