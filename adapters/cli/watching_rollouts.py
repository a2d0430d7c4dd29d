"""Show one rollout from the journal until it has ended: its past from its beginning, then what comes.

Lines go to standard output as they come (JSON Lines for programs); on a terminal a last line tells how far it is. What
an end means for a script, and what to do about it, is the business of the commands.
"""

import asyncio
import contextlib
import sys
from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec
from rich.status import Status
from rich.text import Text

from adapters.cli.following import Following
from adapters.cli.printing import console, print_json, remark
from adapters.cli.selecting import wall_ms
from adapters.errors import FAILED as EXIT_FAILED
from adapters.errors import OK, NotRunning
from adapters.journal.errors import JournalError
from adapters.reading.moments import seconds_ms
from adapters.reading.reader import open_for_reading
from adapters.reading.source import JournalSource
from lws_events.subjects import SetName
from projections.explain import timestamp
from projections.following import Arrived
from projections.rollout_progress import (
    BEGUN,
    DONE,
    ENDED,
    FAILED,
    STALLED,
    TIMED_OUT,
    End,
    RolloutProgress,
    Told,
    Wait,
    in_words,
)

EXIT_STALLED: Final = 5
EXIT_TIMED_OUT: Final = 6
EXITS: Final = {DONE: OK, FAILED: EXIT_FAILED, STALLED: EXIT_STALLED, TIMED_OUT: EXIT_TIMED_OUT}

_LOOK_SECONDS: Final = 1.0
_WAITS_SHOWN_MAX: Final = 10
_STYLES: Final = {BEGUN: "bold", ENDED: "bold"}


class Limits(NamedTuple):
    """When to give up, in milliseconds since the Unix epoch; ``stall_ms`` is how long without coming forward."""

    stall_ms: int
    until_ms: int | None

    @classmethod
    def of(cls, stall_after: str, timeout: str | None) -> "Limits":
        """From the options. Raises ``WrongUsage``."""
        until_ms = None if timeout is None else wall_ms() + seconds_ms(timeout, "--timeout")
        return cls(seconds_ms(stall_after, "--stall-after"), until_ms)


class Goal(NamedTuple):
    """The rollout that is meant: of this set, of this generation or a later one. Empty: whichever was told last."""

    uid: str = ""
    generation: int = 0


