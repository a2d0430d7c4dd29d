"""The set's status: counts, conditions and when they are written (spec 1.6, 4.8; defects D54 to D56).

At most one write is in flight, and counts alone are written at most every ``COUNTS_INTERVAL_MS``: a storm of
readiness changes becomes a few writes. A condition or generation that changes is written at once.
"""

import functools
from datetime import UTC, datetime
from typing import Any, Final

from lws_events import names
from lws_events.commands import RecordEvent, UpdateSetStatus, status_target
from lws_events.decisions import ConditionChanged
from lws_events.machine import announcements
from lws_events.machine.draft import Draft
from lws_events.machine.manifest import as_json
from lws_events.machine.state import Aggregate

COUNTS_INTERVAL_MS: Final = 1_000
"""What a person who watches does not notice, and what spares the API server most writes of a big rollout."""

TIMER: Final = "status"

AVAILABLE: Final = "Available"
PROGRESSING: Final = "Progressing"
UPDATE_IN_PROGRESS: Final = "UpdateInProgress"

_TEXTS: Final = {
    AVAILABLE: ("AllGroupsReady", "All replicas are ready"),
    PROGRESSING: ("GroupsProgressing", "Replicas are progressing"),
    UPDATE_IN_PROGRESS: ("GroupsUpdating", "Rolling Upgrade is in progress"),
}
_EXCLUDED: Final = {
    (AVAILABLE,): (PROGRESSING, UPDATE_IN_PROGRESS),
    (PROGRESSING,): (AVAILABLE,),
    (UPDATE_IN_PROGRESS, PROGRESSING): (AVAILABLE,),
}
"""The conditions that can be chosen together → those that cannot be True beside them."""

_TIMES_MAX: Final = 256
"""How many times stay written: all conditions that change with an event, and mostly its neighbours, have the same."""

_LAST_SECOND: Final = 253_402_300_799
"""The end of the year 9999: a clock that is wrong must not make a status that cannot be written."""

_NO_COUNTS: Final = 2
"""Fields of a status that are no numbers: the selector and the conditions."""

Condition = dict[str, Any]


def is_done(state: Aggregate) -> bool:
    """Every group is updated and ready, and none is held back by a partition (spec 4.8, D56)."""
    spec, leader_set = state.spec, state.leader_set
    if spec is None or leader_set is None or spec.partition != 0:
        return False
    if spec.replicas == 0 and leader_set.status_replicas != 0:
        return False
    return state.totals.updated_ready_from_partition == spec.replicas


def decide_status(draft: Draft) -> None:
    """Write the status if it should be another one than is known."""
    state = draft.state
    assert state.set_ is not None
    if state.own_leader_set is None:
        return
    if not draft.can_issue(status_target(state.name.name)):
        return
    chosen, counts, generation = _choose(state), _counts(state), state.set_.generation
    known: list[Condition] = state.status.get("conditions") or []
    stay = _all_stay(known, chosen, generation=generation)
    if stay and _are_known(state, counts):
        return
    conditions = known if stay else _conditions(known, chosen, generation=generation, at_ms=draft.at_ms)
    changed = [] if stay else _changed(known, conditions)
    if not changed and counts.get("observedGeneration") == state.status.get("observedGeneration"):
        # A clock that was set back must not put the write off for long: then it is done at once.
        elapsed_ms = draft.at_ms - state.status_written_ms
        if 0 <= elapsed_ms < COUNTS_INTERVAL_MS:
            draft.wait(TIMER, delay_ms=COUNTS_INTERVAL_MS - elapsed_ms)
            return
    for condition in changed:
        draft.note(ConditionChanged(condition=condition["type"], status=condition["status"]))
    selector = state.status.get("hpaPodSelector") or f"{names.SET_NAME}={state.name.name},{names.WORKER_INDEX}=0"
    wanted = {**counts, "hpaPodSelector": selector, "conditions": conditions}
    draft.issue(
        UpdateSetStatus(name=state.name.name, uid=state.set_.uid, status=as_json(wanted)),
        announce=_announcement(state, chosen, wanted) if changed else None,
    )


