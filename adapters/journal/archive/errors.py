"""What can go wrong with an archive.

ArchiveError
├── ArchiveUnavailable   the place did not answer, or refused us
└── ArchiveDamaged       what is in it is not what was put there: where and why
"""
# ruff: noqa: N818 - as the tree of adapters.journal.errors

from adapters.journal.errors import JournalError


class ArchiveError(JournalError):
    """Base of all errors of an archive."""


class ArchiveUnavailable(ArchiveError):
    """The place could not be read or written. Trying again later is safe."""


class ArchiveDamaged(ArchiveError):
    """A segment is missing, was changed, or is not one."""
