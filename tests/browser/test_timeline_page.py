"""The timeline as a page, in a real browser: what it shows, and that pointer and keyboard do what they should."""

import json
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, Page

from adapters.pages.timeline import timeline_page
from lws_events.decisions import GroupChanged, GroupRecreationStarted, RolloutStepped
from lws_events.subjects import SetName
from projections.lanes import lanes
from projections.timeline import timeline
from tests.browser.fixtures import opened
from tests.journal_builder import JournalBuilder
from tests.unit.cli.recreated_group import recreated_group

pytestmark = pytest.mark.browser

SAMPLE: Final = SetName("default", "sample")
HOSTILE: Final = "</script><script>window.hacked=1</script><img src=x onerror=window.hacked=2>&quot;<!--\u2028"


def _page_of(journal: JournalBuilder, folder: Path, *, set_name: SetName = SAMPLE) -> str:
    steps = journal.steps
    picture = lanes(steps, set_name).picture()
    text = timeline_page(set_name, picture=picture, entries=list(timeline(steps, set_name)), file="incident.jsonl.gz")
    path = folder / "timeline.html"
    path.write_text(text, encoding="utf-8")
    return path.as_uri()


def _big(groups: int = 100, size: int = 8, rounds: int = 3) -> JournalBuilder:
    """A hundred groups of eight that are recreated again and again: more than 10,000 entries."""
    journal = JournalBuilder()
    journal.lws(replicas=groups, size=size)
    for number in range(rounds):
        for group in range(groups):
            leader = f"sample-{group}"
            journal.later(milliseconds=200)
            for index in range(size):
                name = leader if index == 0 else f"{leader}-{index}"
                journal.pod(name, uid=f"{name}/{number}", size=size)
                journal.later(milliseconds=40).running(name, uid=f"{name}/{number}", node=f"node-{index}", size=size)
            journal.decided(facts=[GroupChanged(group=leader, before="Starting", after="Ready")])
            journal.pod_deleted(f"{leader}-1", uid=f"{leader}-1/{number}")
            started = GroupRecreationStarted(
                group=leader, leader=leader, leader_uid=f"{leader}/{number}", failed_pod=f"{leader}-1",
                failed_uid=f"{leader}-1/{number}", failure="deleted",
            )  # fmt: skip
            journal.decided(facts=[started, GroupChanged(group=leader, before="Ready", after="Recreating")])
            for index in (0, *range(2, size)):
                name = leader if index == 0 else f"{leader}-{index}"
                journal.later(milliseconds=5).pod_deleted(name, uid=f"{name}/{number}")
            journal.decided(facts=[GroupChanged(group=leader, before="Recreating", after="Absent")])
    return journal


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    return _page_of(recreated_group(), tmp_path_factory.mktemp("page"))


def _labels(page: Page) -> list[str]:
    return [one.strip() for one in page.locator(".label:visible").all_inner_texts()]


def _ticks(page: Page) -> str:
    """Something that changes when the picture shows another stretch of time."""
    return str(page.evaluate("document.getElementById('lanes').toDataURL()"))


def _changes(page: Page, act: str) -> None:
    """Press keys; the picture must change."""
    before = _ticks(page)
    page.keyboard.press(act)
    page.wait_for_function("(before) => document.getElementById('lanes').toDataURL() !== before", arg=before)


def test_it_tells_the_whole_story_and_asks_nobody_for_anything(chromium: Browser, url: str) -> None:
    with opened(chromium, url) as page:
        assert page.title() == "default/sample – timeline"
        assert page.inner_text("h1") == "default/sample"
        assert page.locator("#facts li").all_inner_texts()[:3] == ["1\ngroup", "4\npods", "1\nrestart"]
        assert [one.split(" ", 1)[-1] for one in _labels(page) if "group" in one] == ["group 0 2 pods"]
        assert {"sample-0", "sample-0-1", "set"} <= set(_labels(page))
        assert "LeaderWorkerSet sample was created" in page.locator(".item").first.inner_text()
        assert page.evaluate("performance.getEntriesByType('resource').length") == 0
        assert "default-src 'none'" in page.content()