class RolloutWatch:
    """Watches one set until a rollout of it has ended."""

    def __init__(self, source: JournalSource, set_name: SetName, *, limits: Limits, as_json: bool) -> None:
        self.progress = RolloutProgress(set_name)
        self._source = source
        self._name = set_name
        self._limits = limits
        self._as_json = as_json
        self._screen = console()
        self._goal = Goal()
        self._past: list[Told] | None = []
        self._arrived: asyncio.Event | None = None
        self._status: Status | None = None
        self._since_ms = wall_ms()

    def until_ended(self, goal: Goal, *, is_news: bool) -> tuple[End, bool]:
        """Print the story, and give its end with whether it had ended before anybody looked.

        ``is_news``: it has just been begun, so that its story is told even if that is over by now. Raises the errors of
        ``adapters.journal.errors``, ``WrongUsage``, ``NotRunning``.
        """
        self._goal = goal
        following = Following(self._source, self._name, tell=self._take, remark=remark)
        with open_for_reading(self._source) as reader:
            following.catch_up(reader)
            cluster = reader.cluster
        past, self._past = self._past or [], None
        end = self._end_of_goal()
        if end is not None and not is_news:
            return end, True
        if self._is_of_goal():
            for told in past:
                self._print(told)
        if end is None:
            end = asyncio.run(self._follow(following, cluster))
        return end, False

    def print_none(self, end: End) -> None:
        """There was nothing to watch: the last rollout is done."""
        if self._as_json:
            print_json({"kind": "none", "set": str(self._name), "generation": end.generation})
            return
        counts = in_words(self.progress.counts)
        self._screen.print(Text(f"no rollout of {self._name} is under way: {counts} (generation {end.generation})"))

    def print_end(self, end: End) -> None:
        """The answer: what has ended how, with what holds it, and what the groups that are not ready wait for."""
        if end.how != DONE:
            end = self._with_reasons(end)
        if self._as_json:
            print_json({"kind": "end", "set": str(self._name)} | msgspec.structs.asdict(end))
            return
        lines = [f"rollout of {self._name} (generation {end.generation}) {end.how}: {end.why}"]
        if end.how != DONE:
            lines.append(f"  so far: {in_words(self.progress.counts)}")
            if end.holders:
                lines.append(f"  the budget is held by {', '.join(end.holders)}")
            lines += [f"  {_in_words(wait)}" for wait in end.waits[:_WAITS_SHOWN_MAX]]
            if len(end.waits) > _WAITS_SHOWN_MAX:
                lines.append(f"  and {len(end.waits) - _WAITS_SHOWN_MAX} more groups wait")
        for index, line in enumerate(lines):
            self._screen.print(Text(line, style="" if index else "bold green" if end.how == DONE else "bold red"))
        sys.stdout.flush()

    def _with_reasons(self, end: End) -> End:
        """As ``why-not`` tells them; where the journal is away by now, what was told while it was there."""
        from adapters.replaying.opening import beginning_of
        from projections.why.waits import waits

        try:
            with open_for_reading(self._source) as reader:
                begun = beginning_of(reader, self._name).fleet
                found = waits(reader.steps_of(self._name), self._name, now_ms=wall_ms(), beginning=begun)
        except (JournalError, NotRunning):
            return end
        told = {one.group: one.because for one in end.waits}
        waiting = tuple(
            Wait(group=group, state=one.state, because=told.get(group, ""), waits_for=one.waits_for)
            for one in found
            for group in (f"{self._name.name}-{one.group}",)
        )
        return msgspec.structs.replace(end, waits=waiting or end.waits)

    async def _follow(self, following: Following, cluster: str) -> End:
        self._arrived = asyncio.Event()
        reading = asyncio.create_task(following.follow(cluster, seconds=None))
        try:
            with self._shown():
                while (end := self._end_of_goal() or self._given_up()) is None:
                    self._arrived.clear()
                    waiting = asyncio.create_task(self._arrived.wait())
                    await asyncio.wait((reading, waiting), timeout=_LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                    waiting.cancel()
                    if reading.done():
                        reading.result()
                return end
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    @contextlib.contextmanager
    def _shown(self) -> Iterator[None]:
        """On a terminal a line at the end says how far it is."""
        if self._as_json or not self._screen.is_terminal:
            yield
            return
        with self._screen.status(Text("waiting for the controller")) as self._status:
            yield
        self._status = None

    def _take(self, arrived: Arrived) -> None:
        if self._past is None and self._end_of_goal() is not None:
            return  # what comes after the end, in the same batch, is another story
        event, decision = arrived
        found = self.progress.add_event(event) if decision is None else self.progress.add_decision(event, decision)
        for told in found:
            if self._past is None:
                if self._is_of_goal():
                    self._print(told)
                continue
            if told.kind == BEGUN:
                self._past.clear()
            self._past.append(told)
        if self._status is not None and self._is_of_goal():
            self._status.update(Text(in_words(self.progress.counts)))
        if self._arrived is not None:
            self._arrived.set()

    def _print(self, told: Told) -> None:
        if self._as_json:
            print_json({"at": timestamp(told.at_ms)} | msgspec.structs.asdict(told))
        elif told.kind != ENDED:  # the end is told with what holds it
            where = f"group {told.group}" if told.group else "set"
            line = f"{timestamp(told.at_ms)} {'#' + str(told.sequence):>7}  {where:<10}{told.what}"
            self._screen.print(Text(line, style=_STYLES.get(told.kind, "")))
        sys.stdout.flush()

    def _is_of_goal(self) -> bool:
        return self._goal.uid in ("", self.progress.uid) and self.progress.generation >= self._goal.generation

    def _end_of_goal(self) -> End | None:
        return self.progress.end if self._is_of_goal() else None

    def _given_up(self) -> End | None:
        now_ms = wall_ms()
        if self._limits.until_ms is not None and now_ms >= self._limits.until_ms:
            return self.progress.ending(TIMED_OUT, "the time given with --timeout is over")
        if self.progress.generation and self._is_of_goal():
            return self.progress.stalled(now_ms, after_ms=self._limits.stall_ms)
        if now_ms - self._since_ms >= self._limits.stall_ms:
            return self.progress.ending(STALLED, "the controller has not recorded the change; does it run?")
        return None


def _in_words(wait: Wait) -> str:
    if wait.waits_for:
        return f"{wait.group} is {wait.state}, and waits for {'; '.join(wait.waits_for)}"
    return f"{wait.group} is {wait.state}{f', because {wait.because}' if wait.because else ''}"
