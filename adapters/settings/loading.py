"""Settings from flags, environment and configuration file joined into one, and shown as the file would say them.

Errors name the place that is wrong, the value, and what to do; the values of credentials are never shown.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import SecretStr, ValidationError
from pydantic.alias_generators import to_camel
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource

from adapters.errors import ConfigurationRefused, WrongUsage
from adapters.settings.controller import PATHS, Settings
from adapters.settings.file import API_VERSION, KIND, OWN_BLOCK, nearest, read
from adapters.settings.go_durations import duration_text
from adapters.settings.journal import ENVIRONMENT_PREFIX

ENABLE_WEBHOOKS: Final = "ENABLE_WEBHOOKS"
"""Of the reference (spec 10.4): exactly ``false`` switches admission off."""

_NOT_TOLD: Final = frozenset({"nats_password", "nats_token", "nats_url"})
"""What is wrong about these is said without showing them."""

_OWN: Final = {to_camel(name): name for name in Settings.model_fields if name not in PATHS}
_DURATIONS: Final = frozenset(
    {
        "leader_elect_lease_duration",
        "leader_elect_renew_deadline",
        "leader_elect_retry_period",
        "journal_keep",
        "audit_keep",
        "seal_interval",
    }
)


def load_settings(*, flags: dict[str, Any], config: Path | None = None) -> Settings:
    """Settings from all places. ``flags`` has only what was given, by name of the setting.

    Raises ``WrongUsage``, which names the flag or variable that is wrong, or ``ConfigurationRefused``, which names the
    field of the file.
    """
    for one, other, why in (
        ("data_dir", "nats_url", "name different journals"),
        ("manage_certificates", "webhook_cert_dir", "are two places for the certificate"),
    ):
        if flags.get(one) and flags.get(other):
            raise WrongUsage(f"{_flag(one)} and {_flag(other)} {why}", hint="give one of them")
    if "data_dir" in flags:
        flags = flags | {"nats_url": None}  # a flag beats the address in the environment or the file
    in_file = {} if config is None else _in_file(config)
    if _given("webhook_cert_dir", flags):
        in_file.pop("manage_certificates", None)
    if os.environ.get(ENABLE_WEBHOOKS) == "false":
        in_file["webhooks"] = False

    class WithFile(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 (no .env files: too easily one too many)
            file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 (Kubernetes mounts them as environment)
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return init_settings, env_settings, InitSettingsSource(settings_cls, init_kwargs=in_file)

    try:
        return WithFile(**flags)
    except ValidationError as error:
        message = _in_words(error, flags=flags, in_file=in_file)
        of_file = {str(one["loc"][0]) for one in error.errors() if one["loc"]} <= in_file.keys() - flags.keys()
        if config is not None and of_file:
            raise ConfigurationRefused(f"{config}: {message}") from error
        raise WrongUsage(message) from error


def effective(settings: Settings) -> str:
    """All settings as they hold, in the form of the configuration file, on one line; credentials are left out."""
    document: dict[str, Any] = {"apiVersion": API_VERSION, "kind": KIND}
    own: dict[str, Any] = {}
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if value in (None, "", ()) or isinstance(value, SecretStr) or name == "nats_url":
            continue
        if name in _DURATIONS:
            value = duration_text(value)
        elif isinstance(value, tuple):
            value = list(value)
        elif isinstance(value, Path):
            value = str(value)
        if name in PATHS:
            section, field = PATHS[name].split(".")
            document.setdefault(section, {})[field] = value
        else:
            own[to_camel(name)] = value
    return yaml.safe_dump(document | {OWN_BLOCK: own}, sort_keys=False, default_flow_style=True, width=2**20).rstrip()


def _in_file(path: Path) -> dict[str, Any]:
    """What the file sets, by name of the setting. An empty text is as if the field were absent (spec 10.3)."""
    document = read(path)
    values: dict[str, Any] = {}
    for name, place in PATHS.items():
        section, field = place.split(".")
        value = document.get(section, {}).get(field)
        if value not in (None, "", []):
            values[name] = value
    if "webhook_cert_dir" in values:
        # The file's default. The reference mounts what it makes at this place; here it need not take that way.
        values.setdefault("manage_certificates", True)
    for key, value in document.get(OWN_BLOCK, {}).items():
        if key not in _OWN:
            there = next((place for name, place in PATHS.items() if to_camel(name) == key), None)
            hint = f"it is the field {there}" if there else nearest(str(key), list(_OWN))
            raise ConfigurationRefused(f'{path}: strict decoding error: unknown field "{OWN_BLOCK}.{key}"', hint=hint)
        if value is not None:
            values[_OWN[key]] = value
    return values


def _given(name: str, flags: Mapping[str, Any]) -> bool:
    return name in flags or ENVIRONMENT_PREFIX + name.upper() in os.environ


def _in_words(error: ValidationError, *, flags: dict[str, Any], in_file: dict[str, Any]) -> str:
    found: list[str] = []
    for one in error.errors():
        name = str(one["loc"][0]) if one["loc"] else ""
        message = one["msg"].removeprefix("Value error, ")
        variable = ENVIRONMENT_PREFIX + name.upper()
        if name in flags:
            place, given = f"{_flag(name)} ", flags[name]
        elif variable in os.environ:
            place, given = f"{variable}=", os.environ[variable]
        elif name in in_file:
            place, given = PATHS.get(name, f"{OWN_BLOCK}.{to_camel(name)}") + ": ", in_file[name]
        else:  # several settings that do not agree, or a default
            found.append(f"{_flag(name)}: {message}" if name else message)
            continue
        found.append(f"{place.rstrip(' =:')}: {message}" if name in _NOT_TOLD else f"{place}{given}: {message}")
    return "; ".join(found)


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")
