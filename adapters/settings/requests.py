"""Settings of ``lws-events run`` about who asked for what, and its way from webhook servers to the controller."""

from pathlib import Path
from urllib.parse import urlsplit

from pydantic import field_validator

from adapters.observability.addresses import Address, parse_address
from adapters.settings.journal import JournalSettings


class RequestSettings(JournalSettings):
    """A part of ``controller.Settings``."""

    admission_requests_bind_address: str = "0"
    """Where the controller takes in what webhook servers send. ``0``: off."""
    admission_requests_url: str = ""
    """Where webhook servers without a journal send it: ``https://<host>:<port>``; empty: nowhere."""
    admission_requests_token_file: Path = Path("/var/run/secrets/lws-events/token")
    """The token that they show, made for the audience ``lws-events``; read each time."""

    @field_validator("admission_requests_bind_address")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        parse_address(value)
        return value

    @field_validator("admission_requests_url")
    @classmethod
    def _is_https(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (parts.scheme != "https" or not parts.hostname or parts.path.strip("/") or parts.query):
            raise ValueError(
                f"{value} is no address of a controller: give https://<host>:<port>, "
                "such as https://lws-admission-requests-service.lws-system.svc:9444"
            )
        return value

    @property
    def admission_requests(self) -> Address | None:
        """Where they are taken in; None for nowhere."""
        return parse_address(self.admission_requests_bind_address)
