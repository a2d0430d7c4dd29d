"""Where a journal is: a data directory, a NATS server or a file."""

import os
from pathlib import Path
from typing import NamedTuple


class JournalSource(NamedTuple):
    """Where a journal is: exactly one of the first three is set."""

    data_dir: Path | None = None
    nats_url: str | None = None
    file: Path | None = None
    cluster: str | None = None
    """None: the only one whose journal is there, else ``default``."""
    nats_creds: Path | None = None
    nats_user: str | None = None
    nats_password: str | None = None
    nats_token: str | None = None
    nats_tls_ca: Path | None = None
    nats_tls_cert: Path | None = None
    nats_tls_key: Path | None = None


def default_data_dir() -> Path:
    """``$XDG_STATE_HOME/lws-events``, or the place that the XDG specification gives it without the variable.

    An account without a home, as in a container, has ``/var/lib/lws-events``.
    """
    state = os.environ.get("XDG_STATE_HOME", "")
    if state.startswith("/"):
        return Path(state) / "lws-events"
    try:
        return Path.home() / ".local" / "state" / "lws-events"
    except RuntimeError:
        return Path("/var/lib/lws-events")
