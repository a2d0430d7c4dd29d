"""The page ``/ui`` in a real browser, of recorded journals: grid, slider, reasons, keyboard, themes, widths."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from lws_events.decisions import GroupChanged, RolloutStepped
from lws_events.subjects import SetName
from tests.browser.accessible import require_accessible, require_no_sideways_scrolling
from tests.browser.fixtures import opened
from tests.browser.pages import page_of
from tests.journal_builder import JournalBuilder
from tests.unit.cli.recreated_group import write

pytestmark = pytest.mark.browser

JOURNALS: Final = Path(__file__).parents[1] / "journals"
FAILING: Final = JOURNALS / "machine-2" / "group_that_fails_again_and_again_waits_longer_and_is_kept.jsonl.gz"
HOSTILE: Final = "</script><script>window.hacked=1</script><img src=x onerror=window.hacked=2>&quot;<!--"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with page_of(FAILING) as address:
        yield address


def _first_set(page: Page) -> str:
    page.wait_for_selector("#sets-body a")
    href = page.get_attribute("#sets-body a", "href")
    assert href is not None
    return href


def _open_set(page: Page) -> None:
    page.goto(page.url.partition("#")[0] + _first_set(page))
    page.wait_for_selector("#grid .cell")


def _letters(page: Page) -> str:
    return "".join(page.locator("#grid .cell").all_inner_texts())


def test_sets_are_listed_searched_and_opened(chromium: Browser, url: str) -> None:
    with opened(chromium, url) as page:
        name = _first_set(page).removeprefix("#/")
        assert page.locator("#sets-body tr").count() == 1
        assert name in page.inner_text("#sets-body").replace("\n", "")
        page.fill("#sets-search", "no such thing")
        assert page.inner_text("#sets-found") == "0 of 1 set"
        assert "No set matches" in page.inner_text("#sets-body")
        page.fill("#sets-search", "")
        page.click("[data-only=restarted]")
        assert page.get_attribute("[data-only=restarted]", "aria-pressed") == "true"
        assert page.locator("#sets-body a").count() == 1
        page.click("#sets-body a")
        page.wait_for_selector("#grid .cell")
        assert page.title() == f"{name} – lws-events"
        page.go_back()
        page.wait_for_selector("#sets-body a")


def test_nothing_is_asked_of_anybody_else(chromium: Browser, url: str) -> None:
    with opened(chromium, url) as page:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        _open_set(page)
        page.reload()
        page.wait_for_selector("#grid .cell")
        assert asked
        assert {one.split("/ui")[0] for one in asked} == {url.removesuffix("/ui")}
        assert page.evaluate("document.querySelectorAll('style, script:not([src]), [style*=expression]').length") == 0


def test_the_slider_and_its_buttons_go_through_the_past_and_the_address_has_it(chromium: Browser, url: str) -> None:
    with opened(chromium, url) as page:
        _open_set(page)
        end = _letters(page)
        assert page.get_attribute("#live", "aria-pressed") == "true"
        seen = set()
        for _ in range(12):
            page.click("#previous")
            page.wait_for_function("() => /at=\\d+/.test(location.hash)")
            at = re.search(r"at=(\d+)", page.url)
            assert at is not None
            expect(page.locator("#then")).to_contain_text(f"#{int(at[1]):,}")
            expect(page.locator("#moment-words")).to_contain_text(f"#{int(at[1]):,}")
            seen.add(_letters(page))
        assert len(seen) > 1, "the grid shows what was"
        page.keyboard.press("Tab")
        middle = page.url
        page.focus("#moment")
        page.keyboard.press("Home")
        expect(page.locator("#then")).to_be_visible()
        assert "before the end" in (page.get_attribute("#moment", "aria-valuetext") or "")
        page.keyboard.press("End")
        expect(page.locator("#then")).to_be_hidden()
        assert _letters(page) == end
        with opened(chromium, middle) as other:
            other.wait_for_selector("#grid .cell")
            assert _letters(other) in seen
            other.click("#live")
            expect(other.locator("#then")).to_be_hidden()
            other.go_back()
            expect(other.locator("#then")).to_be_visible()


def test_a_group_tells_its_pods_what_it_waits_for_and_why(chromium: Browser, url: str) -> None:
    with opened(chromium, url) as page:
        _open_set(page)
        page.locator("#entries .entry.restart button").last.click()
        page.wait_for_selector("#then:visible")
        states = _letters(page)
        assert "C" in states
        page.locator("#grid .cell").nth(states.index("C")).click()
        page.wait_for_selector("#group:visible")
        panel = page.locator("#group")
        expect(panel).to_contain_text("recreating")
        assert panel.locator(".pods tbody tr").count() > 0
        assert panel.locator("#waits li").count() > 0
        chain = panel.locator(".chain").first
        expect(chain.locator(".link.decision")).to_have_count(1)
        assert "rule:" in chain.inner_text()
        assert chain.locator("summary").inner_text().count("not over yet") == 1, "what came later is not known yet"
        page.click("#live")
        expect(panel.locator(".chain summary", has_text="over after").first).to_be_visible()
        page.keyboard.press("Escape")
        expect(panel).to_be_hidden()


def test_lanes_are_drawn_zoomed_and_lead_to_a_moment(chromium: Browser, url: str) -> None:
    drawn = "() => document.querySelector('.lanes-canvas').toDataURL()"
    with opened(chromium, url) as page:
        _open_set(page)
        page.focus(".lanes")
        for key in ("+", "+", "ArrowRight", "ArrowLeft", "-", "0"):
            before = page.evaluate(drawn)
            page.keyboard.press(key)
            page.wait_for_function(f"(before) => ({drawn})() !== before", arg=before)
        box = page.locator(".lanes").bounding_box()
        assert box is not None
        page.mouse.click(box["x"] + box["width"] * 0.6, box["y"] + 40)
        page.wait_for_selector("#then:visible")
        page.locator(".lane-label.group").first.click()
        page.wait_for_selector("#group:visible")
        assert page.locator(".lane-label.pod").count() > 0


def _large() -> JournalBuilder:
    story = JournalBuilder()
    story.lws(replicas=10_000, size=1)
    facts = [GroupChanged(group=f"sample-{index}", before="Absent", after="Ready") for index in range(10_000)]
    facts[7_777] = GroupChanged(group="sample-7777", before="Absent", after="Degraded")
    for index in range(10_000):
        story.pod(f"sample-{index}", uid=f"u{index}", size=1, node="n", phase="Running", ready=True)
    story.decided(facts=facts)
    return story


def test_ten_thousand_groups_are_quick_and_the_one_that_is_not_ready_is_found(
    chromium: Browser, tmp_path: Path
) -> None:
    with page_of(write(_large(), tmp_path / "large.jsonl.gz")) as url, opened(chromium, url) as page:
        _open_set(page)
        assert "9,999 ready" in page.inner_text("#legend")
        assert page.locator("#grid .cell").count() < 1_500, "only what is visible exists"
        assert page.get_attribute("#grid", "aria-rowcount") not in (None, "0", "1")
        page.locator("#grid .cell").first.focus()
        page.keyboard.press("n")
        page.wait_for_function(
            "() => document.activeElement?.getAttribute('aria-label')?.startsWith('group 7777: failed')"
        )
        expect(page.locator("#tip")).to_contain_text("it was ready and has lost a pod")
        seconds = page.evaluate(
            "async () => { const grid = document.getElementById('grid'); const began = performance.now();"
            "for (let n = 0; n < 20; n++) { grid.scrollTop = n % 2 ? 0 : grid.scrollHeight;"
            "await new Promise(requestAnimationFrame); await new Promise(requestAnimationFrame); }"
            "return (performance.now() - began) / 20000; }"
        )
        assert seconds < 0.3, f"{seconds:.3f} s for a frame"
        page.keyboard.press("Home")
        page.click("[data-health=failed]")
        page.wait_for_function("() => document.activeElement?.dataset.index === '7777'")
        page.keyboard.press("Enter")
        page.wait_for_selector("#group:visible")
        assert page.url.endswith("/7777")


def test_the_grid_is_used_with_the_keyboard_alone(chromium: Browser, url: str) -> None:
    with opened(chromium, url) as page:
        _open_set(page)
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        page.locator("#grid .cell[tabindex='0']").focus()
        count = page.locator("#grid .cell").count()
        page.keyboard.press("End")
        assert page.evaluate("Number(document.activeElement.dataset.index)") == count - 1
        page.keyboard.press("Home")
        if count > 1:
            page.keyboard.press("ArrowRight")
            assert page.evaluate("Number(document.activeElement.dataset.index)") == 1
        assert page.locator("#grid .cell[tabindex='0']").count() == 1
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none"
        page.keyboard.press("Enter")
        page.wait_for_selector("#group:visible")


def test_what_a_journal_says_never_becomes_markup_or_script(chromium: Browser, tmp_path: Path) -> None:
    story = JournalBuilder()
    hostile = SetName("default", HOSTILE)
    story.about(hostile).lws()
    condition = {"type": HOSTILE, "status": "True", "reason": HOSTILE, "message": HOSTILE}
    story.lws_status({"conditions": [condition]})
    pod = f"{HOSTILE}-0"
    story.pod(pod, uid=HOSTILE, waiting=HOSTILE, node=HOSTILE)
    stepped = RolloutStepped(
        key=HOSTILE, partition_before=1, partition=0, replicas_before=1, replicas=1, because=HOSTILE
    )  # fmt: skip
    changed = GroupChanged(group=pod, before="Absent", after="Starting", because=HOSTILE)
    story.decided(facts=[stepped, changed])
    story.spec_change(HOSTILE)
    with page_of(write(story, tmp_path / "hostile.jsonl.gz")) as url, opened(chromium, url) as page:
        page.wait_for_selector("#sets-body a")
        assert "window.hacked=1" in page.inner_text("#sets-body")
        _open_set(page)
        assert "<img src=x" in page.inner_text("h1")
        page.locator("#grid .cell").first.click()
        page.wait_for_selector("#group:visible")
        assert "onerror" in page.inner_text("#group")
        assert "onerror" in page.inner_text("#entries")
        page.locator("#grid .cell").first.hover()
        assert page.evaluate("window.hacked") is None
        assert page.locator("main img, main script").count() == 0


@pytest.mark.parametrize("dark", [False, True])
def test_it_is_accessible_as_far_as_that_can_be_computed(chromium: Browser, url: str, dark: bool) -> None:
    with opened(chromium, url, dark=dark) as page:
        _first_set(page)
        require_accessible(page)
        _open_set(page)
        require_accessible(page)
        page.locator("#entries .entry.restart button").last.click()
        page.wait_for_selector("#then:visible")
        page.locator("#grid .cell").first.click()
        page.wait_for_selector("#group:visible")
        for summary in page.locator("#group summary").all():
            summary.click()
        require_accessible(page)


def test_it_can_be_used_on_a_narrow_screen(chromium: Browser, url: str) -> None:
    with opened(chromium, url, width=360, height=740) as page:
        _first_set(page)
        require_no_sideways_scrolling(page)
        _open_set(page)
        require_no_sideways_scrolling(page)
        page.locator("#grid .cell").first.click()
        page.wait_for_selector("#group:visible")
        require_no_sideways_scrolling(page)
        page.click("#previous")
        expect(page.locator("#then")).to_be_visible()
        require_no_sideways_scrolling(page)


def _background(page: Page) -> str:
    return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))


def test_it_is_light_or_dark_as_the_system_and_as_one_likes(chromium: Browser, url: str) -> None:
    with opened(chromium, url) as page:
        light = _background(page)
    with opened(chromium, url, dark=True) as page:
        dark = _background(page)
        assert dark != light
        names: list[Any] = []
        for _ in range(3):
            names.append((page.inner_text("#theme-name"), _background(page)))
            page.click("#theme")
        assert names == [("auto", dark), ("light", light), ("dark", dark)]


def test_what_is_not_there_is_said_in_words(chromium: Browser, url: str) -> None:
    with chromium.new_context() as context:  # a refused request is an error in the console, which is what is wanted
        page = context.new_page()
        page.goto(f"{url}#/default/nothing")
        page.wait_for_selector("#trouble:visible")
        assert "the journal knows no set default/nothing" in page.inner_text("#trouble")
        assert page.get_attribute("#trouble", "role") == "alert"


def test_it_says_that_it_reads_when_that_takes_long(chromium: Browser, url: str) -> None:
    with opened(chromium, url) as page:
        name = _first_set(page)
        waiting: list[Route] = []

        is_slow = [True]

        def hold(route: Route) -> None:
            if is_slow[0]:
                waiting.append(route)
            else:
                route.continue_()

        page.route("**/api/v1/sets/**", hold)
        page.evaluate("(address) => { location.hash = address; }", name)
        expect(page.locator("#busy")).to_have_text("Reading the journal…")
        is_slow[0] = False
        for one in waiting:
            one.continue_()
        page.wait_for_selector("#grid .cell")
        expect(page.locator("#busy")).to_have_text("")
