"""The running hash of a stream: each hash covers the one before, so that nothing can be changed unnoticed.

``next`` = SHA-256 of the hash before, the sequence, the subject and the body. Whoever keeps the last hash somewhere
else can tell whether anything up to there was changed, left out or put in.
"""

import hashlib
from typing import Final

from adapters.journal.port import Record

START: Final = "0" * 64
"""Before the first record."""


def link(before: str, record: Record) -> str:
    """The hash after a record: 64 hexadecimal digits."""
    head = f"{before}\n{record.sequence}\n{record.subject}\n".encode()
    return hashlib.sha256(head + record.data).hexdigest()
