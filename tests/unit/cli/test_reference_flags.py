"""The reference's command line, row by row (spec 10.4): names, both notations, precedence, what logging flags mean."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from adapters.cli import main
from adapters.cli.zap_flags import translated
from adapters.errors import WrongUsage
from adapters.settings.controller import Settings
from adapters.settings.go_durations import duration_seconds, duration_text


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """Settings with which ``run`` would have started."""
    import adapters.controller

    found: list[Settings] = []

    def run(settings: Settings, *, config: Path | None) -> int:
        found.append(settings)
        return 0

    monkeypatch.setattr(adapters.controller, "run", run)
    for name in Settings.model_fields:
        monkeypatch.delenv(f"LWS_EVENTS_{name.upper()}", raising=False)
    return found


def _run(*arguments: str) -> Any:
    return CliRunner().invoke(main.app, ["run", *arguments])


FLAGS = [
    ("metrics-bind-address", "127.0.0.1:9", "metrics_bind_address", "127.0.0.1:9"),
    ("health-probe-bind-address", ":9", "health_probe_bind_address", ":9"),
    ("leader-elect-lease-duration", "1m", "leader_elect_lease_duration", 60.0),
    ("leader-elect-renew-deadline", "12s", "leader_elect_renew_deadline", 12.0),
    ("leader-elect-retry-period", "1s", "leader_elect_retry_period", 1.0),
    ("leader-elect-resource-lock", "leases", "leader_elect_resource_lock", "leases"),
    ("leader-elect-resource-name", "x", "leader_elect_resource_name", "x"),
    ("kube-api-qps", "1.5", "kube_api_qps", 1.5),
    ("kube-api-burst", "3", "kube_api_burst", 3),
    ("kubeconfig", "/k", "kubeconfig", Path("/k")),
    ("zap-encoder", "json", "log_format", "json"),
    ("zap-log-level", "2", "log_level", "debug"),
    ("zap-stacktrace-level", "error", "log_stack_traces", "error"),
    ("zap-time-encoding", "RFC3339", "log_time", "rfc3339"),
]


@pytest.mark.parametrize(("flag", "value", "setting", "expected"), FLAGS)
@pytest.mark.parametrize("dashes", ["-", "--"])
@pytest.mark.parametrize("between", ["=", " "])
def test_a_flag(
    *, flag: str, value: str, setting: str, expected: Any, dashes: str, between: str, started: list[Settings]
) -> None:
    result = _run(*f"{dashes}{flag}{between}{value}".split(" "))
    assert result.exit_code == 0, result.stderr
    assert getattr(started[0], setting) == expected


@pytest.mark.parametrize(
    ("arguments", "elected"),
    [
        ([], True),
        (["--leader-elect"], True),
        (["-leader-elect=true"], True),
        (["--leader-elect=false"], False),
        (["-leader-elect=F"], False),
        (["--no-leader-elect"], False),
        (["--leader-elect=false", "--leader-elect"], True),
    ],
)
def test_a_switch(arguments: list[str], elected: bool, started: list[Settings]) -> None:
    assert _run(*arguments).exit_code == 0
    assert started[0].leader_elect is elected


def test_a_flag_beats_the_file_and_a_default_does_not(started: list[Settings], tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("clientConnection: {qps: 7, burst: 8}\nleaderElection: {leaderElect: false}\n")
    assert _run(f"-config={file}", "--kube-api-burst=9", "--zap-log-level=2").exit_code == 0
    assert (started[0].kube_api_qps, started[0].kube_api_burst, started[0].leader_elect) == (7, 9, False)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--kube-api-qsp=1"], "--kube-api-qps"),
        (["-webhook-prt", "1"], "--webhook-port"),
        (["--leader-elect=maybe"], 'invalid boolean value "maybe" for --leader-elect'),
        (["--leader-elect-lease-duration=15"], 'time: missing unit in duration "15"'),
        (["--zap-log-level=loud"], 'invalid log level "loud"'),
        (["--zap-log-level=0"], 'invalid log level "0"'),
        (["--zap-encoder=xml"], "xml"),
        (["--zap-time-encoding=sundial"], "--log-time sundial"),
        (["--zap-log-level=info", "--log-level=info"], "--zap-log-level and --log-level say the same thing"),
        (["--health-port=1", "--health-probe-bind-address=:1"], "say the same thing"),
        (["serve"], "unexpected extra argument"),
    ],
)
def test_what_is_refused(arguments: list[str], complaint: str, started: list[Settings]) -> None:
    result = _run(*arguments)
    assert result.exit_code == 2
    assert complaint in " ".join(result.stderr.replace("│", "").split())
    assert started == []


@pytest.mark.parametrize(
    ("flags", "meant"),
    [
        ({"zap_devel": True}, {"log_format": "console", "log_level": "debug", "log_stack_traces": "error"}),
        (
            {"zap_devel": False},
            {"log_format": "json", "log_level": "info", "log_stack_traces": "error", "log_time": "epoch"},
        ),
        (
            {"zap_devel": True, "zap_log_level": "info"},
            {"log_format": "console", "log_level": "info", "log_stack_traces": "error"},
        ),
        ({"zap_log_level": "panic"}, {"log_level": "error"}),
        ({"zap_log_level": "1"}, {"log_level": "debug"}),
        ({"cluster": "c"}, {"cluster": "c"}),
    ],
)
def test_what_logging_flags_mean(flags: dict[str, Any], meant: dict[str, Any]) -> None:
    assert translated(flags) == meant


def test_our_own_flag_beats_the_mode() -> None:
    assert translated({"zap_devel": True, "log_level": "error"})["log_level"] == "error"
    with pytest.raises(WrongUsage, match="say the same thing"):
        translated({"zap_encoder": "json", "log_format": "json"})


def test_ports_alone(started: list[Settings]) -> None:
    assert _run("--health-port", "0", "--metrics-port", "9").exit_code == 0
    assert (started[0].health, started[0].metrics) == (None, ("", 9))


def test_the_version_in_three_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LWS_EVENTS_BUILD_DATE", "2026-01-01T00:00:00Z")
    monkeypatch.delenv("LWS_EVENTS_GIT_COMMIT", raising=False)
    result = _run("-version")
    assert result.exit_code == 0
    version, date, commit = result.stdout.splitlines()
    assert version.startswith("Version: v")
    assert (date, commit) == ("Build Date: 2026-01-01T00:00:00Z", "Git Commit: N/A")


def test_the_program_of_the_reference(started: list[Settings], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """``/manager --config=/controller_manager_config.yaml --zap-log-level=2``, as its Deployment says."""
    file = tmp_path / "controller_manager_config.yaml"
    file.write_text("leaderElection: {leaderElect: true}\ninternalCertManagement: {enable: true}\n")
    monkeypatch.setattr("sys.argv", ["/manager", f"--config={file}", "--zap-log-level=2"])
    with pytest.raises(SystemExit) as ended:
        main.manager()
    assert ended.value.code == 0
    assert (started[0].log_level, started[0].manage_certificates, started[0].webhooks) == ("debug", True, True)


def test_help_names_every_option_in_full_by_topic() -> None:
    from adapters.cli.run_options import RUN_OPTIONS

    text = _run("--help").stdout
    for option in RUN_OPTIONS:
        for flag in "/".join(option.option_flags).split("/"):
            assert flag in text
        assert f"\n{option.panel}:\n" in text


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("15s", 15), ("1m30s", 90), ("1.5h", 5400), ("500ms", 0.5), (".5s", 0.5), ("-2s", -2), ("0", 0), ("1us", 1e-6)],
)
def test_durations(text: str, seconds: float) -> None:
    assert duration_seconds(text) == pytest.approx(seconds)
    assert duration_seconds(duration_text(seconds)) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "-", "s", "1", "1 s", "1d", "1.2.3s", "--1s"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match=r"^time: "):
        duration_seconds(text)
