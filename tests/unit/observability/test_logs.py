"""Log lines are JSON or text, on standard error only; the level holds for libraries as well."""

import json
import subprocess
import sys

_SCRIPT = """
import logging, structlog
from adapters.observability.logs import configure_logs
configure_logs(level={level!r}, format={format!r})
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


def _lines(*, level: str, format: str) -> list[str]:  # noqa: A002
    script = _SCRIPT.format(level=level, format=format)
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
