"""Settings of lifecycle events: flags, environment, file, and what is refused."""

from pathlib import Path

import pytest

from adapters.errors import WrongUsage
from adapters.settings.controller import Settings
from adapters.settings.loading import effective, load_settings


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"LWS_EVENTS_{name.upper()}", raising=False)


def test_they_are_off_and_their_stream_is_bounded() -> None:
    settings = load_settings(flags={})
    assert not settings.lifecycle_events
    assert (settings.lifecycle_events_keep, settings.lifecycle_events_bytes_max) == (7 * 86_400, 256 * 1024**2)
    assert settings.lifecycle_events_max is None


def test_they_are_told_by_file_environment_and_flags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("lwsEvents: {lifecycleEvents: true, lifecycleEventsKeep: 48h, lifecycleEventsMax: 7}\n")
    monkeypatch.setenv("LWS_EVENTS_LIFECYCLE_EVENTS_MAX", "1000")
    settings = load_settings(flags={"lifecycle_events_bytes_max": 2 * 1024**2}, config=file)
    assert settings.lifecycle_events
    assert (settings.lifecycle_events_keep, settings.lifecycle_events_max) == (48 * 3600, 1000)
    assert "lifecycleEventsBytesMax: 2097152" in effective(settings)


@pytest.mark.parametrize(
    ("flag", "value", "words"),
    [
        ("lifecycle_events_keep", "a week", "--lifecycle-events-keep a week"),
        ("lifecycle_events_keep", "-1h", "greater than or equal to 0"),
        ("lifecycle_events_bytes_max", 1000, "1048576"),
        ("lifecycle_events_max", 0, "greater than or equal to 1"),
    ],
)
def test_what_cannot_be_meant_is_refused(flag: str, value: object, words: str) -> None:
    with pytest.raises(WrongUsage) as refused:
        load_settings(flags={flag: value})
    assert words in str(refused.value)
