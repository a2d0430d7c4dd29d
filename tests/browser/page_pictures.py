"""Pictures of the page ``/ui`` for the documentation, of a recorded journal; a part of ``make pictures``."""

from pathlib import Path
from typing import Final, NamedTuple

from playwright.sync_api import Browser

from tests.browser.fixtures import opened
from tests.browser.pages import page_of

FLEET: Final = Path(__file__).with_name("fleet.jsonl.gz")
WIDE: Final = 1360
HIGH: Final = 860


class Shown(NamedTuple):
    """What a picture shows."""

    address: str
    dark: bool = False
    until: str = "#grid .cell"
    """Something that is there once it can be taken."""


PAGE_PICTURES: Final = {
    "ui-sets.png": Shown("#/", until="#sets-body a"),
    "ui-set.png": Shown("#/serving/llama-70b"),
    "ui-replay.png": Shown("#/serving/llama-70b/7?at=1450", dark=True, until="#then:visible"),
}


def take_page(browser: Browser, folder: Path) -> None:
    """Write ``PAGE_PICTURES``."""
    with page_of(FLEET) as url:
        for name, shown in PAGE_PICTURES.items():
            with opened(browser, url + shown.address, dark=shown.dark, width=WIDE, height=HIGH) as page:
                page.wait_for_selector(shown.until)
                page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
                page.screenshot(path=folder / name)
