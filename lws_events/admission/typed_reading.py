"""Reading an object through the typed Kubernetes model, as the reference does before it looks at anything.

What cannot be read (a text in an integer field, a number beyond 32 bits, a quantity that is none) is refused here with
its path, so that everything behind this gate may rely on types. Reading also gives the spelling that the typed model
prints: quantities in canonical form, whole-number floats as integers (spec 1.3). Nothing else changes: unknown
fields, nulls and absent fields stay what they are, because patches must be additive.
"""

import functools
from typing import Any, Final

from lws_events.admission.errors import UnreadableObjectError
from lws_events.admission.lookup import Object
from lws_events.canonical.errors import QuantityError
from lws_events.canonical.quantity import canonical_quantity
from lws_events.canonical.typed import model

_INT32: Final = (-(2**31), 2**31 - 1)
_INT64: Final = (-(2**63), 2**63 - 1)

_SETS: Final[dict[str, tuple[tuple[str, Any], ...]]] = {
    # The model covers what revisions hold. The rest of the set is described here; its integers have 32 bits.
    "LeaderWorkerSet": (
        ("apiVersion", "string"),
        ("kind", "string"),
        ("metadata", {"struct": "meta.v1.ObjectMeta"}),
        ("spec", {"struct": "LeaderWorkerSetSpec"}),
    ),
    "LeaderWorkerSetSpec": (
        ("replicas", "int32"),
        ("leaderWorkerTemplate", {"struct": "leaderworkerset.v1.LeaderWorkerTemplate"}),
        ("rolloutStrategy", {"struct": "RolloutStrategy"}),
        ("startupPolicy", "string"),
        ("networkConfig", {"struct": "leaderworkerset.v1.NetworkConfig"}),
    ),
    "RolloutStrategy": (
        ("type", "string"),
        ("rollingUpdateConfiguration", {"struct": "RollingUpdateConfiguration"}),
    ),
    "RollingUpdateConfiguration": (
        ("partition", "int32"),
        ("maxUnavailable", "intOrString"),
        ("maxSurge", "intOrString"),
    ),
}


def read_set(value: Any) -> Object:
    """A LeaderWorkerSet in canonical spelling; parts that need no change are shared with ``value``.

    Raises:
        UnreadableObjectError: a field has another type than the typed model gives it.
    """
    return _root(value, "LeaderWorkerSet")


def read_pod(value: Any) -> Object:
    """A pod in canonical spelling; parts that need no change are shared with ``value``.

    Raises:
        UnreadableObjectError: a field has another type than the typed model gives it.
    """
    return _root(value, "core.v1.Pod")


def _root(value: Any, struct: str) -> Object:
    if not isinstance(value, dict):
        raise UnreadableObjectError("", f"expected a JSON object, got {_kind(value)}")
    return _mapping(value, struct, "")


def _read(value: Any, type_: Any, path: str) -> Any:
    """``value`` as the model's ``type_`` prints it; the very same object where nothing changes."""
    if isinstance(type_, str):
        return _scalar(value, type_, path)
    ((form, inner),) = type_.items()
    match form:
        case "ptr":
            return _read(value, inner, path)
        case "struct":
            return _mapping(value, inner, path)
        case "list":
            return _list(value, inner, path)
        case _:
            return _map(value, inner, path)


def _mapping(value: Any, struct: str, path: str) -> Object:
    if not isinstance(value, dict):
        raise UnreadableObjectError(path, f"expected an object, got {_kind(value)}")
    prefix = f"{path}." if path else ""
    changed: Object = {}
    for name, type_ in _SETS.get(struct) or _model_fields(struct):
        old = value.get(name)
        if old is None:
            continue
        new = _read(old, type_, prefix + name)
        if new is not old:
            changed[name] = new
    return {**value, **changed} if changed else value


@functools.cache
def _model_fields(struct: str) -> tuple[tuple[str, Any], ...]:
    own = struct.startswith("leaderworkerset.")
    declared = model()["types"][struct]
    return tuple((field["name"], _narrowed(field["type"]) if own else field["type"]) for field in declared)


def _narrowed(type_: Any) -> Any:
    return "int32" if type_ in ("int", {"ptr": "int"}) else type_


def _list(value: Any, type_: Any, path: str) -> list[Any]:
    if not isinstance(value, list):
        raise UnreadableObjectError(path, f"expected a list, got {_kind(value)}")
    read = [_read(member, type_, f"{path}[{index}]") for index, member in enumerate(value)]
    return value if all(new is old for new, old in zip(read, value, strict=True)) else read


def _map(value: Any, type_: Any, path: str) -> Object:
    if not isinstance(value, dict):
        raise UnreadableObjectError(path, f"expected an object, got {_kind(value)}")
    read = {key: _read(member, type_, f"{path}[{key}]") for key, member in value.items()}
    return value if all(read[key] is value[key] for key in value) else read


def _scalar(value: Any, type_: str, path: str) -> Any:
    match type_:
        case "int":
            return _integer(value, _INT64, path)
        case "int32":
            return _integer(value, _INT32, path)
        case "intOrString":
            return value if isinstance(value, str) else _integer(value, _INT32, path)
        case "quantity":
            return _quantity(value, path)
        case "bool":
            expected: type | tuple[type, ...] = bool
        case "float":
            expected = (int, float)
        case "raw":
            return value
        case _:  # string, time, microTime and bytes are all texts in JSON
            expected = str
    if not isinstance(value, expected) or (type_ == "float" and isinstance(value, bool)):
        raise UnreadableObjectError(path, f"expected {type_}, got {_kind(value)}")
    return value


def _integer(value: Any, bounds: tuple[int, int], path: str) -> int:
    whole = int(value) if isinstance(value, float) and value.is_integer() else value
    if isinstance(whole, bool) or not isinstance(whole, int):
        raise UnreadableObjectError(path, f"expected an integer, got {_kind(value)}")
    if not bounds[0] <= whole <= bounds[1]:
        raise UnreadableObjectError(path, f"expected an integer from {bounds[0]} to {bounds[1]}, got {whole}")
    return whole


def _quantity(value: Any, path: str) -> Any:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise UnreadableObjectError(path, f"expected a quantity, got {_kind(value)}")
    try:
        canonical = canonical_quantity(value)
    except QuantityError as error:
        raise UnreadableObjectError(path, str(error)) from error
    return value if isinstance(value, str) and value == canonical else canonical


def _kind(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case str():
            return "a string"
        case int():
            return "an integer"
        case float():
            return f"the number {value}"
        case list():
            return "a list"
        case _:
            return "an object"
