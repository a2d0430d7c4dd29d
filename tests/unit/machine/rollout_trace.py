"""Traces of rolling updates as the specification has them, played row by row on a modelled set.

A ``…`` column of a row is what the specification does not give (one-line traces have only what is written).
Deliberately absent: the traces (``test_rollout_traces``, ``test_rollout_traces_of_changes``).
"""

import re
from typing import Any, NamedTuple

from lws_events.machine.state import Aggregate
from tests.rollout_model import Rollout

ELLIPSIS = "…"


class Row(NamedTuple):
    """One row of a trace."""

    trigger: str
    written: str
    events: tuple[str, ...] | str = ELLIPSIS
    does: str = ELLIPSIS
    """What the StatefulSet controller does: ``restarts 3; creates 4, 5``."""
    status: str = ELLIPSIS
    """``replicas/ready/updated``, the rule that selects the conditions, and ``done``."""


def rolling(replicas: int, unavailable: int | str, surge: int | str, *, partition: int = 0, **options: Any) -> Rollout:
    strategy = {"maxUnavailable": unavailable, "maxSurge": surge, "partition": partition}
    model = Rollout(replicas=replicas, rolloutStrategy={"rollingUpdateConfiguration": strategy}, **options)
    model.begin()
    return model


def brief(*rows: str) -> list[Row]:
    """Rows of a one-line trace: ``trigger: what is written``."""
    return [Row(*re.split(": ", row, maxsplit=1)) for row in rows]


def play(model: Rollout, rows: list[Row]) -> None:
    for row in rows:
        model.forget()
        for one in _triggers(row.trigger):
            _pull(model, one)
        where = f"at {row.trigger!r}"
        assert " ".join(f"({p},{n})" for p, n in model.written) == row.written, where
        if row.events != ELLIPSIS:
            assert tuple(note.replace("sample", "lws") for note in model.notes) == row.events, where
        if row.does != ELLIPSIS:
            assert _done(model) == row.does, where
        if row.status != ELLIPSIS:
            assert status(model.state) == row.status, where


def _triggers(text: str) -> list[str]:
    """``5, 4 ready`` is two, in this order."""
    ready = re.fullmatch(r"([0-9, ]+) (ready|unready)", text)
    return [f"{index.strip()} {ready[2]}" for index in ready[1].split(",")] if ready else text.split(" and ")


def _pull(model: Rollout, trigger: str) -> None:
    kind, _, value = trigger.partition(" = ")
    index, _, how = trigger.partition(" ")
    match kind:
        case "R":
            model.change(replicas=int(value))
        case "P":
            model.roll(partition=int(value))
        case "maxUnavailable":
            model.roll(maxUnavailable=int(value))
        case "maxSurge":
            model.roll(maxSurge=int(value))
        case "size":
            model.change(leaderWorkerTemplate={"size": int(value)})
        case "template B, R":
            containers = [{"name": "c", "image": "B", "resources": {}}]
            model.change(
                replicas=int(value), leaderWorkerTemplate={"workerTemplate": {"spec": {"containers": containers}}}
            )
        case _ if kind.startswith("template "):
            model.template(kind.removeprefix("template "))
        case _:
            model.make_ready(int(index), ready=how == "ready")


def _done(model: Rollout) -> str:
    parts = [("deletes", sorted(model.deleted)), ("creates", model.created), ("restarts", model.restarted)]
    return "; ".join(f"{word} {', '.join(map(str, indices))}" for word, indices in parts if indices)


def status(state: Aggregate) -> str:
    written, totals, spec = state.status, state.totals, state.spec
    assert spec is not None
    numbers = "/".join(str(written.get(name, 0)) for name in ("replicas", "readyReplicas", "updatedReplicas"))
    true = {each["type"] for each in written["conditions"] if each["status"] == "True"}
    if true == {"Available"}:
        rule = "A3"
    else:
        assert "Progressing" in true
        rule = "A2" if totals.updated_from_partition < totals.existing_from_partition else "A4"
        assert rule == "A4" or "UpdateInProgress" in true
    is_over = {each.key for each in state.revisions.values()} == {state.target_key} and len(state.revisions) == 1
    return f"{numbers} {rule}{', done' if is_over and rule == 'A3' else ''}"
