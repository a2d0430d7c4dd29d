"""The settings of ``lws-events run`` that are about the web page (docs/ui.md)."""

from pathlib import Path

from pydantic import field_validator, model_validator

from adapters.observability.addresses import Address
from adapters.settings.journal import JournalSettings
from adapters.web.addresses import page_address


class WebSettings(JournalSettings):
    """A part of ``controller.Settings``."""

    ui_bind_address: str = "0"
    """Where the page is served; a port alone is one of loopback; ``0``: nowhere."""
    ui_token_file: Path | None = None
    """Whoever knows the token in it may see the page; read again when it changes. None: whoever reaches loopback."""

    @field_validator("ui_bind_address")
    @classmethod
    def _is_page_address(cls, value: str) -> str:
        page_address(value)
        return value

    @model_validator(mode="after")
    def _require_token(self) -> "WebSettings":
        if self.ui is not None and not self.ui.is_loopback and self.ui_token_file is None:
            raise ValueError(
                f"ui-bind-address {self.ui_bind_address} would show the page to everybody: give ui-token-file, or an "
                'address of loopback such as "127.0.0.1:8082"'
            )
        return self

    def require_journal_to_show(self, *, kept: bool) -> None:
        """Raises ``ValueError`` where there would be nothing on the page."""
        if self.ui is not None and not kept:
            raise ValueError(
                "ui-bind-address needs a journal to show, and only-webhooks without nats-url keeps none: leave out one "
                "of them"
            )

    @property
    def ui(self) -> Address | None:
        """Where the page is served; None for nowhere."""
        return page_address(self.ui_bind_address)
