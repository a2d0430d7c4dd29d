"""Gang scheduling as a setting: off unless a provider is named that exists."""

from pathlib import Path

import pytest

from adapters.errors import WrongUsage
from adapters.settings.loading import load_settings


def test_it_is_off_unless_a_provider_is_named() -> None:
    settings = load_settings(flags={})
    assert (settings.gang_provider, settings.gang_match_scheduler_name) == ("", False)


def test_flags_environment_and_file_name_the_provider(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert load_settings(flags={"gang_provider": "volcano"}).gang_provider == "volcano"
    config = tmp_path / "lws-events.yaml"
    text = "gangSchedulingManagement: {schedulerProvider: volcano}\nlwsEvents: {gangMatchSchedulerName: true}\n"
    config.write_text(text)
    settings = load_settings(flags={}, config=config)
    assert (settings.gang_provider, settings.gang_match_scheduler_name) == ("volcano", True)
    monkeypatch.setenv("LWS_EVENTS_GANG_PROVIDER", "volcano")
    assert load_settings(flags={}).gang_provider == "volcano"


def test_an_unknown_provider_is_refused_with_those_that_exist() -> None:
    with pytest.raises(WrongUsage, match=r"--gang-provider other: there is no such .* supported values: volcano"):
        load_settings(flags={"gang_provider": "other"})
