"""Settings of ``lws-events run``: flags > environment (``LWS_EVENTS_…``) > configuration file > defaults.

The file is YAML (or JSON) with the names of the flags as keys: ``webhook-port: 9443``. A key that does not exist is
refused with the nearest name that does: a typing error must not silently leave a default in place.
"""

import difflib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import yaml
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from adapters.cli.errors import WrongUsage
from adapters.cli.options import default_data_dir
from adapters.kubernetes.election import ElectionSettings, own_namespace
from adapters.webhooks.configuration import SECRET, SERVICE
from lws_events import gang

if TYPE_CHECKING:
    from adapters.nats.connection import ConnectionSettings

ENVIRONMENT_PREFIX: Final = "LWS_EVENTS_"

CERT_DIR: Final = Path("/tmp/k8s-webhook-server/serving-certs")
"""The reference's place (spec 10.3)."""

_NOT_TOLD: Final = frozenset({"nats_password", "nats_token", "nats_url"})
"""What is wrong about these is said without showing them."""


class Settings(BaseSettings):
    """Everything that ``run`` can be told. Make it with ``load_settings``."""

    model_config = SettingsConfigDict(env_prefix=ENVIRONMENT_PREFIX, frozen=True, extra="forbid")

    kubeconfig: Path | None = None
    """None: in-cluster credentials, then ``KUBECONFIG``, then ``~/.kube/config``."""
    cluster: str = Field(default="default", min_length=1)
    """Name of the cluster in the journal: one bus can hold the journals of several."""
    namespace: str = Field(default_factory=own_namespace, min_length=1)
    """Where the controller lives (spec 10.4): its Lease and Secret are there. Sets are managed in all namespaces."""

    data_dir: Path = Field(default_factory=default_data_dir)
    """Of the embedded server; not used with ``nats_url``."""
    nats_url: str | None = None
    nats_creds: Path | None = None
    nats_user: str | None = None
    nats_password: SecretStr | None = None
    nats_token: SecretStr | None = None
    nats_tls_ca: Path | None = None
    nats_tls_cert: Path | None = None
    nats_tls_key: Path | None = None
    nats_replicas: int = Field(default=1, ge=1, le=5)
    """Copies of each stream; 3 on a JetStream cluster."""
    journal_bytes_max: int = Field(default=10 * 1024**3, ge=1024**2)
    """Limit of each of the two streams. A full journal refuses and says so."""

    webhooks: bool = True
    only_webhooks: bool = False
    """Serve admission alone: needs no journal, and any number of replicas may run."""
    webhook_host: str = ""
    """Empty: all addresses."""
    webhook_port: int = Field(default=9443, ge=0, le=65535)
    """0: any free port, which the log names."""
    webhook_cert_dir: Path | None = None
    """Directory with ``tls.crt`` and ``tls.key``; reloaded when they change."""
    manage_certificates: bool | None = None
    """Make and rotate certificates and write the CA into the webhook configurations. None: unless ``webhook_cert_dir``
    is given."""
    webhook_service_name: str = SERVICE
    webhook_secret_name: str = SECRET

    gang_provider: str = ""
    """Scheduler that places the pods of a group together or not at all: ``volcano``, or empty for none (spec 4.9)."""
    gang_match_scheduler_name: bool = False
    """Only pods that name that scheduler in ``schedulerName`` take part; else all pods of sets (spec D53)."""

    leader_elect: bool = True
    lease_duration_seconds: int = Field(default=15, ge=1)
    """How long others wait after the last renewal that they have seen before they take over."""
    renew_deadline_seconds: float = Field(default=10.0, gt=0)
    """A leader that cannot renew the Lease, or cannot reach a shared journal, for so long leads no longer."""
    retry_period_seconds: float = Field(default=2.0, gt=0)
    """How often the Lease is renewed."""
    health_port: int = Field(default=8081, ge=0, le=65535)
    """0: off."""
    metrics_port: int = Field(default=8080, ge=0, le=65535)
    """0: off."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["json", "console"] = "console"

    @field_validator("gang_provider")
    @classmethod
    def _is_supported(cls, value: str) -> str:
        if value and value not in gang.PROVIDERS:
            raise ValueError(f"there is no such gang scheduler; supported values: {', '.join(gang.PROVIDERS)}")
        return value

    @model_validator(mode="after")
    def _agree(self) -> "Settings":
        if self.only_webhooks and not self.webhooks:
            raise ValueError("only-webhooks and no-webhooks leave nothing to run: give one of them")
        if (self.nats_tls_cert is None) != (self.nats_tls_key is None):
            raise ValueError("nats-tls-cert and nats-tls-key belong together: give both or none")
        if self.manage_certificates and self.webhook_cert_dir is not None:
            raise ValueError("managed certificates are not read from webhook-cert-dir: give one of them")
        if not self.retry_period_seconds < self.renew_deadline_seconds < self.lease_duration_seconds:
            raise ValueError(
                "needed: retry-period-seconds < renew-deadline-seconds < lease-duration-seconds; "
                "otherwise two could lead at once"
            )
        return self

    @property
    def certificate_directory(self) -> Path | None:
        """Where certificates are read from; None where the process makes and rotates its own."""
        if self.manage_certificates is False:
            return self.webhook_cert_dir or CERT_DIR
        return self.webhook_cert_dir

    @property
    def keeps_journal(self) -> bool:
        """Whether a journal is written: admission alone has none, unless it is given a server."""
        return not self.only_webhooks or self.nats_url is not None

    def election(self) -> ElectionSettings:
        """Durations of leader election."""
        return ElectionSettings(
            lease_seconds=self.lease_duration_seconds,
            renew_deadline_seconds=self.renew_deadline_seconds,
            retry_seconds=self.retry_period_seconds,
        )

    def nats_connection(self) -> "ConnectionSettings | None":
        """How to reach the server of ``nats_url``; None for the embedded one."""
        if self.nats_url is None:
            return None
        from adapters.nats.connection import ConnectionSettings

        return ConnectionSettings(
            url=self.nats_url,
            user=self.nats_user,
            password=_secret(self.nats_password),
            token=_secret(self.nats_token),
            credentials_file=self.nats_creds,
            tls_ca_file=self.nats_tls_ca,
            tls_cert_file=self.nats_tls_cert,
            tls_key_file=self.nats_tls_key,
        )


def load_settings(*, flags: dict[str, Any], config: Path | None = None) -> Settings:
    """Settings from all places. ``flags`` has only what was given, by field name.

    Raises ``WrongUsage``, which names the flag, variable or key that is wrong.
    """
    if flags.get("data_dir") is not None and flags.get("nats_url") is not None:
        raise WrongUsage("--data-dir and --nats-url name different journals", hint="give one of them")
    if "data_dir" in flags:
        flags = flags | {"nats_url": None}  # a flag beats the address in the environment or the file
    in_file = {} if config is None else _read_file(config)

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
        raise WrongUsage(_in_words(error, flags=flags, in_file=in_file, config=config)) from error


def _read_file(path: Path) -> dict[str, Any]:
    try:
        document = yaml.safe_load(path.read_text())
    except OSError as error:
        raise WrongUsage(f"configuration file {path} cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise WrongUsage(f"configuration file {path} is not YAML: {error}") from error
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise WrongUsage(f"configuration file {path} must be a mapping of settings, not a {type(document).__name__}")
    values: dict[str, Any] = {}
    for key, value in document.items():
        name = str(key).replace("-", "_")
        if name not in Settings.model_fields:
            raise WrongUsage(f"configuration file {path}: there is no setting {key!r}", hint=_nearest(name))
        if name in values:
            raise WrongUsage(f"configuration file {path}: {key!r} is set twice")
        values[name] = value
    return values


def _nearest(name: str) -> str:
    near = difflib.get_close_matches(name, Settings.model_fields, n=1)
    if near:
        return f"did you mean {_shown(near[0])!r}?"
    return "settings are: " + ", ".join(map(_shown, Settings.model_fields))


def _in_words(error: ValidationError, *, flags: dict[str, Any], in_file: dict[str, Any], config: Path | None) -> str:
    found: list[str] = []
    for one in error.errors():
        name = str(one["loc"][0]) if one["loc"] else ""
        message = one["msg"].removeprefix("Value error, ")
        if name in flags:
            place, between = f"--{_shown(name)}", " "
        elif ENVIRONMENT_PREFIX + name.upper() in os.environ:
            place, between = ENVIRONMENT_PREFIX + name.upper(), "="
        elif name in in_file:
            place, between = f"configuration file {config}: {_shown(name)}", ": "
        else:  # several settings that do not agree, or a default
            found.append(f"{_shown(name)}: {message}" if name else message)
            continue
        value = "" if name in _NOT_TOLD else f"{between}{one['input']}"
        found.append(f"{place}{value}: {message}")
    return "; ".join(found)


def _shown(name: str) -> str:
    return name.replace("_", "-")


def _secret(value: SecretStr | None) -> str | None:
    return None if value is None else value.get_secret_value()