def _counts(state: Aggregate) -> dict[str, int]:
    """The numbers in the status; what is nothing is left out."""
    assert state.set_ is not None
    assert state.leader_set is not None
    totals = state.totals
    counts = {
        "replicas": state.leader_set.status_replicas,
        "readyReplicas": totals.ready,
        "updatedReplicas": totals.updated,
        "observedGeneration": state.set_.generation,
    }
    return counts if all(counts.values()) else {name: value for name, value in counts.items() if value}


def _are_known(state: Aggregate, counts: dict[str, int]) -> bool:
    """Whether the status that is known has these numbers, a selector and conditions, and nothing else."""
    status = state.status
    if len(status) != len(counts) + _NO_COUNTS or not status.get("hpaPodSelector"):
        return False
    for name, value in counts.items():  # noqa: SIM110 (a generator costs more than the few entries)
        if status.get(name) != value:
            return False
    return True


def _choose(state: Aggregate) -> tuple[str, ...]:
    """Rules A2, A3, A4 of spec 1.6."""
    spec, totals = state.spec, state.totals
    assert spec is not None
    if totals.updated_from_partition < totals.existing_from_partition:
        return (UPDATE_IN_PROGRESS, PROGRESSING)
    if totals.ready_wanted == spec.replicas and totals.updated_ready_from_partition == totals.existing_from_partition:
        return (AVAILABLE,)
    return (PROGRESSING,)


def _conditions(known: list[Condition], chosen: tuple[str, ...], *, generation: int, at_ms: int) -> list[Condition]:
    """Set the chosen conditions True and what they exclude False; the time moves with ``status`` only (D54)."""
    present = [condition["type"] for condition in known]
    new = [name for name in chosen if name not in present]
    return [_moved(each, chosen, generation=generation, at_ms=at_ms) for each in known] + [
        _true(name, generation=generation, at_ms=at_ms) for name in new
    ]


def _all_stay(known: list[Condition], chosen: tuple[str, ...], *, generation: int) -> bool:
    """Whether the chosen conditions are there, and all are as they should be: mostly so, with nothing to be built."""
    excluded, missing = _EXCLUDED[chosen], list(chosen)
    for condition in known:
        name, is_true = condition["type"], condition.get("status") == "True"
        if condition.get("observedGeneration") != generation:
            return False
        if name in chosen:
            if not is_true:
                return False
            if name in missing:
                missing.remove(name)
        elif is_true and name in excluded:
            return False
    return not missing


def _moved(condition: Condition, chosen: tuple[str, ...], *, generation: int, at_ms: int) -> Condition:
    name, status = condition["type"], condition.get("status")
    if name in chosen and status != "True":
        return _true(name, generation=generation, at_ms=at_ms)
    if name in _EXCLUDED[chosen] and status == "True":
        # Reason and message stay those of the True state.
        change = {"status": "False", "observedGeneration": generation, "lastTransitionTime": _rfc3339(at_ms)}
        return condition | change
    if condition.get("observedGeneration") == generation:
        return condition
    return condition | {"observedGeneration": generation}


def _true(name: str, *, generation: int, at_ms: int) -> Condition:
    reason, message = _TEXTS[name]
    return {
        "type": name,
        "status": "True",
        "reason": reason,
        "message": message,
        "observedGeneration": generation,
        "lastTransitionTime": _rfc3339(at_ms),
    }


def _rfc3339(at_ms: int) -> str:
    return _rfc3339_of(min(max(at_ms // 1000, 0), _LAST_SECOND))


@functools.lru_cache(maxsize=_TIMES_MAX)
def _rfc3339_of(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _changed(before: list[Condition], after: list[Condition]) -> list[Condition]:
    statuses = {condition.get("type"): condition.get("status") for condition in before}
    return [condition for condition in after if statuses.get(condition["type"]) != condition["status"]]


def _announcement(state: Aggregate, chosen: tuple[str, ...], wanted: dict[str, Any]) -> RecordEvent:
    assert state.set_ is not None
    assert state.spec is not None
    reason, message = _TEXTS[chosen[0]]
    ready = wanted.get("readyReplicas", 0)
    note = f"{message}, with {ready} groups ready of total {state.spec.replicas} groups"
    return announcements.about_set(state.set_.uid, reason=reason, action="Update", note=note)
