"""Secrets are left out of what is kept of containers' logs: whatever matches one of some regular expressions.

That is a net, not a wall: a program that writes its secrets in a shape that nobody foresaw has them kept. Therefore
logs are kept only where somebody asks for it.
"""

import re
from collections.abc import Iterable
from typing import Final

KEEP: Final = "keep"
"""Name of a group whose match stays, as the ``password=`` before a password."""
REDACTED: Final = "[redacted]"

DEFAULT_PATTERNS: Final = (
    r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|\Z)",
    r"\A[A-Za-z0-9+/=\s]+-----END [A-Z ]{0,40}PRIVATE KEY-----",
    r"(?i)(?P<keep>\bauthorization[\"']?\s{0,4}[:=]\s{0,4}[\"']?(?:basic|bearer|negotiate)\s+)[^\s\"',;]+",
    r"(?i)(?P<keep>\bbearer\s+)[A-Za-z0-9._~+/=-]{8,}",
    r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*",
    r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    r"\b(?:gh[pousr]_[A-Za-z0-9]{20,}|xox[abprs]-[A-Za-z0-9-]{10,}|sk-[A-Za-z0-9_-]{16,}|hf_[A-Za-z0-9]{16,})",
    r"(?P<keep>\b[a-zA-Z][a-zA-Z0-9+.-]{0,20}://[^\s/:@]{0,64}:)[^\s/@]+(?=@)",
    r"(?i)(?P<keep>(?<![A-Za-z0-9])[\w.-]{0,40}(?:password|passwd|pwd|secret|token|credential|api[_-]?key|access[_-]?key)"
    r"[\w.-]{0,40}[\"']?\s{0,4}[=:]\s{0,4})(?:\"[^\"\n]*\"|'[^'\n]*'|[^\s,;&}]+)",
)
"""Private keys, bearer tokens, JSON Web Tokens, keys of well-known services, passwords in URLs, and values of what is
called a password, secret, token, credential or key. Repetitions are bounded, so that no text takes long."""


class Redaction:
    """Leaves out what matches. ``further`` patterns come after the default ones. Raises ``re.error``."""

    def __init__(self, further: Iterable[str] = ()) -> None:
        self._patterns = [re.compile(pattern) for pattern in (*DEFAULT_PATTERNS, *further)]

    def apply(self, text: str) -> str:
        """The text without what matches."""
        for pattern in self._patterns:
            text = pattern.sub(_replacement, text)
        return text


def _replacement(match: re.Match[str]) -> str:
    kept = match.groupdict().get(KEEP) or ""
    return f"{kept}{REDACTED}"
