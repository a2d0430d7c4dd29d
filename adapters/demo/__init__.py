"""The demo: a simulated cluster with racks, the real controller, one dead worker, and the story of what followed."""

from pathlib import Path


def run(*, data_dir: Path | None = None) -> int:
    """Play the demo; returns the exit code. The journal stays in ``data_dir`` (default: a new directory)."""
    import tempfile

    from adapters.demo.story import tell
    from adapters.observability.logs import configure_logs

    configure_logs(level="error", format="console")
    return tell(data_dir or Path(tempfile.mkdtemp(prefix="lws-events-demo-")))