def test_nothing_in_the_data_becomes_markup_or_script(chromium: Browser, tmp_path: Path) -> None:
    journal = JournalBuilder()
    hostile = SetName("default", HOSTILE)
    journal.about(hostile).lws()
    pod = f"{HOSTILE}-0"
    journal.pod(pod, uid=HOSTILE, waiting=HOSTILE)
    journal.later(milliseconds=5).running(pod, uid=HOSTILE, node=HOSTILE)
    stepped = RolloutStepped(
        key=HOSTILE, partition_before=1, partition=0, replicas_before=1, replicas=1, because=HOSTILE
    )  # fmt: skip
    journal.decided(facts=[stepped])
    with opened(chromium, _page_of(journal, tmp_path, set_name=hostile)) as page:
        page.locator(".item", has_text="waits").click()
        page.mouse.move(700, 260)
        assert page.evaluate("window.hacked") is None
        assert page.inner_text("h1").startswith("default/</script>")
        assert "onerror" in page.inner_text("#details dd >> nth=0")
        assert page.locator("main img, main script, header img").count() == 0


def test_search_finds_and_jumps_from_match_to_match(chromium: Browser, url: str) -> None:
    with opened(chromium, url) as page:
        page.keyboard.press("/")
        page.keyboard.type("oomkilled")
        total = len([one for one in page.locator(".item:visible").all_inner_texts() if "OOMKilled" in one])
        assert page.inner_text("#found") == f"{total} found"
        page.keyboard.press("Enter")
        assert page.inner_text("#found") == f"1 of {total}"
        assert "OOMKilled" in page.inner_text("#details")
        page.keyboard.press("Enter")
        assert page.inner_text("#found") == f"{2 if total > 1 else 1} of {total}"
        page.click("#previous")
        assert page.inner_text("#found") == f"1 of {total}"
        page.fill("#query", "no such thing")
        assert page.inner_text("#found") == "no match"
        assert page.locator(".item:visible").count() == 0
        page.keyboard.press("Escape")
        assert page.locator(".item:visible").count() > 5


def test_the_keyboard_moves_zooms_opens_and_goes_from_mark_to_mark(chromium: Browser, url: str) -> None:
    with opened(chromium, url) as page:
        page.focus("#scroller")
        for key in ("+", "ArrowRight", "ArrowLeft", "-", "+", "Home", "End", "0"):
            _changes(page, key)
        page.keyboard.press("n")
        assert page.locator("#tip").is_visible()
        first = page.inner_text("#details h2")
        assert first in page.inner_text("#tip")
        assert page.locator(".item[aria-selected=true]").inner_text().count(first) == 1
        page.keyboard.press("n")
        assert page.inner_text("#details h2") != first
        page.keyboard.press("p")
        assert page.inner_text("#details h2") == first
        page.keyboard.press("Escape")
        assert "Choose a mark" in page.inner_text("#details")
        group = [one.split(" ", 1)[-1] for one in _labels(page)].index("group 0 2 pods")
        page.keyboard.press("PageUp")
        for _ in range(group):
            page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        page.wait_for_function(
            "() => [...document.querySelectorAll('.label.group')].some(l => l.ariaExpanded === 'false')"
        )
        assert "sample-0-1" not in _labels(page)


def test_the_pointer_drags_zooms_hovers_and_chooses(chromium: Browser, url: str) -> None:
    with opened(chromium, url) as page:
        box = page.locator("#lanes").bounding_box()
        assert box is not None
        middle = (box["x"] + box["width"] / 2, box["y"] + 60)
        page.mouse.move(*middle)
        before = _ticks(page)
        page.mouse.wheel(0, -400)
        page.wait_for_function("(before) => document.getElementById('lanes').toDataURL() !== before", arg=before)
        before = _ticks(page)
        page.mouse.down()
        page.mouse.move(middle[0] + 150, middle[1], steps=4)
        page.mouse.up()
        page.wait_for_function("(before) => document.getElementById('lanes').toDataURL() !== before", arg=before)
        page.click("#fit")
        row = page.locator(".label.pod").first.bounding_box()
        assert row is not None
        page.mouse.move(box["x"] + box["width"] * 0.6, row["y"] + 12)
        page.wait_for_selector("#tip:visible")
        assert "ready" in page.inner_text("#tip")
        assert "node-1" in page.inner_text("#tip")
        page.locator(".item").nth(3).click()
        assert page.inner_text("#details h2") == page.locator(".item .what").nth(3).inner_text()
        assert "--file incident.jsonl.gz" in page.inner_text("#details")


