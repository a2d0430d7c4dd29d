"""Takes the pictures of the documentation: ``python -m tests.browser.pictures [FOLDER]`` (``make pictures``).

The same page and the same way to what is shown each time; the tests take them too, so that a page that has changed
beyond recognition is noticed.
"""

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from playwright.sync_api import Browser, Page

from tests.browser.fixtures import launched, opened
from tests.browser.page_pictures import take_page

ROOT: Final = Path(__file__).parents[2]
IMAGES: Final = ROOT / "docs" / "images"
INCIDENT: Final = ROOT / "docs" / "journals" / "incident.jsonl.gz"
PICTURES: Final = ("timeline-light.png", "timeline-dark.png")
WIDE: Final = 1340
HIGH: Final = 800


def incident_page(folder: Path) -> str:
    """Address of the page of the documented incident, made as a user makes it."""
    program = Path(sys.executable).parent / "lws-events"
    done = subprocess.run(
        [str(program), "timeline", "default/llama", "-o", "html", "--file", str(INCIDENT)],
        capture_output=True,
        check=True,
        timeout=60,
    )
    page = folder / "incident.html"
    page.write_bytes(done.stdout)
    return page.as_uri()


def to_the_kill(page: Page) -> None:
    """Go to the moment at which a group is recreated because of its killed worker, and choose it."""
    page.fill("#query", "group llama-5 is recreated as a whole")
    page.press("#query", "Enter")
    page.fill("#query", "")
    page.focus("#scroller")
    for _ in range(2):
        page.keyboard.press("+")
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def take(browser: Browser, folder: Path) -> None:
    """Write ``PICTURES``."""
    with TemporaryDirectory() as scratch:
        address = incident_page(Path(scratch))
        for name in PICTURES:
            with opened(browser, address, dark="dark" in name, width=WIDE, height=HIGH) as page:
                to_the_kill(page)
                page.screenshot(path=folder / name)


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else IMAGES
    target.mkdir(parents=True, exist_ok=True)
    with launched() as browser:
        take(browser, target)
        take_page(browser, target)
