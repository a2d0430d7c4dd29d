"""Pictures of the page can be taken of it as it is, and those in the documentation are of their size."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.fixtures import opened
from tests.browser.page_pictures import FLEET, HIGH, PAGE_PICTURES, WIDE, take_page
from tests.browser.pages import page_of
from tests.browser.pictures import IMAGES
from tests.browser.test_pictures import size_of

pytestmark = pytest.mark.browser


def test_pictures_are_taken_and_those_shown_are_theirs(chromium: Browser, tmp_path: Path) -> None:
    take_page(chromium, tmp_path)
    for name in PAGE_PICTURES:
        assert size_of(tmp_path / name) == size_of(IMAGES / name) == (WIDE, HIGH)
        assert (IMAGES / name).stat().st_size < 300_000


def test_the_pictures_show_what_the_documentation_says_of_them(chromium: Browser) -> None:
    with page_of(FLEET) as url:
        with opened(chromium, url) as page:
            page.wait_for_selector("#sets-body a")
            assert "15 of 36 updated" in page.inner_text("#sets-body")
        with opened(chromium, url + PAGE_PICTURES["ui-replay.png"].address) as page:
            page.wait_for_selector("#then:visible")
            page.wait_for_selector("#group:visible")
            assert "kept for debugging after 2 recreations in a row" in page.inner_text("#group")
            assert "partition 33" in page.inner_text("#rollout")
