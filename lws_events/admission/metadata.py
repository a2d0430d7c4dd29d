"""Rule V1: the set's metadata. Its name becomes the name of a Service, hence a DNS-1035 label.

The API server checks metadata itself, before the validating hook and with looser rules for the name; what it has
refused never arrives here. The order of the violations is that of the reference.
"""

from collections.abc import Iterator
from typing import Any, Final

from lws_events.admission import name_formats
from lws_events.admission.lookup import Object, annotations, labels, members, section, text
from lws_events.admission.violations import TOO_LONG, Violation, invalid, required

_ANNOTATIONS_SIZE_BYTES_MAX: Final = 256 * 1024
_OWNER_FIELDS: Final = ("apiVersion", "kind", "name", "uid", "controller", "blockOwnerDeletion")


def metadata_violations(lws: Object) -> list[Violation]:
    """What is wrong with ``metadata`` (spec 1.4, V1)."""
    return [
        *_names(section(lws, "metadata")),
        *_labels(labels(lws)),
        *_annotations(annotations(lws)),
        *_owners(members(lws, "metadata", "ownerReferences")),
        *_finalizers(members(lws, "metadata", "finalizers")),
    ]


def _v1(field: str, bad_value: Any, message: str) -> Violation:
    # The value is part of the rule: a second bad label is a new mistake, though path and text are those of the first.
    return invalid(f"V1 {bad_value!r} {message}", f"metadata.{field}", bad_value, message)


def _names(metadata: Object) -> Iterator[Violation]:
    prefix = text(metadata, "generateName")
    if prefix:
        for message in name_formats.dns_1035_prefix(prefix):
            yield _v1("generateName", prefix, message)
    name = text(metadata, "name")
    if name:
        for message in name_formats.dns_1035_label(name):
            yield _v1("name", name, message)
    else:
        yield required("V1", "metadata.name", "name or generateName is required")
    namespace = text(metadata, "namespace")
    if namespace:
        for message in name_formats.dns_1123_label(namespace):
            yield _v1("namespace", namespace, message)
    else:
        yield required("V1", "metadata.namespace")


def _labels(values: dict[str, str]) -> Iterator[Violation]:
    for key, value in sorted(values.items()):
        for message in name_formats.label_key(key):
            yield _v1("labels", key, message)
        for message in name_formats.label_value(value or ""):
            yield _v1("labels", value, message)


def _annotations(values: dict[str, str]) -> Iterator[Violation]:
    for key in sorted(values):
        for message in name_formats.label_key(key.lower()):
            yield _v1("annotations", key, message)
    size_bytes = sum(len(key.encode()) + len((value or "").encode()) for key, value in values.items())
    if size_bytes > _ANNOTATIONS_SIZE_BYTES_MAX:
        yield Violation(
            rule="V1",
            field="metadata.annotations",
            type=TOO_LONG,
            message=f"may not be more than {_ANNOTATIONS_SIZE_BYTES_MAX} bytes",
        )


def _owners(owners: list[Object]) -> Iterator[Violation]:
    shown = [{key: owner[key] for key in _OWNER_FIELDS if owner.get(key) is not None} for owner in owners]
    controller = ""
    for owner, plain in zip(owners, shown, strict=True):
        yield from _owner(owner, plain)
        if owner.get("controller") is not True:
            continue
        this = f"{text(owner, 'kind')}/{text(owner, 'name')}"
        if controller:
            yield _v1(
                "ownerReferences",
                shown,
                "Only one reference can have Controller set to true. "
                f'Found "true" in references for {controller} and {this}',
            )
        else:
            controller = this


def _owner(owner: Object, shown: Object) -> Iterator[Violation]:
    api_version, kind = text(owner, "apiVersion"), text(owner, "kind")
    group, _, version = api_version.rpartition("/")
    if not version:
        yield _v1("ownerReferences.apiVersion", api_version, "version must not be empty")
    for field in ("kind", "name", "uid"):
        if not text(owner, field):
            yield _v1(f"ownerReferences.{field}", "", "must not be empty")
    if (group, version, kind) == ("", "v1", "Event"):
        yield _v1("ownerReferences", shown, "/v1, Kind=Event is disallowed from being an owner")


def _finalizers(finalizers: list[str]) -> Iterator[Violation]:
    for finalizer in finalizers:
        for message in name_formats.label_key(finalizer):
            yield _v1("finalizers", finalizer, message)
    if "orphan" in finalizers and "foregroundDeletion" in finalizers:
        yield _v1("finalizers", finalizers, "finalizer orphan and foregroundDeletion cannot be both set")
