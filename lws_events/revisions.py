"""ControllerRevisions: the recorded templates of a LeaderWorkerSet, their key and their order (spec 2.5, 9.1).

The data covers exactly two parts of the spec, ``leaderWorkerTemplate`` and ``networkConfig``; its bytes decide
whether a template changed. Which revision is made or removed, and when, is the machine's business.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

import msgspec

from lws_events.canonical.errors import CanonicalError, RevisionDataError
from lws_events.canonical.strategic_merge import merged
from lws_events.canonical.text import json_text
from lws_events.canonical.typed import LEADER_WORKER_TEMPLATE, NETWORK_CONFIG, typed, typed_restored
from lws_events.names import REVISION_KEY, SET_NAME
from lws_events.objects.metadata import JSON, owned_by_set

_TEMPLATE: Final = "leaderWorkerTemplate"
_NETWORK: Final = "networkConfig"
_REPLACE: Final = {"$patch": "replace"}
_PARTS: Final = {_TEMPLATE: LEADER_WORKER_TEMPLATE, _NETWORK: NETWORK_CONFIG}

_FNV_OFFSET: Final = 2166136261
_FNV_PRIME: Final = 16777619
_ALPHABET: Final = "bcdfghjklmnpqrstvwxz2456789"
_SAFE_DIGITS: Final = str.maketrans({digit: _ALPHABET[ord(digit) % len(_ALPHABET)] for digit in "0123456789"})
_PREFIX_BYTES_MAX: Final = 220


def revision_data(spec: Mapping[str, Any]) -> bytes:
    """The exact ``data`` bytes for a LeaderWorkerSet's spec as the API server holds it.

    Raises ``CanonicalError`` for a spec that the schema would not have let in.
    """
    template = typed(spec.get(_TEMPLATE), LEADER_WORKER_TEMPLATE, doubles=True)
    network = spec.get(_NETWORK)
    # No network configuration is written as Shared, so that the two are equal.
    network = {"subdomainPolicy": "Shared"} if network is None else typed(network, NETWORK_CONFIG, doubles=True)
    parts = {_TEMPLATE: template | _REPLACE, _NETWORK: network | _REPLACE}
    return json_text({"spec": parts}).encode()


def revision_hash(data: bytes) -> str:
    """FNV-1 (32 bit) of the data, its decimal digits mapped to characters that spell no words: the usual key."""
    value = _FNV_OFFSET
    for byte in data:
        value = (value * _FNV_PRIME & 0xFFFFFFFF) ^ byte
    return str(value).translate(_SAFE_DIGITS)


def revision_name(set_name: str, data_hash: str, number: int) -> str:
    """The name of a revision: ``<set>-<hash>-<number>``, the set's name cut to 220 bytes."""
    prefix = set_name.encode()[:_PREFIX_BYTES_MAX].decode(errors="ignore")
    return f"{prefix}-{data_hash}-{number}"


def restore(spec: Mapping[str, Any], data: bytes) -> JSON:
    """The live ``spec`` with the template and network parts that ``data`` holds, read as the reference reads them.

    A part missing in the data keeps its live value, a part that is null is removed (the template then is an empty
    one), and a live set without network configuration keeps none (see ``strategic_merge``). Raises
    ``CanonicalError`` where the data is malformed or does not fit the model.
    """
    live = {_TEMPLATE: typed(spec.get(_TEMPLATE), LEADER_WORKER_TEMPLATE)}
    if spec.get(_NETWORK) is not None:
        live[_NETWORK] = typed(spec[_NETWORK], NETWORK_CONFIG)
    parts = merged(live, _stored_parts(data), _PARTS)
    restored = {name: value for name, value in spec.items() if name not in (_TEMPLATE, _NETWORK)}
    restored[_TEMPLATE] = typed_restored(parts.get(_TEMPLATE), LEADER_WORKER_TEMPLATE)
    if parts.get(_NETWORK) is not None:
        restored[_NETWORK] = typed_restored(parts[_NETWORK], NETWORK_CONFIG)
    return restored


def semantically_equal(spec: Mapping[str, Any], *, proposed: bytes, stored: bytes) -> bool:
    """Whether ``stored`` means the same template as ``proposed``, the data of the live ``spec``.

    Equal bytes are; so is another serialisation of the same thing (older libraries, other key order, ``0.5`` for
    ``500m``). Data that cannot be restored is not.
    """
    if proposed == stored:
        return True
    try:
        return revision_data(restore(spec, stored)) == proposed
    except CanonicalError:
        return False


def belongs(owner_uid: str | None, *, set_uid: str) -> bool:
    """Whether a ControllerRevision labelled with a set's name is this very set's: owned by it or by nobody."""
    return owner_uid in (None, set_uid)


def next_revision_number(numbers: Iterable[int]) -> int:
    """One more than the highest number among the belonging revisions; the first is 1."""
    return max(numbers, default=0) + 1


def next_free_number(numbers: Iterable[int], *, set_name: str, data_hash: str, taken: Collection[str]) -> int:
    """As ``next_revision_number``, past names that revisions of a deleted set of the same name still hold (D37)."""
    number = next_revision_number(numbers)
    while revision_name(set_name, data_hash, number) in taken:
        number += 1
    return number


def controller_revision(lws: Mapping[str, Any], data: bytes, *, number: int, key: str = "") -> JSON:
    """The ControllerRevision to create. Without ``key`` its key is the hash of the data.

    ``data`` is embedded as it is (``msgspec.Raw``), since a printer with other rules would change the bytes.
    """
    metadata = lws["metadata"]
    data_hash = revision_hash(data)
    return {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": {
            "name": revision_name(metadata["name"], data_hash, number),
            "namespace": metadata["namespace"],
            "labels": {SET_NAME: metadata["name"], REVISION_KEY: key or data_hash},
            "ownerReferences": [owned_by_set(lws)],
        },
        "revision": number,
        "data": msgspec.Raw(data),
    }


def _stored_parts(data: bytes) -> Any:
    try:
        stored = json.loads(data, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise RevisionDataError(f"the data of the revision is not JSON: {error}") from error
    if not isinstance(stored, dict):
        raise RevisionDataError("the data of the revision is not a JSON object")
    parts = stored.get("spec", {})
    # ``spec: null`` removes the whole spec, both parts with it.
    parts = {_TEMPLATE: None, _NETWORK: None} if parts is None else parts
    if not isinstance(parts, dict):
        raise RevisionDataError("the spec in the data of the revision is not a JSON object")
    return parts


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON value")
