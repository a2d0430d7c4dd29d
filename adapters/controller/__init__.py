"""The controller: the engine between journal and executor, and the composition of all parts in one process."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from adapters.settings.controller import Settings


def run(settings: "Settings", *, config: "Path | None" = None) -> int:
    """Run the controller until it is told to stop; returns the exit code (0 stopped, 1 a part failed).

    What it is configured to do is logged first; ``config`` is the file, if one was read.

    Raises what keeps it from starting; where log lines are JSON that is a log line too, and an exit code of
    ``adapters.errors``.
    """
    import asyncio

    import structlog

    from adapters.controller.process import run_until_signalled
    from adapters.controller.tls_buffers import shrink_tls_buffers
    from adapters.errors import explain
    from adapters.observability.logs import configure_logs
    from adapters.settings.loading import effective

    configure_logs(
        level=settings.log_level,
        format=settings.log_format,
        stack_traces=settings.log_stack_traces,
        time_as=settings.log_time,
    )
    log = structlog.get_logger(__name__)
    log.info("Successfully loaded configuration", file=str(config) if config else None, config=effective(settings))
    if settings.certificate_directory is None and settings.webhook_cert_dir is not None:
        log.info(
            "the certificate directory is not read: the certificate comes from the Secret itself",
            directory=str(settings.webhook_cert_dir),
        )
    shrink_tls_buffers()
    try:
        return asyncio.run(run_until_signalled(settings))
    except Exception as error:
        explained = explain(error)
        if settings.log_format != "json" or explained is None:
            raise
        code, message, hint = explained
        log.error("the controller cannot run", error=message, hint=hint)
        return code
