"""Log lines are JSON or text, on standard error only; the level holds for libraries as well."""

import json
import re
import subprocess
import sys

import pytest

_SCRIPT = """
import logging, structlog
from adapters.observability.logs import configure_logs
configure_logs(level={level!r}, format={format!r}, **{more!r})
log = structlog.get_logger("adapters.x")
log.debug("hidden unless asked for")
log.info("group recreated", group="0", restarts=2)
logging.getLogger("aiohttp.access").info("GET /")
logging.getLogger("foreign").warning("from %s", "elsewhere")
try:
    1 / 0
except ZeroDivisionError:
    log.exception("defect")
"""


def _lines(*, level: str, format: str, **more: str) -> list[str]:  # noqa: A002
    script = _SCRIPT.format(level=level, format=format, more=more)
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert result.stdout == ""
    return result.stderr.splitlines()


def test_json() -> None:
    lines = [json.loads(line) for line in _lines(level="info", format="json")]
    assert [line["event"] for line in lines] == ["group recreated", "from elsewhere", "defect"]
    assert (lines[0]["group"], lines[0]["restarts"], lines[0]["level"], lines[0]["logger"]) == (
        "0", 2, "info", "adapters.x",
    )  # fmt: skip
    assert lines[0]["timestamp"].endswith("Z")
    assert lines[2]["exception"][0]["exc_type"] == "ZeroDivisionError"


def test_console_and_level() -> None:
    text = "\n".join(_lines(level="debug", format="console"))
    assert "hidden unless asked for" in text
    assert "group=0" in text
    assert "Traceback" in text
    quiet = "\n".join(_lines(level="error", format="console"))
    assert "group recreated" not in quiet
    assert "elsewhere" not in quiet
    assert "defect" in quiet


@pytest.mark.parametrize(
    ("time_as", "pattern"),
    [
        ("epoch", r"\d{10}\.\d+"),
        ("millis", r"\d{13}(\.\d+)?"),
        ("nano", r"\d{19}"),
        ("iso8601", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"),
        ("rfc3339", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"),
        ("rfc3339nano", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"),
    ],
)
def test_how_the_time_is_written(time_as: str, pattern: str) -> None:
    [first, *_] = _lines(level="info", format="json", time_as=time_as)
    assert re.fullmatch(pattern, str(json.loads(first)["timestamp"]))
    [shown, *_] = _lines(level="info", format="console", time_as=time_as)
    assert re.match(pattern, re.sub(r"\x1b\[\d*m", "", shown))


@pytest.mark.parametrize(("level", "traced"), [("panic", []), ("error", ["defect"]), ("info", ["group recreated"])])
def test_lines_say_where_they_come_from(level: str, traced: list[str]) -> None:
    lines = [json.loads(line) for line in _lines(level="info", format="json", stack_traces=level)]
    found = [line["event"] for line in lines if "stack" in line]
    assert found[: len(traced)] == traced
    assert (found == []) is (traced == [])
    for line in lines:
        if line["event"] in traced:
            assert re.search(r"File \"<string>\", line \d+, in <module>$", line["stack"].rstrip())
