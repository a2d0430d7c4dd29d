"""A browser for tests: ``chromium`` (one for a module), and ``opened`` (a page in it that reports its errors).

    pytestmark = pytest.mark.browser

    def test_something(chromium: Browser) -> None:
        with opened(chromium, url) as page:
            page.click("#fit")

Playwright's own browsers are not downloaded: the one that the system has is used. A module that uses the fixture has no
asynchronous tests, since Playwright runs a loop of its own in this thread.
"""

import contextlib
import os
import shutil
from collections.abc import Iterator
from typing import Final

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
TIMEOUT_MS: Final = 20_000
WIDE: Final = 1360
HIGH: Final = 840


def browser_path() -> str | None:
    """Path of the browser that the system has, or that LWS_TEST_BROWSER names; None where there is none."""
    named = os.environ.get("LWS_TEST_BROWSER", "")
    return next(filter(None, map(shutil.which, (named,) if named else NAMES)), None)


@contextlib.contextmanager
def launched() -> Iterator[Browser]:
    """A browser without a window; it ends with the block. Fails the test where there is none, and says what to do."""
    path = browser_path()
    if path is None:
        named = os.environ.get("LWS_TEST_BROWSER") or f"of {', '.join(NAMES)}"
        pytest.fail(
            f"no browser {named} is there: install Chromium (Debian: apt-get install chromium), or name another one in "
            "LWS_TEST_BROWSER",
            pytrace=False,
        )
    with sync_playwright() as playwright:
        # root (as in continuous integration) may not use the sandbox; what is opened is our own
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=path, args=[*arguments, "--disable-dev-shm-usage"])
        try:
            yield browser
        finally:
            browser.close()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One browser for the tests of a module."""
    with launched() as browser:
        yield browser


@contextlib.contextmanager
def opened(
    browser: Browser, url: str, *, dark: bool = False, width: int = WIDE, height: int = HIGH, scale: float = 1
) -> Iterator[Page]:
    """A page of its own session. Errors in its scripts, refusals of its policy and failed requests fail the test."""
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if dark else "light",
        device_scale_factor=scale,
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.set_default_timeout(TIMEOUT_MS)
    troubles: list[str] = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("console", lambda message: troubles.append(message.text) if message.type in ("error", "warning") else None)
    page.on("requestfailed", lambda request: troubles.append(f"{request.url}: {request.failure}"))
    try:
        page.goto(url)
        yield page
    finally:
        context.close()
    assert troubles == []
