"""Everything that can go wrong with a journal, in one tree.

    JournalError
    ├── JournalUnavailable        nothing is known about the append: send it again under the same message ids
    │   ├── JournalFull           the stream refuses because a byte limit or the disk is reached: raise it, then retry
    │   └── ServerStopped         the embedded server ended and could not be brought back
    ├── Fenced                    somebody else wrote first: this writer must look again before it decides
    ├── MessageRefused            the message itself cannot be stored (too large, foreign subject)
    ├── JournalDamaged            a journal file or record cannot be read: where and why
    ├── JournalReadOnly           an append to a journal that was opened to be read
    ├── JournalMissing            there is no journal where one was to be read
    ├── ImportRefused             the target of an import already holds a journal
    ├── DataDirectoryInUse        another live server owns the data directory
    └── UnsuitableServer          the server cannot do what is needed (too old, JetStream off, wrong credentials)

Errors of the client library are translated at the border (``adapters.nats``) and kept as ``__cause__``.
"""
# ruff: noqa: N818 - the names say what happened; the base class says that it is an error


class JournalError(Exception):
    """Base of all errors of a journal."""


class JournalUnavailable(JournalError):
    """The journal did not answer; an append may or may not have been stored. Retrying with the same ids is safe."""


class JournalFull(JournalUnavailable):
    """The journal answered that it has no room. Nothing was stored; it works again once there is room."""


class ServerStopped(JournalUnavailable):
    """The embedded server is gone for good: it ended more often than the supervisor tolerates."""


class Fenced(JournalError):
    """The last sequence was not the expected one. Nothing of the append (after what is already stored) was stored.

    ``expected`` is what the writer believed, ``actual`` what the journal says, if it does.
    """

    def __init__(self, message: str, *, expected: int, actual: int | None = None) -> None:
        super().__init__(message)
        self.expected = expected
        self.actual = actual


class MessageRefused(JournalError):
    """The message can never be stored as it is. Retrying does not help."""


class JournalDamaged(JournalError):
    """A journal cannot be read beyond a point. ``line`` counts from 1; None when it is not about a file."""

    def __init__(self, message: str, *, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line


class JournalReadOnly(JournalError):
    """This journal was opened to be read (a file, or the journal of a running controller)."""


class JournalMissing(JournalError):
    """No journal of this name exists where it was looked for."""


class ImportRefused(JournalError):
    """A journal can only be imported into empty streams: sequences of two journals cannot be merged."""


class DataDirectoryInUse(JournalError):
    """Another process owns the data directory of an embedded server."""


class UnsuitableServer(JournalError):
    """The server was reached but cannot hold a journal. The message says what to change."""
