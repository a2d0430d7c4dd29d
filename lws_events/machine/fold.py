"""Take one event into the state of a set, and say what it touched.

Views replace views (older ones of the same object are ignored, so that duplicates and late deliveries change nothing).
Group bookkeeping is in ``members``. Nothing is decided here.
"""

import hashlib
from typing import assert_never

import msgspec

from lws_events import commands, events
from lws_events.decisions import Issued
from lws_events.machine import counting, members
from lws_events.machine.change import Change
from lws_events.machine.retry import target_of_timer
from lws_events.machine.spec import SetSpec, read_spec
from lws_events.machine.state import Aggregate, AppliedLeader, is_older
from lws_events.revisions import revision_data


def fold(state: Aggregate, fact: events.Fact, *, name: str) -> Change:  # noqa: PLR0912 (one branch for each fact)
    """Fold one fact about the object ``name`` into ``state``, in place. Never raises for a well-formed fact."""
    match fact:
        case events.PodObserved():
            return members.fold_pod(state, fact, name=name)
        case events.PodDeleted():
            return members.fold_pod_deleted(state, fact, name=name)
        case events.StatefulSetObserved():
            return _fold_stateful_set(state, fact, name=name)
        case events.StatefulSetDeleted():
            return _fold_stateful_set_deleted(state, fact, name=name)
        case events.SetObserved():
            return _fold_set(state, fact)
        case events.SetStatusObserved():
            return _fold_status(state, fact)
        case events.SetDeleted():
            return _fold_set_deleted(state, fact)
        case events.RevisionObserved():
            known = state.revisions.get(name)
            if known is not None and is_older(fact, known):
                return Change.NOTHING
            state.revisions[name] = msgspec.structs.replace(fact, data=fact.data.copy())
            return Change(set_level=True, all_groups=True)  # some group may have waited for it
        case events.RevisionDeleted():
            revision = state.revisions.get(name)
            if revision is None or revision.uid != fact.uid:
                return Change.NOTHING
            del state.revisions[name]
            return Change(set_level=True)
        case events.ServiceObserved() | events.ServiceDeleted():
            return _fold_service(state, fact, name=name)
        case events.CommandSucceeded() | events.CommandFailed():
            return _fold_outcome(state, fact)
        case events.TimerFired():
            return _fold_timer(state, fact)
        case events.SpecChangeRequested() | events.EpochStarted():
            return Change.NOTHING
        case _:
            assert_never(fact)


def _fold_set(state: Aggregate, fact: events.SetObserved) -> Change:
    known = state.set_
    if known is not None and is_older(fact, known):
        return Change.NOTHING
    if known is not None and known.uid != fact.uid:
        _forget_set(state)
    policy_before = state.spec
    state.set_ = msgspec.structs.replace(fact, spec=fact.spec.copy())
    try:
        state.spec = read_spec(bytes(fact.spec), fact.annotations)
        state.spec_json = msgspec.json.decode(bytes(fact.spec))
        state.wanted_data = revision_data(state.spec_json).decode()
    except (msgspec.DecodeError, ValueError, TypeError):
        # A schema that was bypassed: nothing can be done with it, and what exists is left as it is.
        state.spec = None
    state.set_digest = _digest(fact)
    _forgive_if_policy_changed(state, policy_before)
    counting.recount_all(state)
    return Change(set_level=True, all_groups=True)


def _digest(fact: events.SetObserved) -> str:
    content = msgspec.json.encode([fact.uid, fact.labels, fact.annotations, fact.spec], order="sorted")
    return hashlib.sha256(content).hexdigest()[:32]


def _forgive_if_policy_changed(state: Aggregate, before: SetSpec | None) -> None:
    """A change of the restart policy alone never ends a group (spec D3)."""
    after = state.spec
    if before is None or after is None:
        return
    if (before.restart_policy, before.after_start) != (after.restart_policy, after.after_start):
        for group in state.groups.values():
            members.forgive_all(group)


