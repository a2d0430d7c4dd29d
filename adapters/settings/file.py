"""The reference's configuration file: ``config.lws.x-k8s.io/v1alpha1``, kind ``Configuration`` (spec 10.3).

Same fields, same defaults, as strict: an unknown field, another letter case, a key given twice, a wrong type or a
duration that is none is refused with its path, its value and, where one is near, the name that was meant. One block is
ours, ``lwsEvents``: the settings that the reference does not have, in camel case. Nothing here knows defaults or which
settings contradict each other: that is ``settings``, where flags and environment join.
"""

import difflib
import re
from collections.abc import Hashable
from pathlib import Path
from typing import Annotated, Any, Final

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from adapters.errors import ConfigurationRefused
from adapters.settings.go_durations import duration_seconds
from lws_events import gang

API_VERSION: Final = "config.lws.x-k8s.io/v1alpha1"
KIND: Final = "Configuration"
OWN_BLOCK: Final = "lwsEvents"

_LABEL: Final = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
_SUBDOMAIN: Final = re.compile(r"(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


def _checked_duration(text: str) -> str:
    duration_seconds(text)
    return text


_Duration = Annotated[str, AfterValidator(_checked_duration)]


class _Section(BaseModel):
    """Fields are optional, and ``null`` is as if a field were absent: the reference's are pointers."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, alias_generator=to_camel)


class _Webhook(_Section):
    port: int | None = None
    host: str | None = None
    cert_dir: str | None = None


class _LeaderElection(_Section):
    leader_elect: bool | None = None
    lease_duration: _Duration | None = None
    renew_deadline: _Duration | None = None
    retry_period: _Duration | None = None
    resource_lock: str | None = None
    resource_name: str | None = None
    resource_namespace: str | None = None


class _Metrics(_Section):
    bind_address: str | None = None


class _Health(_Section):
    health_probe_bind_address: str | None = None
    readiness_endpoint_name: str | None = None
    liveness_endpoint_name: str | None = None


class _Tls(_Section):
    min_version: str | None = None
    cipher_suites: list[str] | None = None


class _InternalCertManagement(_Section):
    enable: bool | None = None
    webhook_service_name: str | None = None
    webhook_secret_name: str | None = None

    @model_validator(mode="after")
    def _names(self) -> "_InternalCertManagement":
        if self.enable is False:
            return self  # the names are not used, and not looked at by the reference either
        for field, value, pattern, wanted in (
            ("webhookServiceName", self.webhook_service_name, _LABEL, "a DNS-1035 label"),
            ("webhookSecretName", self.webhook_secret_name, _SUBDOMAIN, "a DNS-1123 subdomain"),
        ):
            if value and pattern.fullmatch(value) is None:
                raise ValueError(f'internalCertManagement.{field}: Invalid value: "{value}": must be {wanted}')
        return self


class _GangSchedulingManagement(_Section):
    scheduler_provider: str | None = None

    @model_validator(mode="after")
    def _known(self) -> "_GangSchedulingManagement":
        path = "gangSchedulingManagement.schedulerProvider"
        if not self.scheduler_provider:
            raise ValueError(f"{path}: Required value: must be set when gang scheduling is enabled")
        if self.scheduler_provider not in gang.PROVIDERS:
            supported = ", ".join(f'"{name}"' for name in gang.PROVIDERS)
            raise ValueError(f'{path}: Unsupported value: "{self.scheduler_provider}": supported values: {supported}')
        return self


class _ClientConnection(_Section):
    qps: float | None = None
    burst: int | None = None


class _File(_Section):
    api_version: str | None = None
    kind: str | None = None
    webhook: _Webhook | None = None
    leader_election: _LeaderElection | None = None
    metrics: _Metrics | None = None
    health: _Health | None = None
    tls: _Tls | None = None
    internal_cert_management: _InternalCertManagement | None = None
    gang_scheduling_management: _GangSchedulingManagement | None = None
    client_connection: _ClientConnection | None = None
    lws_events: dict[str, Any] | None = None


class _StrictLoader(yaml.SafeLoader):
    """Refuses a mapping that has a key twice, which YAML readers otherwise settle in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """As the base class, with unique keys."""
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue  # refused by the base class
            if key.value in seen:
                line = key.start_mark.line + 1
                raise _KeyTwiceError(f'yaml: unmarshal errors: line {line}: key "{key.value}" already set in map')
            seen.add(key.value)
        return super().construct_mapping(node, deep)


class _KeyTwiceError(Exception):
    """A mapping has a key twice."""


def read(path: Path) -> dict[str, Any]:
    """What the file sets: nested as in the file, checked, without what is absent, ``null``, or an empty text.

    A second document is ignored. Raises ``ConfigurationRefused``.
    """
    try:
        document = next(yaml.load_all(path.read_text(), _StrictLoader), None)
    except OSError as error:
        raise ConfigurationRefused(f"configuration file {path} cannot be read: {error.strerror}") from error
    except _KeyTwiceError as error:
        raise ConfigurationRefused(f"{path}: strict decoding error: {error}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigurationRefused(f"configuration file {path} is not YAML: {error}") from error
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise ConfigurationRefused(
            f"configuration file {path} must be a mapping of settings, not a {type(document).__name__}"
        )
    version, kind = document.get("apiVersion") or API_VERSION, document.get("kind") or KIND
    if (version, kind) != (API_VERSION, KIND):
        raise ConfigurationRefused(
            f'{path}: no kind "{kind}" is registered for version "{version}"',
            hint=f"the file begins with apiVersion: {API_VERSION} and kind: {KIND}, or with neither",
        )
    try:
        file = _File.model_validate(document)
    except ValidationError as error:
        messages, hints = zip(*(_in_words(one) for one in error.errors()), strict=True)
        raise ConfigurationRefused(f"{path}: " + "; ".join(messages), hint="; ".join(filter(None, hints))) from error
    found: dict[str, Any] = file.model_dump(by_alias=True, exclude_none=True, exclude={"api_version", "kind"})
    return found


def nearest(name: str, known: list[str]) -> str:
    """A hint at the known name that was meant, or at all of them."""
    by_case = {one.lower(): one for one in known}
    near = difflib.get_close_matches(name.lower(), by_case, n=1, cutoff=0.7)
    if near:
        return f'did you mean "{by_case[near[0]]}"?'
    return "there are: " + ", ".join(known)


def _in_words(error: Any) -> tuple[str, str]:
    """One error of pydantic: what is wrong, with path and value, and a hint."""
    path = ".".join(str(part) for part in error["loc"])
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        *sections, name = (str(part) for part in error["loc"])
        return f'strict decoding error: unknown field "{path}"', nearest(name, _fields_of(sections))
    if error["type"] == "value_error" and message.startswith(path):
        return message, ""
    hint = 'a duration is text with a unit: "15s"' if path.endswith(("Duration", "Deadline", "Period")) else ""
    return f"{path}: {error['input']!r}: {message}", hint


def _fields_of(sections: list[str]) -> list[str]:
    """Names of the fields of a section of the file, or of the whole."""
    model: Any = _File
    for section in sections:
        found = next(field for field in model.model_fields.values() if field.alias == section)
        model = next(kind for kind in found.annotation.__args__ if isinstance(kind, type) and kind is not type(None))
    return [field.alias for field in model.model_fields.values()]
