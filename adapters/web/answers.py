"""The answers of the page's API, as plain data: each function answers one question (docs/ui.md)."""

from collections.abc import Generator
from itertools import chain
from typing import Any, Final

import msgspec

from adapters.reading.beginnings import known_before
from adapters.reading.reader import JournalReader
from adapters.replaying.opening import beginning_of
from adapters.web.history import History
from adapters.web.page import Page
from adapters.web.past import Moment
from adapters.web.restarts import DAY_MS, HOUR_MS, Counted
from lws_events.fleet import Fleet
from lws_events.machine.state import Aggregate
from lws_events.subjects import SetName
from projections.entries import RESTART
from projections.explain import timestamp
from projections.overview.cells import Cells, cells, groups_of
from projections.overview.group import group_view
from projections.overview.hindsight import fewer_lanes, groups_with_lanes, known_at
from projections.overview.sets import set_line, sort_key
from projections.replay import Until
from projections.why.as_json import chain_json, verdict_json, waiting_json
from projections.why.verdict import verdicts
from projections.why.waits import waiting

_PIECE: Final = 500
"""Groups that are looked at without letting others work."""
LANES_MAX: Final = 60
PODS_MAX: Final = 400
CHAINS_MAX: Final = 50
RESTARTS_MAX: Final = 50

Answer = dict[str, Any]


async def sets(page: Page) -> Answer:
    """All sets in a line each, and the names of those that the journal once had."""

    def question(fleet: Fleet) -> Generator[None, None, tuple[int, list[Answer]]]:
        lines = []
        for name in sorted(fleet.aggregates, key=sort_key):
            state = fleet.aggregates.get(name)
            line = set_line(state) if state is not None else None
            if line is not None:
                lines.append(msgspec.to_builtins(line))
            yield
        return fleet.sequence, lines

    sequence, lines = await page.present.read(question)
    await page.restarts.refresh()
    for line in lines:
        line["restarts"] = page.restarts.of(SetName(line["namespace"], line["name"]))._asdict()
    present = {(line["namespace"], line["name"]) for line in lines}
    gone = [name for name in await page.names.all() if tuple(name) not in present]
    position = _position(sequence, page.present.as_of_ms, live=True)
    return {"position": position, "sets": lines, "gone": [name._asdict() for name in gone]}


async def one_set(page: Page, name: SetName, until: Until | None) -> Answer:
    """A set with all its groups; ``until`` None: as it is."""
    if until is not None:
        return await page.past.at(name, until, _set_at)

    def question(fleet: Fleet) -> Generator[None, None, Answer | None]:
        state = fleet.aggregates.get(name)
        if state is None or state.set_ is None:
            return None
        columns, groups = Cells(), groups_of(state)
        for start in range(0, len(groups), _PIECE):
            columns.extend(cells(state, groups[start : start + _PIECE]))
            yield
        position = _position(fleet.sequence, page.present.as_of_ms, live=True)
        return {"position": position, "set": msgspec.to_builtins(set_line(state)), "groups": columns}

    answer = await page.present.read(question)
    if answer is None:  # it is gone; its history may be there
        return await page.past.at(name, Until(), _set_at)
    if answer["set"] is not None:
        await page.restarts.refresh()
        answer["set"]["restarts"] = page.restarts.of(name)._asdict()
    return answer


def _set_at(moment: Moment) -> Answer:
    state = moment.state
    line = msgspec.to_builtins(set_line(state)) if state is not None else None
    if line is not None:
        hour, day = (
            moment.history.restarts(from_ms=moment.at_ms - length, until=moment.sequence)
            for length in (HOUR_MS, DAY_MS)
        )
        line["restarts"] = Counted(hour, day)._asdict()
    columns = cells(state, groups_of(state)) if state is not None else Cells()
    return {"position": _moment_position(moment), "set": line, "groups": columns}


async def one_group(page: Page, name: SetName, group: str, until: Until | None) -> Answer:
    """A group with its pods, since when it is as it is, and how often it was recreated."""
    if until is not None:
        return await page.past.at(name, until, lambda moment: _group_at(moment, group))

    def question(fleet: Fleet) -> Generator[None, None, tuple[int, Answer | None]]:
        yield
        return fleet.sequence, _group(fleet.aggregates.get(name), group, (0, 0), as_of_ms=page.present.as_of_ms)

    def past(history: History, _: JournalReader) -> Answer:
        return _group_past(history, group, until=history.through)

    sequence, answer = await page.present.read(question)
    if answer is None:
        return await page.past.at(name, Until(), lambda moment: _group_at(moment, group))
    position = _position(sequence, page.present.as_of_ms, live=True)
    return {"position": position} | answer | await page.past.of(name, past)


def _group_at(moment: Moment, group: str) -> Answer:
    changed = moment.history.since(group, until=moment.sequence)
    found = _group(moment.state or Aggregate(moment.history.set_name), group, changed, as_of_ms=moment.at_ms) or {}
    past = _group_past(moment.history, group, until=moment.sequence)
    return {"position": _moment_position(moment)} | found | past


def _group(state: Aggregate | None, group: str, changed: tuple[int, int], *, as_of_ms: int) -> Answer | None:
    if state is None:
        return None
    view = group_view(state, group)
    if not view.pods and view.leader not in state.groups and not _is_wanted(state, group):
        return {"group": msgspec.to_builtins(view), "waits_for": []}
    waits = waiting(state, view.leader, changed, as_of_ms=as_of_ms)
    return {"group": msgspec.to_builtins(view), "waits_for": list(waits.waits_for)}


