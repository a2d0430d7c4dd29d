"""What the API server answered with, and what was there before: shared by all that writes."""

from typing import Final, NamedTuple

import msgspec

from adapters.kubernetes import wire
from adapters.kubernetes.client import ApiClient
from adapters.kubernetes.errors import ApiError
from adapters.kubernetes.resources import Resource
from adapters.kubernetes.unreadable import decode_shallow

NOT_SENT: Final = 0
"""Code of a refusal that is ours: the command was not sent."""

_OBJECT: Final = msgspec.json.Decoder(wire.Object)


class Written(NamedTuple):
    """What the API server answered with: an object of a kind (token of its subject), or, without kind, a Status."""

    kind: str
    body: bytes

    @property
    def meta(self) -> wire.Meta:
        """``metadata`` of the answer; empty for a Status."""
        return _OBJECT.decode(self.body).metadata


class Existing(NamedTuple):
    """An object that was there before."""

    body: bytes
    meta: wire.Meta

    @property
    def owner_uid(self) -> str:
        controller = self.meta.controller
        return controller.uid if controller else ""


async def existing_object(client: ApiClient, resource: Resource, namespace: str, name: str) -> Existing | None:
    """The object of that name; None where there is none. Raises ``ApiError``, ``ApiUnavailable``."""
    try:
        body = await client.get(resource, namespace, name)
    except ApiError as error:
        if error.code == 404:
            return None
        raise
    return Existing(body, decode_shallow(_OBJECT, body).metadata)
