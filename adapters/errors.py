"""From errors to one line, a hint and an exit code; the only place that knows all three.

    PlainError
    ├── WrongUsage            2  flags that contradict each other or that do not exist
    ├── ConfigurationRefused  1  a configuration file that cannot be read or is wrong
    ├── NoSuchThing           4  a set, group or moment that the journal does not have
    ├── NotRunning            3  what is to be followed does not run
    └── NotInstalled          1  a part of the program that this installation lacks

Exit codes, for scripts: 0 done; 1 the operation failed, or ``verify`` found differences; 2 wrong usage; 3 bus or
cluster cannot be reached or refuse us, or another release cannot be run; 4 what was asked for is not there; 5 a
rollout has stalled, 6 it has timed out (``watching_rollouts``); 130 interrupted.
"""
# ruff: noqa: N818 - the names say what happened; the base class says that it is an error

from typing import Final

OK: Final = 0
FAILED: Final = 1
USAGE: Final = 2
UNREACHABLE: Final = 3
NOT_FOUND: Final = 4
INTERRUPTED: Final = 130


class PlainError(Exception):
    """Base of the errors that one line explains to whoever asked. ``hint`` says what to do."""

    exit_code = FAILED

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class WrongUsage(PlainError):
    """The command cannot be meant like this."""

    exit_code = USAGE


class ConfigurationRefused(PlainError):
    """The configuration file cannot be read, or says what cannot be meant (spec 10.3)."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(f"unable to load the configuration: {message}", hint=hint)


class NoSuchThing(PlainError):
    """The journal was read and does not have it."""

    exit_code = NOT_FOUND


class NotRunning(PlainError):
    """There is no controller that would add anything to the journal."""

    exit_code = UNREACHABLE


class NotInstalled(PlainError):
    """A module is missing from this installation."""


def explain(error: BaseException) -> tuple[int, str, str] | None:
    """Exit code, message and hint of an expected error; None for a defect, which deserves its traceback."""
    if isinstance(error, PlainError):
        return error.exit_code, str(error), error.hint
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED, "interrupted", ""
    return (
        _of_journal(error)
        or _of_kubernetes(error)
        or _of_webhooks(error)
        or _of_other_release(error)
        or _of_system(error)
    )


def _of_journal(error: BaseException) -> tuple[int, str, str] | None:
    from adapters.journal import errors as journal

    message = str(error)
    match error:
        case journal.JournalFull():
            return FAILED, message, "raise the limit (--journal-bytes-max) or free disk space, then try again"
        case journal.JournalUnavailable():
            return UNREACHABLE, message, "is the server running, and is its address right (--nats-url)?"
        case journal.UnsuitableServer():
            return UNREACHABLE, message, "the journal needs NATS 2.12 or later with JetStream, and valid credentials"
        case journal.DataDirectoryInUse():
            return UNREACHABLE, message, "stop the process that owns it, or choose another --data-dir"
        case journal.JournalMissing():
            return NOT_FOUND, message, "point at a journal with --data-dir, --nats-url or --file, and --cluster"
        case journal.ImportRefused():
            return FAILED, message, "import into an empty --data-dir"
        case journal.JournalDamaged():
            return FAILED, message, "take another copy of it, or export the journal again"
        case journal.JournalError():
            return FAILED, message, ""
    return None


def _of_kubernetes(error: BaseException) -> tuple[int, str, str] | None:
    from adapters.kubernetes import errors as kubernetes

    match error:
        case kubernetes.CredentialsError():
            return UNREACHABLE, str(error), "give --kubeconfig FILE, or set KUBECONFIG"
        case kubernetes.ApiUnavailable():
            return UNREACHABLE, str(error), "is the API server running, and does kubectl reach it?"
        case kubernetes.ApiError():
            return UNREACHABLE if error.code in (401, 403) else FAILED, str(error), ""
        case kubernetes.KubernetesError():
            return FAILED, str(error), ""
    return None


def _of_webhooks(error: BaseException) -> tuple[int, str, str] | None:
    from adapters.webhooks.errors import WebhookError

    return (FAILED, str(error), "") if isinstance(error, WebhookError) else None


def _of_other_release(error: BaseException) -> tuple[int, str, str] | None:
    from adapters.releases.errors import ReleaseError

    return (UNREACHABLE, str(error), error.hint) if isinstance(error, ReleaseError) else None


def _of_system(error: BaseException) -> tuple[int, str, str] | None:
    if isinstance(error, OSError) and error.filename is not None:
        return FAILED, f"{error.filename}: {error.strerror}", ""
    return None
