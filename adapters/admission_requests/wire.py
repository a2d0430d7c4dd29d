"""What a webhook server sends: a bounded number of requests as one JSON object.

Whatever arrives is either that, or refused as a whole with a sentence that says what is wrong with it: nothing else
reaches the journal.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from lws_events.admission import AdmissionRequest

PATH: Final = "/admission-requests"
"""Also what the API server is asked about: may this account ``post`` it?"""
SERVICE: Final = "lws-admission-requests-service"
PORT: Final = 9444
AUDIENCE: Final = "lws-events"
"""Of the tokens: one that is stolen here is of no use at the API server."""

BODY_BYTES_MAX: Final = 1024 * 1024
REQUESTS_MAX: Final = 100


class UnreadableRequests(ValueError):  # noqa: N818 (the name says what happened)
    """A body that is not what it should be. The message says what is wrong, and where."""


class _Body(msgspec.Struct, frozen=True):
    requests: list[AdmissionRequest]


_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(_Body)


def encode(requests: Sequence[AdmissionRequest]) -> bytes:
    """A body. How much may be in one, ``fitting`` says."""
    return _ENCODER.encode(_Body(list(requests)))


def decode(data: bytes) -> list[AdmissionRequest]:
    """The requests of a body. Raises ``UnreadableRequests``."""
    try:
        requests = _DECODER.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableRequests(f"the body is not what a webhook server sends: {error}") from error
    if len(requests.requests) > REQUESTS_MAX:
        raise UnreadableRequests(f"{len(requests.requests)} requests at once: the limit is {REQUESTS_MAX}")
    for number, request in enumerate(requests.requests):
        if not request.is_valid:
            raise UnreadableRequests(f"request {number} names no object, or is larger than admission makes any")
    return requests.requests


def in_bodies(requests: Sequence[AdmissionRequest]) -> list[bytes]:
    """Bodies within the limits, in order. A single request is always within them."""
    bodies: list[bytes] = []
    left = list(requests)
    while left:
        count = min(len(left), REQUESTS_MAX)
        body = encode(left[:count])
        while count > 1 and len(body) > BODY_BYTES_MAX:
            count //= 2
            body = encode(left[:count])
        bodies.append(body)
        left = left[count:]
    return bodies
