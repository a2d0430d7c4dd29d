"""The port through which admission (defaulting, validation, mutation) is put into the simulated API server.

The composition decides what runs: the pure admission functions of the core in a demo, nothing in a test of bare
StatefulSets. The server calls it before storing, for creates and for updates of whole objects, never for subresources.
"""

from dataclasses import dataclass
from typing import Literal, Protocol

from adapters.simulation.kinds import Kind
from adapters.simulation.objects import Object


@dataclass(frozen=True)
class AdmissionRequest:
    """What an admission review would carry. ``object`` must not be changed in place."""

    kind: Kind
    operation: Literal["CREATE", "UPDATE"]
    namespace: str
    name: str
    object: Object
    old_object: Object | None
    user: str


class Admission(Protocol):
    """Returns the object to store (the same one, or a changed copy).

    Raises:
        ApiError: the request is denied; ``ForbiddenError`` and ``InvalidError`` are what real webhooks cause.
    """

    def __call__(self, request: AdmissionRequest, /) -> Object: ...


def admit_everything(request: AdmissionRequest, /) -> Object:
    """No admission at all."""
    return request.object
