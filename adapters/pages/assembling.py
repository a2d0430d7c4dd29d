"""Put a page of one file together from its parts, so that nothing in the data can become markup or script.

A page is a folder: ``page.html`` with the places ``{title}``, ``{style}``, ``{data}``, ``{script}`` and ``{policy}``,
styles, and scripts that share one scope in the order in which they are named. Its policy lets the browser run
these scripts and styles by their hashes, and load nothing at all.
"""

import base64
import hashlib
import html
import re
from collections.abc import Sequence
from importlib.resources import files
from typing import Any, Final

import msgspec

_PLACE: Final = re.compile(r"\{(title|style|data|script|policy)\}")
_DANGEROUS: Final = {ord(one): f"\\u{ord(one):04x}" for one in "<>&\u2028\u2029"}
"""They occur inside JSON strings alone. Without a ``<`` nothing can end the block or open a comment in it."""


def assembled(folder: str, scripts: Sequence[str], *, styles: Sequence[str], title: str, data: Any) -> str:
    """The page of ``adapters/pages/<folder>`` with ``data`` (anything that msgspec writes as JSON) in it."""
    source = files("adapters.pages") / folder
    style = "".join((source / name).read_text(encoding="utf-8") for name in styles)
    parts = [(source / name).read_text(encoding="utf-8") for name in scripts]
    script = "\n".join(['"use strict";', "(() => {", *parts, "})();", ""])
    policy = (
        f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    values = {
        "title": html.escape(title),
        "style": style,
        "data": embedded(data),
        "script": script,
        "policy": html.escape(policy, quote=False),
    }
    template = (source / "page.html").read_text(encoding="utf-8")
    return _PLACE.sub(lambda place: values[place.group(1)], template)


def module(folder: str, scripts: Sequence[str], *, exports: Sequence[str]) -> str:
    """Scripts of a page as one ES module, for pages that are served."""
    source = files("adapters.pages") / folder
    text = "\n".join((source / name).read_text(encoding="utf-8") for name in scripts)
    return f"{text}\nexport {{ {', '.join(exports)} }};\n"


def embedded(data: Any) -> str:
    """JSON that may stand in a ``<script type="application/json">`` whatever its strings say."""
    return msgspec.json.encode(data).decode().translate(_DANGEROUS)


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
