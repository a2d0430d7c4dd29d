"""The typed passage: an object is read into the Kubernetes model and printed again (spec 9.1.2).

The model is package data, ``typed_model.json``: which fields a type has, of what kind, and when they are left out.
Each type is compiled once into a function over parsed JSON, since the passage runs on every change of a set.
Unknown members are dropped and null counts as absent. Nothing here validates values: that is the schema's work.
"""

import functools
import importlib.resources
import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from lws_events.canonical.errors import TypedPassageError
from lws_events.canonical.scalars import Convert, mismatch, scalars

LEADER_WORKER_TEMPLATE: Final = "LeaderWorkerTemplate"
NETWORK_CONFIG: Final = "NetworkConfig"
POD_TEMPLATE: Final = "PodTemplateSpec"
CLAIM: Final = "PersistentVolumeClaim"


class _Field(NamedTuple):
    name: str
    convert: Convert
    drop_if_empty: bool


def typed(value: Any, root: str, *, doubles: bool = False) -> Any:
    """Print ``value`` as the model's type ``root`` does; ``doubles`` rounds integers to doubles (revision data).

    Strict: member names match exactly. The result shares no dict or list with the input but ``raw`` parts. Raises
    ``TypedPassageError`` with the path of a value of the wrong type.
    """
    return _passage(root, restored=False, doubles=doubles)(value)


def typed_restored(value: Any, root: str) -> Any:
    """The lenient read after a restore (spec 9.1.7): letter case of names is ignored, 30.0 counts as 30.

    Raises ``TypedPassageError``, also for integers that no longer fit 64 bits after their time as doubles (D64).
    """
    return _passage(root, restored=True, doubles=False)(value)


@functools.cache
def model() -> Mapping[str, Any]:
    """The parsed model: ``roots`` (short name to type name) and ``types`` (type name to fields)."""
    text = importlib.resources.files(__package__).joinpath("typed_model.json").read_text(encoding="utf-8")
    parsed: Mapping[str, Any] = json.loads(text)
    return parsed


@functools.cache
def _passage(root: str, *, restored: bool, doubles: bool) -> Convert:
    compiler = _Compiler(scalars(restored=restored, doubles=doubles), lenient=restored)
    return compiler.struct(model()["roots"][root])


class _Compiler:
    """Turns types of the model into functions from parsed JSON to parsed JSON."""

    def __init__(self, kinds: Mapping[str, Convert], *, lenient: bool) -> None:
        self._kinds = kinds
        self._lenient = lenient
        self._structs: dict[str, Convert] = {}

    def struct(self, name: str) -> Convert:
        if name not in self._structs:
            self._structs[name] = self._compile_struct(model()["types"][name])
        return self._structs[name]

    def _compile_struct(self, declared: list[dict[str, Any]]) -> Convert:
        fields = {
            field["name"]: _Field(field["name"], self._convert(field["type"]), _drops_if_empty(field))
            for field in declared
        }
        required = tuple(fields[field["name"]] for field in declared if field["presence"] == "always")
        return _lenient_struct(fields, required) if self._lenient else _struct(fields, required)

    def _convert(self, kind: Any) -> Convert:
        if isinstance(kind, str):
            return self._kinds[kind]
        ((constructor, inner),) = kind.items()
        if constructor == "struct":
            return self.struct(inner)
        member = self._convert(inner)
        match constructor:
            case "ptr":
                return lambda value: None if value is None else member(value)
            case "list":
                return _list(member)
            case "map":
                return _map(member)
            case _:
                raise ValueError(f"the typed model names an unknown type constructor: {constructor}")


def _drops_if_empty(field: Mapping[str, Any]) -> bool:
    """A struct, or a pointer that is not null, is never empty. Kinds that hold structs inside count as structs."""
    kind = field["type"]
    if field["presence"] == "always" or kind in ("quantity", "intOrString"):
        return False
    return isinstance(kind, str) or "list" in kind or "map" in kind


def _struct(fields: Mapping[str, _Field], required: tuple[_Field, ...]) -> Convert:
    find = fields.get

    def convert(value: Any) -> dict[str, Any]:
        printed: dict[str, Any] = {}
        if value is not None:
            if type(value) is not dict:
                raise mismatch(value, "an object")
            name = ""
            try:
                for name, member in value.items():
                    if member is not None and (field := find(name)) is not None:
                        result = field.convert(member)
                        if result or not field.drop_if_empty:
                            printed[name] = result
            except TypedPassageError as error:
                raise error.within(name) from None
        for field in required:
            if field.name not in printed:
                printed[field.name] = field.convert(None)
        return printed

    return convert


def _lenient_struct(fields: Mapping[str, _Field], required: tuple[_Field, ...]) -> Convert:
    strict = _struct(fields, required)
    by_folded_name = {name.casefold(): name for name in fields}

    def convert(value: Any) -> Any:
        if type(value) is not dict or value.keys() <= fields.keys():
            return strict(value)
        # Sorted as the merged object is printed before it is read: of two spellings the later one wins.
        renamed: dict[str, Any] = {}
        for name in sorted(value):
            known = by_folded_name.get(name.casefold())
            if known is not None and value[name] is not None:
                renamed[known] = value[name]
        return strict(renamed)

    return convert


def _list(member: Convert) -> Convert:
    def convert(value: Any) -> list[Any] | None:
        if value is None:
            return None
        if type(value) is not list:
            raise mismatch(value, "a list")
        printed: list[Any] = []
        try:
            for item in value:
                printed.append(member(item))
        except TypedPassageError as error:
            raise error.within(f"[{len(printed)}]") from None
        return printed

    return convert


def _map(member: Convert) -> Convert:
    def convert(value: Any) -> dict[str, Any] | None:
        if value is None:
            return None
        if type(value) is not dict:
            raise mismatch(value, "an object")
        key = ""
        printed = {}
        try:
            for key, item in value.items():
                printed[key] = member(item)
        except TypedPassageError as error:
            raise error.within(key) from None
        return printed

    return convert
