"""What a reader of a timeline asks for: which set, group or pod, which kinds of entries, which stretch of time."""

import time
from typing import TYPE_CHECKING, NamedTuple

from adapters.cli.subject import Subject, find_subject
from adapters.errors import WrongUsage
from adapters.reading.moments import is_duration, moment_ms
from lws_events.subjects import set_filter
from projections.entries import CHOICES, Selection, kinds_of
from projections.groups import group_of_object, group_token

if TYPE_CHECKING:
    from adapters.reading.reader import JournalReader


class Asked(NamedTuple):
    """As it was typed."""

    subject: str
    group: str | None = None
    namespace: str | None = None
    only: str | None = None
    since: str | None = None
    until: str | None = None
    from_sequence: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether nothing of the subject is left out."""
        return (self.only, self.since, self.until, self.from_sequence) == (None, None, None, 0)

    @property
    def reaches_back(self) -> bool:
        """Whether it is asked for from the very beginning on."""
        return self.since is None and self.from_sequence == 0

    def find(self, reader: "JournalReader") -> Subject:
        """The set, group or pod. Raises ``NoSuchThing``."""
        return find_subject(reader, self.subject, namespace=self.namespace, group=self.group)

    def selection(self, meant: Subject, *, now_ms: int) -> Selection:
        """What is to be shown of it. Durations count back from ``now_ms``. Raises ``WrongUsage``."""
        choices = None if self.only is None else [one.strip() for one in self.only.split(",") if one.strip()]
        unknown = [one for one in choices or () if one not in CHOICES]
        if unknown or choices == []:
            named = ", ".join(unknown) or "nothing"
            raise WrongUsage(f"--only does not know {named}", hint=f"some of {', '.join(CHOICES)}, separated by commas")
        group = None if meant.group is None else group_token(meant.set_name, meant.group)
        return Selection(
            group=group if meant.pod is None else group_of_object(meant.set_name, meant.pod),
            pod=meant.pod,
            kinds=None if choices is None else kinds_of(choices),
            since_ms=None if self.since is None else moment_ms(self.since, "--since", now_ms=now_ms),
            until_ms=None if self.until is None else moment_ms(self.until, "--until", now_ms=now_ms),
            from_sequence=self.from_sequence,
        )

    def now_ms(self, reader: "JournalReader", meant: Subject, *, is_file: bool) -> int:
        """From when durations count back. A file is of the past: there it is the last event of the set."""
        if not is_file or not any(text is not None and is_duration(text) for text in (self.since, self.until)):
            return wall_ms()
        of_set = reader.events(set_filter(reader.cluster, meant.set_name))
        return max((event.envelope.at_ms for event in of_set), default=0)


def wall_ms() -> int:
    """Milliseconds since the Unix epoch."""
    return time.time_ns() // 1_000_000
