"""The timeline of a set as a page that one can keep, send and open anywhere."""

from collections.abc import Sequence
from typing import Final

import msgspec

from adapters.pages.assembling import assembled
from lws_events.subjects import SetName
from projections.entries import Entry
from projections.lanes import Picture

SCRIPTS: Final = (
    "data.js",
    "time.js",
    "rows.js",
    "shapes.js",
    "picture.js",
    "labels.js",
    "overview.js",
    "list.js",
    "details.js",
    "search.js",
    "pointer.js",
    "keyboard.js",
    "main.js",
)
"""In the order in which they need each other."""


def timeline_page(
    set_name: SetName, *, picture: Picture, entries: Sequence[Entry], group: str = "", pod: str = "", file: str = ""
) -> str:
    """HTML in one piece. ``group`` or ``pod``: what it is restricted to; ``file``: the journal, for its commands."""
    part = f", pod {pod}" if pod else f", group {group}" if group else ""
    title = f"{set_name}{part}"
    data = msgspec.structs.asdict(picture) | {"title": title, "set": str(set_name), "file": file, "entries": entries}
    return assembled("timeline", SCRIPTS, title=f"{title} – timeline", data=data)
