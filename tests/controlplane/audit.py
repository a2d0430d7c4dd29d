"""What the API server's audit log says about a controller: its writes, and when each was received.

The log is the judge, not the controller: it counts every request, also those that failed and those that a client
library repeated. One line is one finished request.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

WRITES: Final = frozenset({"create", "update", "patch", "delete", "deletecollection"})


class ObjectReference(msgspec.Struct, frozen=True, rename="camel"):
    """What a request was about. ``name`` is empty where the API server chose it."""

    resource: str = ""
    namespace: str = ""
    name: str = ""
    subresource: str = ""


class ResponseStatus(msgspec.Struct, frozen=True):
    """How it was answered."""

    code: int = 0


class User(msgspec.Struct, frozen=True):
    """Who asked."""

    username: str = ""


class Request(msgspec.Struct, frozen=True, rename="camel"):
    """One finished request."""

    verb: str
    user_agent: str = ""
    user: User = User()
    object_ref: ObjectReference = ObjectReference()
    response_status: ResponseStatus = ResponseStatus()
    request_received_timestamp: datetime = datetime.min.replace(tzinfo=UTC)

    @property
    def received_ms(self) -> float:
        """When the API server had read the request: milliseconds since the Unix epoch, by this machine's clock."""
        return self.request_received_timestamp.timestamp() * 1000

    @property
    def accepted(self) -> bool:
        """Answered with success."""
        return 200 <= self.response_status.code < 300

    @property
    def kind(self) -> str:
        """Verb, resource and subresource: what one counts writes by."""
        about = self.object_ref
        return f"{self.verb} {about.resource}" + (f"/{about.subresource}" if about.subresource else "")


_REQUEST: Final = msgspec.json.Decoder(Request)


def parse(lines: Iterable[bytes]) -> list[Request]:
    """Requests in the order in which they were finished. Raises ``msgspec.DecodeError``."""
    return [_REQUEST.decode(line) for line in lines if line.strip()]


def writes_of(requests: Iterable[Request], user_agent: str) -> list[Request]:
    """Writes of one client, by the beginning of its user agent. Leases are left out: they tell who leads, and a
    controller renews them by the clock whether there are sets or none."""
    return [
        request
        for request in requests
        if request.user_agent.startswith(user_agent)
        and request.verb in WRITES
        and request.object_ref.resource != "leases"
    ]


def by_kind(requests: Iterable[Request]) -> dict[str, int]:
    """How many there are of each kind, the most frequent first."""
    counted = Counter(request.kind for request in requests)
    return dict(sorted(counted.items(), key=lambda item: (-item[1], item[0])))


def first_deletions(requests: Iterable[Request], *, namespace: str) -> dict[str, Request]:
    """The first accepted deletion of each pod of a namespace, by the pod's name."""
    found: dict[str, Request] = {}
    for request in sorted(pod_deletions(requests, namespace=namespace), key=lambda each: each.received_ms):
        found.setdefault(request.object_ref.name, request)
    return found


def pod_deletions(requests: Iterable[Request], *, namespace: str) -> list[Request]:
    """Accepted deletions of single pods."""
    return [
        request
        for request in requests
        if request.verb == "delete"
        and request.accepted
        and request.object_ref.resource == "pods"
        and not request.object_ref.subresource
        and request.object_ref.namespace == namespace
    ]


class AuditLog:
    """The growing file; every line is read once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._requests: list[Request] = []

    def mark(self) -> None:
        """Forget what is there: ``since_mark`` begins here."""
        self._read()
        self._requests = []

    def since_mark(self) -> Sequence[Request]:
        """Requests finished since the mark. A line that is just being written is left for the next call."""
        self._read()
        return self._requests

    def _read(self) -> None:
        if not self._path.exists():
            return
        with self._path.open("rb") as log:
            log.seek(self._offset)
            content = log.read()
        whole = content[: content.rfind(b"\n") + 1]
        self._offset += len(whole)
        self._requests += parse(whole.split(b"\n"))