def test_kinds_can_be_left_out_and_groups_closed_at_once(chromium: Browser, url: str) -> None:
    with opened(chromium, url) as page:
        restarts = page.locator("button[data-kind=restart]")
        restarts.click()
        assert restarts.get_attribute("aria-pressed") == "false"
        page.fill("#query", "recreated as a whole")
        assert page.inner_text("#found") == "no match"
        restarts.click()
        assert page.inner_text("#found") == "1 found"
        assert page.inner_text("#groups") == "Close all"
        page.click("#groups")
        page.wait_for_function("() => ![...document.querySelectorAll('.label.pod')].some(one => !one.hidden)")
        assert page.inner_text("#groups") == "Open all"


def _background(page: Page) -> str:
    return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))


def test_it_is_light_or_dark_as_the_system_and_as_one_likes(chromium: Browser, url: str) -> None:
    with opened(chromium, url) as page:
        light = _background(page)
    with opened(chromium, url, dark=True) as page:
        dark = _background(page)
        assert dark != light
        names = []
        for _ in range(3):
            names.append((page.inner_text("#theme-name"), _background(page)))
            page.click("#theme")
        assert names == [("auto", dark), ("light", light), ("dark", dark)]


_CONTRAST = """
(names) => {
  const probe = document.createElement('span');
  document.body.append(probe);
  const light = (name) => {
    probe.style.color = `var(--${name})`;
    const parts = getComputedStyle(probe).color.match(/[0-9.]+/g).slice(0, 3).map((part) => part / 255);
    const [r, g, b] = parts.map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  return names.map(([one, two]) => {
    const [high, low] = [light(one), light(two)].sort((a, b) => b - a);
    return [one, two, (high + 0.05) / (low + 0.05)];
  });
}
"""


@pytest.mark.parametrize("dark", [False, True])
def test_contrast_suffices_for_text_and_for_what_is_drawn(chromium: Browser, url: str, dark: bool) -> None:
    text = [(ink, ground) for ink in ("ink", "quiet") for ground in ("paper", "panel", "stripe", "focus")]
    states = ("pending", "running", "ready", "degraded", "terminating", "failed", "succeeded")
    text += [("ink", state) for state in states]
    drawn = [(f"{state}-edge", "paper") for state in states]
    drawn += [
        (f"mark-{kind}", "halo") for kind in ("restart", "failure", "held", "wait", "rollout", "change", "condition")
    ]
    with opened(chromium, url, dark=dark) as page:
        assert [one for one in page.evaluate(_CONTRAST, text) if one[2] < 4.5] == []
        assert [one for one in page.evaluate(_CONTRAST, drawn) if one[2] < 3] == []


def test_every_control_has_a_name(chromium: Browser, url: str) -> None:
    with opened(chromium, url) as page:
        nameless = page.evaluate(
            "[...document.querySelectorAll('button, input')].filter((one) => !one.hidden && "
            "!(one.ariaLabel || one.innerText.trim())).map((one) => one.outerHTML)"
        )
        assert nameless == []
        roles = ("application", "listbox", "toolbar", "search")
        assert [page.locator(f"[role={role}]").count() for role in roles] == [1, 1, 1, 1]


def test_ten_thousand_entries_of_a_hundred_groups_are_quick(chromium: Browser, tmp_path: Path) -> None:
    with opened(chromium, _page_of(_big(), tmp_path)) as page:
        count = json.loads(page.inner_html("#data"))["entries"]
        assert len(count) > 10_000
        assert page.inner_text("#facts li >> nth=0").split() == ["100", "groups"]
        assert page.locator(".item").count() < 60, "only what is visible exists"
        assert page.locator(".label").count() < 60
        page.click("#groups")
        seconds = page.evaluate(
            "async () => { const began = performance.now();"
            "for (let n = 0; n < 10; n++) { document.getElementById(n % 2 ? 'out' : 'in').click();"
            "await new Promise(requestAnimationFrame); await new Promise(requestAnimationFrame); }"
            "return (performance.now() - began) / 10000; }"
        )
        assert seconds < 0.5, f"{seconds:.3f} s for a frame"
        page.fill("#query", "pod sample-99-7 is gone")
        assert page.inner_text("#found") == "6 found"  # three ends, and what was decided by them
        page.press("#query", "Enter")
        page.wait_for_function("() => [...document.querySelectorAll('.label.current')].some(one => !one.hidden)")
        assert "sample-99-7" in _labels(page), "the picture has come to the match"
