"""The pictures of the documentation can be taken of the page as it is, and those that are shown are of their size."""

import struct
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.fixtures import opened
from tests.browser.pictures import HIGH, IMAGES, PICTURES, WIDE, incident_page, take, to_the_kill

pytestmark = pytest.mark.browser


def size_of(picture: Path) -> tuple[int, int]:
    """Width and height of a PNG, from its header."""
    width, height = struct.unpack(">II", picture.read_bytes()[16:24])
    return width, height


def test_pictures_are_taken_and_those_shown_are_theirs(chromium: Browser, tmp_path: Path) -> None:
    take(chromium, tmp_path)
    for name in PICTURES:
        assert size_of(tmp_path / name) == size_of(IMAGES / name) == (WIDE, HIGH)
        assert (IMAGES / name).stat().st_size < 300_000
    light, dark = ((tmp_path / name).read_bytes() for name in PICTURES)
    assert light != dark


def test_the_picture_shows_what_the_page_says_of_the_incident(chromium: Browser, tmp_path: Path) -> None:
    with opened(chromium, incident_page(tmp_path), width=WIDE, height=HIGH) as page:
        to_the_kill(page)
        assert "OOMKilled" in page.inner_text("#details h2")
        assert "lws-events why --at" in page.inner_text("#details")
        assert page.locator(".item[aria-selected=true]").count() == 1
        assert "group 5 2 pods" in page.locator(".label.current:visible").inner_text()
