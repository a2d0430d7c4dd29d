"""The settings of ``lws-events run`` that are about the journal's own life: limits, what is kept, what is archived."""

from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import BeforeValidator, Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from adapters.settings.go_durations import duration_seconds

if TYPE_CHECKING:
    from adapters.controller.keeping import Keeping

ENVIRONMENT_PREFIX: Final = "LWS_EVENTS_"


def _seconds(value: Any) -> Any:
    return duration_seconds(value) if isinstance(value, str) else value


Seconds = Annotated[float, BeforeValidator(_seconds)]
"""A number of seconds in code, a duration such as ``15s`` everywhere else."""


class JournalSettings(BaseSettings):
    """A part of ``controller.Settings``."""

    model_config = SettingsConfigDict(env_prefix=ENVIRONMENT_PREFIX, frozen=True, extra="forbid")

    journal_bytes_max: int = Field(default=10 * 1024**3, ge=1024**2)
    """Limit of each of the two streams. A full journal refuses and says so."""
    journal_keep: Seconds | None = Field(default=None, gt=0)
    """How long events and decisions are kept at least; None: for ever."""
    journal_keep_events: int | None = Field(default=None, ge=1)
    """How many events are kept at least. Of several limits the first that is reached counts."""
    journal_keep_bytes: int | None = Field(default=None, ge=1)
    """How many bytes of events are kept at least, roughly."""
    journal_archive: str = ""
    """Directory, or ``s3://bucket/prefix``, where everything is archived before it is purged; empty: nowhere."""
    audit_keep: Seconds = Field(default=400 * 86_400.0, ge=0)
    """How long facts of audit are kept that the journal no longer has; 0: not at all."""
    audit_keep_bytes: int = Field(default=1024**3, ge=1)
    """How many bytes of them at most, compressed; the newest that one purge has left are always kept."""
    snapshot_events: int = Field(default=10_000, ge=100)
    """After how many events the sets that have changed are written down, so that a start need not fold them."""

    seal_events: int = Field(default=1000, ge=10, le=1000)
    """After how many events the journal is sealed: what is not sealed yet can be changed without a trace."""
    seal_interval: Seconds = Field(default=60.0, ge=1)
    """Or after this time, if there was any event."""

    @model_validator(mode="after")
    def _require_room(self) -> "JournalSettings":
        """A quarter more than what is kept at least is kept, and what comes while it is purged."""
        if self.journal_keep_bytes is not None and self.journal_keep_bytes > self.journal_bytes_max // 2:
            raise ValueError(
                f"journal-keep-bytes ({self.journal_keep_bytes}) must be at most half of journal-bytes-max "
                f"({self.journal_bytes_max}): else the journal is full before anything is purged"
            )
        if self.journal_archive and self.keeping().limits.keep_everything:
            raise ValueError("journal-archive is for what is purged, and nothing is: give journal-keep as well")
        return self

    def keeping(self) -> "Keeping":
        """How much of the journal is kept."""
        from adapters.controller.keeping import Keeping
        from adapters.controller.sealer import SealRhythm
        from adapters.journal.audit.limits import AuditLimits
        from adapters.journal.retention.limits import Limits

        age_ms = None if self.journal_keep is None else int(self.journal_keep * 1000)
        limits = Limits(age_ms=age_ms, events=self.journal_keep_events, size_bytes=self.journal_keep_bytes)
        audit = AuditLimits(int(self.audit_keep * 1000), self.audit_keep_bytes) if self.audit_keep else None
        return Keeping(
            snapshot_events=self.snapshot_events,
            limits=limits,
            archive_to=self.journal_archive,
            audit=audit,
            seals=SealRhythm(self.seal_events, self.seal_interval),
        )
