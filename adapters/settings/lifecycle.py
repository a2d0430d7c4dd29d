"""The settings of ``lws-events run`` that are about lifecycle events for programs of others."""

from pydantic import Field

from adapters.settings.journal import JournalSettings, Seconds


class LifecycleSettings(JournalSettings):
    """A part of ``controller.Settings``."""

    lifecycle_events: bool = False
    """Publish lifecycle facts as CloudEvents on NATS, in a stream of their own."""
    lifecycle_events_keep: Seconds = Field(default=7 * 86_400.0, ge=0)
    """How long they are kept; 0: as long as there is room."""
    lifecycle_events_bytes_max: int = Field(default=256 * 1024**2, ge=1024**2)
    """How large their stream may become; the oldest make room."""
    lifecycle_events_max: int | None = Field(default=None, ge=1)
    """How many there may be; None: as many as there is room for."""