def _forget_set(state: Aggregate) -> None:
    """Another set of the same name: nothing that was written for the old one counts for it."""
    state.spec = None
    state.applied = None
    state.target_key = state.chosen_for = ""
    state.status = {}
    state.retries = {}
    state.warned = {}


def _fold_set_deleted(state: Aggregate, fact: events.SetDeleted) -> Change:
    if state.set_ is None or state.set_.uid != fact.uid:
        return Change.NOTHING
    state.set_ = None
    _forget_set(state)
    counting.recount_all(state)
    return Change(set_level=True, all_groups=True)


def _fold_status(state: Aggregate, fact: events.SetStatusObserved) -> Change:
    if state.set_ is not None and state.set_.uid != fact.uid:
        return Change.NOTHING
    if commands.status_target(state.name.name) in state.in_flight:
        return Change.NOTHING  # our own write is under way and will say what the status is
    status = msgspec.json.decode(bytes(fact.status))
    state.status = status if isinstance(status, dict) else {}
    return Change(set_level=True)


def _fold_stateful_set(state: Aggregate, fact: events.StatefulSetObserved, *, name: str) -> Change:
    if name == state.name.name:
        if state.leader_set is not None and is_older(fact, state.leader_set):
            return Change.NOTHING
        state.leader_set = fact
        return Change(set_level=True)
    return members.fold_worker_set(state, fact, name=name)


def _fold_stateful_set_deleted(state: Aggregate, fact: events.StatefulSetDeleted, *, name: str) -> Change:
    if name == state.name.name:
        if state.leader_set is None or state.leader_set.uid != fact.uid:
            return Change.NOTHING
        state.leader_set = None
        state.applied = None
        return Change(set_level=True)
    return members.fold_worker_set_deleted(state, fact, name=name)


def _fold_service(state: Aggregate, fact: events.ServiceObserved | events.ServiceDeleted, *, name: str) -> Change:
    if name != state.name.name:
        return members.fold_service(state, fact, name=name)
    known = state.service
    match fact:
        case events.ServiceObserved():
            if known is not None and is_older(fact, known):
                return Change.NOTHING
            state.service = fact
        case events.ServiceDeleted():
            if known is None or known.uid != fact.uid:
                return Change.NOTHING
            state.service = None
    return Change(set_level=True)


def _fold_outcome(state: Aggregate, fact: events.Outcome) -> Change:
    issued = state.in_flight.get(fact.target)
    if issued is None or issued.id != fact.command_id:
        return Change.NOTHING  # reported twice, or of an epoch that is over
    del state.in_flight[fact.target]
    if isinstance(fact, events.CommandSucceeded):
        state.retries.pop(fact.target, None)
        state.warned.pop(fact.target, None)
        _fold_success(state, issued, fact)
    elif isinstance(issued.command, commands.DeleteLeaderPod) and fact.reason in ("NotFound", "Conflict"):
        members.leader_was_gone(state, issued.command)
    return Change(set_level=True, groups=_groups_of(state, fact.target), closed=issued)


def _fold_success(state: Aggregate, issued: Issued, fact: events.CommandSucceeded) -> None:
    match issued.command:
        case commands.ApplyLeaderStatefulSet():
            state.applied = AppliedLeader(issued.command.inputs, fact.generation)
        case commands.UpdateSetStatus():
            if state.set_ is not None and state.set_.uid == issued.command.uid:
                state.status = msgspec.json.decode(bytes(issued.command.status))
        case _:
            pass


def _fold_timer(state: Aggregate, fact: events.TimerFired) -> Change:
    if state.timers.pop(fact.timer, None) is None:
        return Change.NOTHING
    target = target_of_timer(fact.timer)
    retry = state.retries.get(target)
    if retry is not None:
        retry.waiting = False
    return Change(set_level=True, groups=_groups_of(state, target))


def _groups_of(state: Aggregate, target: str) -> tuple[str, ...]:
    """The group whose object a target is, if it is a group's."""
    name = target.partition("/")[2]
    return (name,) if name in state.groups else ()
