"""The logging flags of the reference, which are those of its library zap, as settings of our log (spec 10.4).

Our log has four levels, zap any number of them. So every verbosity of 1 and above is ``debug``, and ``panic``, at which
nothing of ours is logged, is ``error``. ``--zap-devel`` is on by default in the reference; here the default is what
people can read at level ``info``, and only the flag itself means the mode: console and ``debug``, or JSON and ``info``.
"""

from collections.abc import Mapping
from typing import Any, Final

from adapters.errors import WrongUsage

_LEVELS: Final = {"debug": "debug", "info": "info", "error": "error", "panic": "error"}
_DEVELOPMENT: Final = {"log_format": "console", "log_level": "debug", "log_stack_traces": "error"}
_PRODUCTION: Final = {"log_format": "json", "log_level": "info", "log_stack_traces": "error", "log_time": "epoch"}
_SAME: Final = {
    "zap_encoder": ("log_format", "--log-format"),
    "zap_stacktrace_level": ("log_stack_traces", "--log-stack-traces"),
    "zap_time_encoding": ("log_time", "--log-time"),
}


def translated(flags: Mapping[str, Any]) -> dict[str, Any]:
    """The flags without those of zap, whose meaning is among the rest. A single one beats ``zap_devel``.

    Raises ``WrongUsage`` for a value that zap does not know, and where our own flag says the same thing.
    """
    rest = {name: value for name, value in flags.items() if not name.startswith("zap_")}
    meant: dict[str, Any] = {}
    if (devel := flags.get("zap_devel")) is not None:
        meant |= _DEVELOPMENT if devel else _PRODUCTION
    for name, (setting, ours) in _SAME.items():
        if name in flags:
            _require_absent(rest, setting, "--" + name.replace("_", "-"), ours)
            meant[setting] = str(flags[name]).lower() if name == "zap_time_encoding" else flags[name]
    if "zap_log_level" in flags:
        _require_absent(rest, "log_level", "--zap-log-level", "--log-level")
        meant["log_level"] = _level(str(flags["zap_log_level"]))
    return meant | rest


def _level(text: str) -> str:
    if text.lower() in _LEVELS:
        return _LEVELS[text.lower()]
    if text.isdecimal() and int(text) > 0:
        return "debug"
    raise WrongUsage(
        f'invalid log level "{text}" for --zap-log-level', hint="use debug, info, error, panic or a number above 0"
    )


def _require_absent(flags: Mapping[str, Any], setting: str, theirs: str, ours: str) -> None:
    if setting in flags:
        raise WrongUsage(f"{theirs} and {ours} say the same thing", hint="give one of them")
