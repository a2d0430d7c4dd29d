"""Turn schemas of the Kubernetes OpenAPI into structural schemas, as a CustomResourceDefinition demands them.

A set's pod templates have the whole schema of a pod. It is taken from the OpenAPI v3 that a real API server serves,
not written down by hand, reduced to the types needed and checked in.

Deliberately not kept: descriptions (they would make the CRD larger than what client-side apply can annotate), enums
(a template is judged where it is used, when the StatefulSet is created), defaults that merely spell out a zero value.
"""

import re
from typing import Any, Final

Json = dict[str, Any]

ROOTS: Final = ("io.k8s.api.core.v1.PodTemplateSpec", "io.k8s.api.core.v1.PersistentVolumeClaim")
_OBJECT_META: Final = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
_QUANTITY: Final = "io.k8s.apimachinery.pkg.api.resource.Quantity"
_INT_OR_STRING: Final = "io.k8s.apimachinery.pkg.util.intstr.IntOrString"
_REFERENCE: Final = "#/components/schemas/"

# What remains of an embedded object's metadata (spec 1.2): the rest belongs to real objects only.
_METADATA_FIELDS: Final = ("annotations", "finalizers", "labels", "name", "namespace")
_KEPT: Final = ("type", "format", "x-kubernetes-list-type", "x-kubernetes-list-map-keys", "x-kubernetes-map-type")

# A Kubernetes quantity: signed decimal with an optional binary, decimal or exponent suffix.
_NUMBER: Final = r"(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))"
QUANTITY_PATTERN: Final = rf"^(\+|-)?{_NUMBER}(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?{_NUMBER}))?$"

# Declared in Kubernetes by reference to a constant, which the reference's generator did not follow: sets stored by it
# lack these defaults, and adding them would change the revision data of every set that uses the volume type.
_IGNORED_DEFAULTS: Final = frozenset(
    {
        ("io.k8s.api.core.v1.AzureDiskVolumeSource", "cachingMode"),
        ("io.k8s.api.core.v1.AzureDiskVolumeSource", "kind"),
    }
)


def reduce_openapi(document: Json) -> Json:
    """The part of a served OpenAPI v3 document that the CRD needs, without prose.

    Args:
        document: what an API server answers to ``GET /openapi/v3/api/v1``.

    Raises:
        ValueError: a type that a LeaderWorkerSet embeds is not in the document.
    """
    schemas: Json = document.get("components", {}).get("schemas", {})
    needed: set[str] = set()
    waiting = list(ROOTS)
    while waiting:
        name = waiting.pop()
        if name in needed:
            continue
        if name not in schemas:
            raise ValueError(f"the OpenAPI document has no type {name}: give what GET /openapi/v3/api/v1 answers")
        needed.add(name)
        if name != _OBJECT_META:
            waiting += _references(schemas[name])
    return {"components": {"schemas": {name: _without_prose(schemas[name]) for name in sorted(needed)}}}


def structural_schema(openapi: Json, type_name: str) -> Json:
    """The structural schema of a Kubernetes type, with every reference resolved.

    Raises:
        ValueError: the type, or one that it refers to, is not in the document.
    """
    if type_name == _OBJECT_META:
        return _embedded_metadata()
    if type_name == _QUANTITY:
        return {**_integer_or_string(), "pattern": QUANTITY_PATTERN}
    if type_name == _INT_OR_STRING:
        return _integer_or_string()
    schema = openapi["components"]["schemas"].get(type_name)
    if schema is None:
        raise ValueError(f"the checked-in OpenAPI has no type {type_name}: refresh it from an API server")
    return _convert(openapi, schema, owner=type_name)


def _convert(openapi: Json, schema: Json, *, owner: str) -> Json:
    """One schema, which is a reference (bare, or wrapped to stand beside a default), an object, a list or a scalar."""
    reference = schema.get("$ref") or next((part["$ref"] for part in schema.get("allOf", ())), None)
    if reference is not None:
        target = structural_schema(openapi, reference.removeprefix(_REFERENCE))
        return {**target, **_kept(schema)}
    converted = _kept(schema)
    if "properties" in schema:
        required = schema.get("required", ())
        converted["properties"] = {
            name: _property(openapi, value, owner=owner, name=name, required=name in required)
            for name, value in sorted(schema["properties"].items())
        }
        if required:
            converted["required"] = sorted(required)
    if "additionalProperties" in schema:
        converted["additionalProperties"] = _convert(openapi, schema["additionalProperties"], owner=owner)
    if "items" in schema:
        converted["items"] = _convert(openapi, schema["items"], owner=owner)
    return converted


def _property(openapi: Json, schema: Json, *, owner: str, name: str, required: bool) -> Json:
    converted = _convert(openapi, schema, owner=owner)
    default = schema.get("default")
    # A required field's default is only its zero value spelled out, an object's only an empty one.
    if (
        default is not None
        and not required
        and not isinstance(default, dict)
        and (owner, name) not in _IGNORED_DEFAULTS
    ):
        converted["default"] = default
    return converted


def _kept(schema: Json) -> Json:
    return {key: schema[key] for key in _KEPT if key in schema}


def _integer_or_string() -> Json:
    return {"anyOf": [{"type": "integer"}, {"type": "string"}], "x-kubernetes-int-or-string": True}


def _embedded_metadata() -> Json:
    text = {"type": "string"}
    texts: Json = {"additionalProperties": text, "type": "object"}
    kinds: Json = {"annotations": texts, "labels": texts, "finalizers": {"items": text, "type": "array"}}
    return {"type": "object", "properties": {name: kinds.get(name, text) for name in _METADATA_FIELDS}}


def _references(schema: Any) -> list[str]:
    if isinstance(schema, dict):
        found = [value for value in schema.values() if isinstance(value, str) and value.startswith(_REFERENCE)]
        return [re.sub(_REFERENCE, "", f) for f in found] + [r for v in schema.values() for r in _references(v)]
    if isinstance(schema, list):
        return [r for value in schema for r in _references(value)]
    return []


def _without_prose(schema: Any, *, names: bool = False) -> Any:
    """Without descriptions, enums and patch hints; where the keys are field names every one of them stays."""
    if isinstance(schema, list):
        return [_without_prose(value) for value in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {"$ref", "allOf", "oneOf", "default", "properties", "required", "items", "additionalProperties", *_KEPT}
    return {
        key: _without_prose(value, names=key == "properties" and not names)
        for key, value in sorted(schema.items())
        if names or key in kept
    }
