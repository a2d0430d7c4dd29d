"""The timeline of a set as a page that one can keep, send and open anywhere."""

from collections.abc import Sequence
from importlib.resources import files
from typing import Final

import msgspec

from adapters.pages.assembling import assembled, module
from lws_events.subjects import SetName
from projections.entries import Entry
from projections.lanes import Picture

SHARED: Final = ("kinds.js", "time.js", "shapes.js", "bars.js")
"""Scripts that know nothing of the page: ``drawing_module`` hands them to other pages."""

EXPORTS: Final = (
    *("KINDS", "MARKED", "WEIGHT", "STATE_COLOURS", "element"),
    *("timestamp", "dayOf", "clockOf", "duration", "ticks"),
    *("palette", "colour", "markColour", "drawMark", "icon", "drawIcon"),
    *("prepared", "drawBar"),
)
"""What ``drawing_module`` hands out of them."""

SCRIPTS: Final = (
    *SHARED,
    "data.js",
    "rows.js",
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
    return assembled("timeline", SCRIPTS, styles=("colours.css", "page.css"), title=f"{title} – timeline", data=data)


def colours() -> str:
    """The style sheet that has the colours, light and dark."""
    return (files("adapters.pages") / "timeline" / "colours.css").read_text(encoding="utf-8")


def drawing_module() -> str:
    """What other pages draw with, as an ES module: shapes, bars, ticks, colours of states."""
    return module("timeline", SHARED, exports=EXPORTS)
