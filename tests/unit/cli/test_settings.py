"""Settings of ``run``: flags > environment > file > defaults, and errors that say where."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from adapters.cli import main
from adapters.cli.run_options import RUN_OPTIONS
from adapters.errors import ConfigurationRefused, WrongUsage
from adapters.settings.controller import Settings
from adapters.settings.loading import load_settings


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"LWS_EVENTS_{name.upper()}", raising=False)


def _file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    return path


def test_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    settings = load_settings(flags={})
    assert settings.data_dir == Path("/state/lws-events")
    assert (settings.webhook_port, settings.health, settings.cluster) == (9443, ("", 8081), "default")
    assert settings.leader_elect
    assert settings.webhooks
    assert settings.certificate_directory is None
    assert settings.nats_connection() is None


def test_flags_beat_the_environment_which_beats_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = "webhook: {port: 1001}\nclientConnection: {qps: 1002, burst: 1003}\nlwsEvents: {logLevel: debug}\n"
    config = _file(tmp_path, file)
    monkeypatch.setenv("LWS_EVENTS_WEBHOOK_PORT", "2001")
    monkeypatch.setenv("LWS_EVENTS_KUBE_API_QPS", "2002")
    settings = load_settings(flags={"webhook_port": 3001}, config=config)
    assert (settings.webhook_port, settings.kube_api_qps, settings.kube_api_burst) == (3001, 2002, 1003)
    assert settings.log_level == "debug"


def test_a_missing_file_is_refused_and_an_empty_one_is_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationRefused, match="cannot be read"):
        load_settings(flags={}, config=tmp_path / "none.yaml")
    assert load_settings(flags={}, config=_file(tmp_path, "# nothing\n")).webhook_port == 9443


def test_errors_name_the_flag_or_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(WrongUsage, match=r"--webhook-port 70000: .*65535"):
        load_settings(flags={"webhook_port": 70_000})
    monkeypatch.setenv("LWS_EVENTS_LOG_LEVEL", "loud")
    with pytest.raises(WrongUsage, match=r"LWS_EVENTS_LOG_LEVEL=loud: .*'debug'"):
        load_settings(flags={})


@pytest.mark.parametrize(
    "flags",
    [
        {"only_webhooks": True, "webhooks": False},
        {"nats_tls_cert": Path("c.pem")},
        {"data_dir": Path("d"), "nats_url": "nats://n"},
        {"manage_certificates": True, "webhook_cert_dir": Path("c")},
        {"leader_elect_lease_duration": "10s"},
        {"leader_elect_retry_period": "9s"},
    ],
)
def test_contradictions(flags: dict[str, Any]) -> None:
    with pytest.raises(WrongUsage):
        load_settings(flags=flags)


def test_a_data_dir_flag_beats_a_nats_url_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LWS_EVENTS_NATS_URL", "nats://elsewhere:4222")
    assert load_settings(flags={}).nats_url == "nats://elsewhere:4222"
    assert load_settings(flags={"data_dir": Path("here")}).nats_url is None


def test_secrets_are_not_shown_but_handed_on() -> None:
    settings = load_settings(flags={"nats_url": "tls://n:4222", "nats_user": "u", "nats_password": "hush"})
    assert "hush" not in repr(settings)
    connection = settings.nats_connection()
    assert connection is not None
    assert (connection.url, connection.user, connection.password) == ("tls://n:4222", "u", "hush")


@pytest.mark.parametrize(
    ("flags", "directory"),
    [
        ({"manage_certificates": True}, None),
        ({"webhook_cert_dir": Path("/certs")}, Path("/certs")),
        ({"webhook_cert_dir": Path("/certs"), "manage_certificates": False}, Path("/certs")),
        ({"manage_certificates": False}, Path("/tmp/k8s-webhook-server/serving-certs")),
    ],
)
def test_where_certificates_come_from(flags: dict[str, Any], directory: Path | None) -> None:
    assert load_settings(flags=flags).certificate_directory == directory


def test_every_setting_is_a_flag_of_run() -> None:
    flags = {option.name for option in RUN_OPTIONS}
    others = {name for name in flags if name.startswith("zap_")} | {"config", "health_port", "metrics_port"}
    assert flags - others == set(Settings.model_fields)


def test_a_wrong_configuration_ends_run_with_1(tmp_path: Path) -> None:
    """Spec 10.3."""
    config = _file(tmp_path, "webhook: {prt: 1}")
    result = CliRunner().invoke(main.app, ["run", "--config", str(config)])
    assert result.exit_code == 1
    assert "unable to load the configuration: " in result.stderr
    assert 'did you mean "port"?' in result.stderr


def test_an_account_without_a_home_has_a_data_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Webhooks alone need none, so a container need not name one."""

    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    assert load_settings(flags={"only_webhooks": True}).data_dir == Path("/var/lib/lws-events")


def test_a_secret_that_is_wrong_is_not_told(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigurationRefused, match=r"lwsEvents\.natsPassword: Input should be a valid string"
    ) as raised:
        load_settings(flags={}, config=_file(tmp_path, "lwsEvents: {natsPassword: 12345}\n"))
    assert "12345" not in str(raised.value)


def test_the_page_is_off_and_beyond_loopback_needs_a_token(tmp_path: Path) -> None:
    assert load_settings(flags={}).ui is None
    assert load_settings(flags={"ui_bind_address": "8082"}).ui == ("127.0.0.1", 8082)
    for everywhere in (":8082", "0.0.0.0:8082", "10.0.0.1:8082"):
        with pytest.raises(WrongUsage, match="ui-token-file"):
            load_settings(flags={"ui_bind_address": everywhere})
        settings = load_settings(flags={"ui_bind_address": everywhere, "ui_token_file": tmp_path / "token"})
        assert settings.ui is not None
    with pytest.raises(WrongUsage, match="--ui-bind-address"):
        load_settings(flags={"ui_bind_address": "nowhere"})
    alone = {"ui_bind_address": "8082", "only_webhooks": True}
    with pytest.raises(WrongUsage, match="needs a journal to show"):
        load_settings(flags=alone)
    assert load_settings(flags=alone | {"nats_url": "nats://bus:4222"}).ui is not None


def test_where_requests_are_sent_is_an_address_over_tls() -> None:
    assert load_settings(flags={}).admission_requests is None
    assert load_settings(flags={"admission_requests_bind_address": ":9444"}).admission_requests == ("", 9444)
    url = "https://lws-admission-requests-service.lws-system.svc:9444"
    assert load_settings(flags={"admission_requests_url": url}).admission_requests_url == url
    for wrong in ("http://controller:9444", "controller:9444", "https://", f"{url}/path", f"{url}?a=b"):
        with pytest.raises(WrongUsage, match="--admission-requests-url"):
            load_settings(flags={"admission_requests_url": wrong})
    with pytest.raises(WrongUsage, match="--admission-requests-bind-address"):
        load_settings(flags={"admission_requests_bind_address": "nowhere"})
