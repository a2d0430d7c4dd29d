"""The page of a running controller in a real browser: a failure as it happens; a controller goes and comes back."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from adapters.demo.sample import GROUPS, NAME
from tests.browser.fixtures import TIMEOUT_MS, opened
from tests.browser.pages import Live

pytestmark = pytest.mark.browser

ALL_READY = """
() => {
  const cells = [...document.querySelectorAll('#grid .cell')];
  return cells.length === %d && cells.every((one) => one.textContent === 'R');
}
"""


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    stage = Live(tmp_path_factory.mktemp("live"))
    with stage.staged():
        yield stage


def _all_ready(page: Page) -> None:
    page.wait_for_function(ALL_READY % GROUPS, timeout=TIMEOUT_MS)


def test_a_set_appears_and_its_failure_is_shown_and_told_as_it_happens(chromium: Browser, live: Live) -> None:
    with opened(chromium, live.url) as page:
        expect(page.locator("#status")).to_have_text("Live")
        expect(page.locator("#sets-body")).to_contain_text("There are no LeaderWorkerSets.")
        live.apply()
        page.wait_for_selector("#sets-body a", timeout=TIMEOUT_MS)
        page.click("#sets-body a")
        live.until_ready()
        _all_ready(page)
        page.evaluate(
            "window.told = []; new MutationObserver(() => window.told.push(document.getElementById('announced')"
            ".textContent)).observe(document.getElementById('announced'), { childList: true, characterData: true,"
            " subtree: true })"
        )
        uid = live.uid(f"{NAME}-1-1")
        live.kill(f"{NAME}-1-1")
        expect(page.locator("#entries .entry.restart")).to_have_count(1, timeout=TIMEOUT_MS)
        live.until_ready(without=uid)
        _all_ready(page)
        page.wait_for_function("() => window.told.some((one) => /group \\S*1 is /.test(one))")
        expect(page.locator("#why .chain").first).to_contain_text("Group 1")
        page.click("#entries .entry.restart button")
        page.wait_for_selector("#then:visible")
        expect(page.locator("#grid .cell").nth(1)).to_have_text("C")


def test_a_page_that_shows_the_past_stays_there_while_things_happen(chromium: Browser, live: Live) -> None:
    with opened(chromium, f"{live.url}#/default/{NAME}") as page:
        _all_ready(page)
        page.locator("#entries .entry.restart button").last.click()
        page.wait_for_selector("#then:visible")
        then, most = page.inner_text("#then"), int(page.get_attribute("#moment", "max") or 0)
        uid = live.uid(f"{NAME}-1-1")
        live.kill(f"{NAME}-1-1")
        page.wait_for_function("(most) => Number(document.getElementById('moment').max) > most", arg=most)
        assert page.inner_text("#then") == then
        live.until_ready(without=uid)
        page.click("#live")
        _all_ready(page)


def test_a_lost_connection_is_said_and_made_again(chromium: Browser, live: Live) -> None:
    with chromium.new_context() as context:  # that nobody answers is an error in the console, which is what is wanted
        page = context.new_page()
        page.goto(f"{live.url}#/default/{NAME}")
        _all_ready(page)
        restarts = page.locator("#entries .entry.restart").count()
        live.stop_controller()
        expect(page.locator("#status")).to_contain_text("Connection lost", timeout=TIMEOUT_MS)
        page.click("#previous")
        expect(page.locator("#trouble")).to_contain_text("The server does not answer.", timeout=TIMEOUT_MS)
        uid = live.uid(f"{NAME}-1-1")
        live.kill(f"{NAME}-1-1")
        live.start_controller()
        expect(page.locator("#status")).to_have_text("Live", timeout=TIMEOUT_MS)
        expect(page.locator("#trouble")).to_be_hidden(timeout=TIMEOUT_MS)
        page.click("#live")
        live.until_ready(without=uid)
        _all_ready(page)
        expect(page.locator("#entries .entry.restart")).to_have_count(restarts + 1, timeout=TIMEOUT_MS)
