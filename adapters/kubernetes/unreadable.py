"""Objects that are not what their kind should be: read as far as they can be, so that the others go on.

Schemas keep most of this out, but not all: data of a ControllerRevision may be nested as deep as the API server allows,
which is deeper than a decoder goes, and hold halves of characters. Such depths are cut off before a page or line is
taken apart; what was cut is then found to be too deep (``lws_events.foreign_json``), object by object.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from adapters.kubernetes import wire
from lws_events.foreign_json import NESTING_MAX, with_whole_text, without_depths

UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoders raise for data that is not as it should be."""

_DEPTH_KEPT: Final = NESTING_MAX + 20
"""More than what an object may have, so that one that was cut does not pass for whole."""


def decode_shallow(decoder: Any, data: Any) -> Any:
    """Decode; where that fails, without depths and with replaced halves of characters. Raises ``UNREADABLE``."""
    try:
        return decoder.decode(data)
    except UNREADABLE:
        return decoder.decode(with_whole_text(without_depths(bytes(data), _DEPTH_KEPT)))


def reader(model: type[wire.Object]) -> Callable[[msgspec.Raw], Any]:
    """What reads an object of the model, or gives ``wire.Unreadable``: it must not hide the others."""
    decoder = msgspec.json.Decoder(model)

    def read(raw: msgspec.Raw) -> Any:
        try:
            return decode_shallow(decoder, raw)
        except UNREADABLE as error:
            return wire.Unreadable(metadata=_metadata(bytes(raw)), model=model, problem=str(error))

    return read


def _metadata(raw: bytes) -> wire.Meta:
    """The metadata, or at least what of it is text where it should be."""
    try:
        found = decode_shallow(msgspec.json.Decoder(), raw)
    except UNREADABLE:
        return wire.Meta()
    metadata = found.get("metadata") if isinstance(found, dict) else None
    if not isinstance(metadata, dict):
        return wire.Meta()
    try:
        return msgspec.convert(metadata, wire.Meta)
    except msgspec.ValidationError:
        labels = metadata.get("labels")
        return wire.Meta(
            name=_text(metadata, "name"),
            namespace=_text(metadata, "namespace"),
            uid=_text(metadata, "uid"),
            resource_version=_text(metadata, "resourceVersion"),
            labels={key: value for key, value in labels.items() if isinstance(value, str)}
            if isinstance(labels, dict)
            else None,
        )


def _text(members: dict[str, Any], key: str) -> str:
    value = members.get(key)
    return value if isinstance(value, str) else ""