def _is_wanted(state: Aggregate, group: str) -> bool:
    return state.spec is not None and group.isdecimal() and int(group) < state.spec.replicas


def _group_past(history: History, group: str, *, until: int) -> Answer:
    sequence, at_ms = history.since(group, until=until)
    found = [one for one in history.entries if one.kind == RESTART and one.group == group and one.sequence <= until]
    return {
        "since": {"sequence": sequence, "at_ms": at_ms} if sequence else None,
        "restarts": [msgspec.to_builtins(one) for one in found[-RESTARTS_MAX:]],
    }


async def why(page: Page, name: SetName, group: str | None, until: Until | None) -> Answer:
    """The causal chains of a set or of one of its groups, the latest last, with the ends of captured logs."""

    def chains(history: History, reader: JournalReader, sequence: int) -> list[Answer]:
        found = [one for one in history.chains() if group in (None, one.group)]
        known = list(known_at(found, sequence))[-CHAINS_MAX:]
        return [chain_json(one, texts=reader.log_texts(one.logs)) for one in known]

    def latest(history: History, reader: JournalReader) -> Answer:
        position = _position(history.through, history.at_ms, live=True)
        return {"position": position, "chains": chains(history, reader, history.through)}

    if until is None:
        return await page.past.of(name, latest)
    sequence, position = await page.past.at(name, until, lambda moment: (moment.sequence, _moment_position(moment)))

    def then(history: History, reader: JournalReader) -> Answer:
        return {"position": position, "chains": chains(history, reader, sequence)}

    return await page.past.of(name, then, until=sequence)


async def why_not(page: Page, name: SetName, group: str | None, until: Until | None) -> Answer:
    """What groups that are not ready wait for; of one group, or of all."""

    def of(state: Aggregate | None, history: History, as_of_ms: int, sequence: int) -> list[Answer]:
        if state is None or state.set_ is None:
            return []
        names = [f"{name.name}-{group}"] if group is not None else [one.name for one in groups_of(state)]
        found = []
        for leader in names:
            changed = history.since(leader.removeprefix(f"{name.name}-"), until=sequence)
            one = waiting(state, leader, changed, as_of_ms=as_of_ms)
            if group is not None or not one.ready:
                found.append(waiting_json(one))
            if len(found) >= CHAINS_MAX:
                break
        return found

    def question(moment: Moment) -> Answer:
        waits = of(moment.state, moment.history, moment.at_ms, moment.sequence)
        return {"position": _moment_position(moment), "waiting": waits}

    return await page.past.at(name, until or Until(), question)


async def verdicts_of(page: Page, name: SetName, pod: str, until: Until | None) -> Answer:
    """What followed from each end and failure of a pod, and why nothing did."""

    def question(history: History, reader: JournalReader) -> Answer:
        last = history.through if until is None or until.sequence is None else min(until.sequence, history.through)
        steps = chain(known_before(reader, name), reader.steps_of(name, to_sequence=last))
        judged = verdicts(steps, name, pod, beginning=beginning_of(reader, name).fleet)
        found = [verdict_json(one) for one in judged if one.sequence <= last]
        return {"position": _position(history.through, history.at_ms, live=until is None), "verdicts": found}

    return await page.past.of(name, question)


async def timeline(
    page: Page, name: SetName, *, group: str | None, until: int | None, after: int, entries_max: int
) -> Answer:
    """Lanes and entries of the latest history; ``until``: of the one that ends there."""

    def question(history: History, _: JournalReader) -> Answer:
        picture = history.lanes.picture(since_ms=history.from_ms)
        ranked = groups_with_lanes(picture)
        wanted = [group] if group is not None else ranked[:LANES_MAX]
        kept = [one for one in history.entries if group in (None, one.group) and one.sequence > after]
        return {
            "position": _position(history.through, history.at_ms, live=until is None),
            "from": {"sequence": history.first, "at_ms": history.from_ms},
            "picture": fewer_lanes(picture, groups=frozenset(wanted), pods_max=PODS_MAX),
            "groups_left_out": max(len(ranked) - len(wanted), 0) if group is None else 0,
            "entries": kept[-entries_max:],
            "entries_left_out": max(len(kept) - entries_max, 0),
        }

    return await page.past.of(name, question, until=until)


async def state(page: Page, name: SetName, until: Until | None) -> Answer:
    """The machine's whole state of a set, as ``lws-events replay -o json`` prints it."""
    found = await page.past.at(name, until or Until(), lambda moment: moment.replayed())
    return msgspec.structs.asdict(found)


async def positions(page: Page, name: SetName | None) -> Answer:
    """Where the journal begins and ends, and of a set where its latest history begins and ends."""
    info = await page.journal.events.info()
    answer: Answer = {
        "cluster": page.journal.cluster,
        "source": page.source,
        "grows": page.grows,
        "first": info.first_sequence,
        "last": info.last_sequence,
        "now_ms": page.present.as_of_ms,
    }
    if name is None:
        return answer

    def question(history: History, _: JournalReader) -> Answer:
        return {
            "from": {"sequence": history.first, "at_ms": history.from_ms},
            "to": {"sequence": history.through, "at_ms": history.at_ms},
        }

    return answer | {"set": await page.past.of(name, question)}


def _position(sequence: int, at_ms: int, *, live: bool) -> Answer:
    return {"sequence": sequence, "at_ms": at_ms, "at": timestamp(at_ms), "live": live}


def _moment_position(moment: Moment) -> Answer:
    position = _position(moment.sequence, moment.at_ms, live=False)
    return position | ({"unknown_before": moment.unknown_before} if moment.unknown_before else {})
