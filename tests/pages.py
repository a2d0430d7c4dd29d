"""Pages of the documentation as tests read them: blocks by language, and output compared apart from chance.

Deliberately absent: which page is run where (``integration/test_documentation``, ``e2e/test_migrating``).
"""

import re
from typing import Final

LEFT_OUT: Final = "…"


def blocks(text: str, language: str) -> list[str]:
    """The contents of the fenced blocks of a language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def missing(lines: list[str], *, printed: str) -> list[str]:
    """The lines of a page that a program has not printed; one that ends with the sign of omission is a beginning."""
    found = [_without_chance(line) for line in printed.splitlines()]

    def is_there(line: str) -> bool:
        if line.endswith(LEFT_OUT):
            beginning = _without_chance(line.removesuffix(LEFT_OUT))
            return any(one.startswith(beginning) for one in found)
        return _without_chance(line) in found

    return [line for line in lines if not is_there(line)]


def _without_chance(line: str) -> str:
    """A line without what differs from run to run."""
    line = re.sub(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "UID", line)
    line = re.sub(r"\b[0-9a-f]{8}\b", "ID", line)
    line = re.sub(r"\b(?:\d+m)?\d+s\b", "AGE", line)
    line = re.sub(r"[\d,]*\d", "N", line)
    return " ".join(line.split())
