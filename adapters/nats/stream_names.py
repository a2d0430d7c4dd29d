"""Names of the streams of one cluster's journal, and the first tokens of their subjects.

A cluster may have any name: it is one token of a subject, and the end of the names of streams, which are also names of
directories on the server.
"""

from typing import Final

import msgspec

from lws_events.subjects import AUDIT, DECISIONS, EVENTS, LIFECYCLE, SEALS, SNAPSHOTS, decode_token, encode_token

SCHEDULES: Final = "lws.schedules"
TIMERS: Final = "lws.timers"

_EVENTS_PREFIX: Final = "LWS_EVENTS_"


class StreamNames(msgspec.Struct, frozen=True):
    """Names and subject roots of one cluster's journal. The cluster is one token, encoded."""

    token: str

    @classmethod
    def of(cls, cluster: str) -> "StreamNames":
        """Names for a cluster of any name."""
        return cls(encode_token(cluster))

    @property
    def events(self) -> str:
        """Stream of events."""
        return f"{_EVENTS_PREFIX}{self._suffix}"

    @property
    def decisions(self) -> str:
        """Stream of decisions."""
        return f"LWS_DECISIONS_{self._suffix}"

    @property
    def timers(self) -> str:
        """Stream of timers."""
        return f"LWS_TIMERS_{self._suffix}"

    @property
    def logs(self) -> str:
        """Stream of what was kept of containers' logs (see ``logs``)."""
        return f"LWS_LOGS_{self._suffix}"

    @property
    def snapshots(self) -> str:
        """Stream of snapshots."""
        return f"LWS_SNAPSHOTS_{self._suffix}"

    @property
    def snapshots_root(self) -> str:
        """First tokens of the subject of everything that belongs to snapshots."""
        return f"{SNAPSHOTS}.{self.token}"

    @property
    def audit(self) -> str:
        """Stream of what audit needs of events that were purged."""
        return f"LWS_AUDIT_{self._suffix}"

    @property
    def audit_root(self) -> str:
        """First tokens of the subject of everything in it."""
        return f"{AUDIT}.{self.token}"

    @property
    def seals(self) -> str:
        """Stream of seals."""
        return f"LWS_SEALS_{self._suffix}"

    @property
    def seals_root(self) -> str:
        """First tokens of the subject of every seal."""
        return f"{SEALS}.{self.token}"

    @property
    def lifecycle(self) -> str:
        """Stream of lifecycle events for programs of others."""
        return f"LWS_LIFECYCLE_{self._suffix}"

    @property
    def lifecycle_root(self) -> str:
        """First tokens of the subject of every lifecycle event."""
        return f"{LIFECYCLE}.{self.token}"

    @property
    def events_root(self) -> str:
        """First tokens of the subject of every event."""
        return f"{EVENTS}.{self.token}"

    @property
    def decisions_root(self) -> str:
        """First tokens of the subject of every decision."""
        return f"{DECISIONS}.{self.token}"

    def schedule_subject(self, event_subject: str) -> str:
        """Where the definition of the timer that fires on ``event_subject`` is kept."""
        return f"{SCHEDULES}.{self.token}{event_subject.removeprefix(self.events_root)}"

    def fired_subject(self, event_subject: str) -> str:
        """Where the timer fires; EVENTS copies it to ``event_subject``."""
        return f"{TIMERS}.{self.token}{event_subject.removeprefix(self.events_root)}"

    @property
    def _suffix(self) -> str:
        return _stream_token(self.token)


def cluster_of(stream: str) -> str | None:
    """The cluster whose events a stream holds; None for another stream."""
    if not stream.startswith(_EVENTS_PREFIX):
        return None
    return decode_token(_subject_token(stream.removeprefix(_EVENTS_PREFIX)))


def _stream_token(token: str) -> str:
    """A cluster's token as part of a stream's name, which is also a directory's: no slash; ``=`` instead of ``%``."""
    for character, code in (("=", "=3D"), ("%", "=25"), ("/", "=2F"), ("\\", "=5C")):
        token = token.replace(character, code)
    return token


def _subject_token(stream_token: str) -> str:
    for character, code in (("\\", "=5C"), ("/", "=2F"), ("%", "=25"), ("=", "=3D")):
        stream_token = stream_token.replace(code, character)
    return stream_token
