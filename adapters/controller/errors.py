"""What keeps a controller from starting, and why it ended, in words for whoever runs it."""

import contextlib
import os
from collections.abc import Iterator
from typing import Final

from adapters.errors import PlainError
from adapters.journal.errors import Fenced

_OVERTAKEN: Final = (
    "another controller decides about the sets of this journal; is leader election off, or does another cluster use "
    "the same journal under the same --cluster?"
)


class CannotListen(PlainError):  # noqa: N818 (the name says what happened)
    """A port cannot be had."""


@contextlib.contextmanager
def listening(flag: str, *, port: int, host: str = "") -> Iterator[None]:
    """Around the start of a server: what the system refuses becomes ``CannotListen``, with the flag to change."""
    try:
        yield
    except OSError as error:
        address = f"{host or '*'}:{port}"
        why = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
        raise CannotListen(f"cannot listen on {address}: {why}", hint=f"choose another port with {flag}") from error


def in_words(error: BaseException | None) -> str:
    """Why a part of the controller ended."""
    if error is None:
        return "it returned, which it never should"
    if isinstance(error, Fenced):
        return f"{_OVERTAKEN} ({error})"
    return str(error) or repr(error)
