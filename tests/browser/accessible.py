"""What can be computed of a page's accessibility: names of all controls, landmarks, contrast of all texts, no sideways
scrolling. It finds the mistakes that are made by accident; it is no substitute for a person."""

from typing import Any, Final

from playwright.sync_api import Page

CONTRAST_MIN: Final = 4.5

_NAMELESS: Final = """
() => [...document.querySelectorAll(
  'button, a[href], input, summary, [role=application], [role=grid], [role=region], [role=progressbar], ' +
  '[role=group], [tabindex="0"]'
)].filter((one) => one.offsetParent !== null).filter((one) => {
  const labelled = one.getAttribute('aria-labelledby');
  const text = labelled ? document.getElementById(labelled)?.textContent : '';
  const label = one.labels?.length ? one.labels[0].textContent : '';
  return !(one.getAttribute('aria-label') || text || label || one.textContent.trim());
}).map((one) => one.outerHTML.slice(0, 200))
"""

_CONTRAST: Final = """
(least) => {
  const number = (text) => {
    const [r, g, b, a = 1] = text.match(/[0-9.]+/g).map(Number);
    return text.startsWith('color(srgb') ? [r * 255, g * 255, b * 255, a] : [r, g, b, a];
  };
  const light = (rgb) => {
    const linear = (part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    const [r, g, b] = rgb.map((part) => linear(part / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (one) => {
    for (let at = one; at; at = at.parentElement) {
      const [r, g, b, a] = number(getComputedStyle(at).backgroundColor);
      if (a === 1) return [r, g, b];
    }
    return [255, 255, 255];
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const one = walker.currentNode.parentElement;
    const text = walker.currentNode.textContent.trim();
    if (!text || !one.checkVisibility() || one.closest('.unseen, :disabled, noscript, .skip')) continue;
    const ink = number(getComputedStyle(one).color).slice(0, 3);
    const [high, low] = [light(ink), light(ground(one))].sort((a, b) => b - a);
    const contrast = (high + 0.05) / (low + 0.05);
    if (contrast < least) found.push([contrast.toFixed(2), text.slice(0, 60), one.className]);
  }
  return found;
}
"""


def require_accessible(page: Page) -> None:
    """Fail the test with everything that is wrong."""
    assert page.evaluate(_NAMELESS) == [], "controls without a name"
    assert page.evaluate(_CONTRAST, CONTRAST_MIN) == [], "texts of too little contrast"
    assert page.locator("main").count() == 1
    assert page.locator("h1:visible").count() == 1
    assert page.get_attribute("html", "lang") == "en"
    ids: list[Any] = page.evaluate("[...document.querySelectorAll('[id]')].map((one) => one.id)")
    assert len(ids) == len(set(ids)), "ids that occur twice"
    require_no_sideways_scrolling(page)


def require_no_sideways_scrolling(page: Page) -> None:
    """What is wider than the page scrolls in a frame of its own."""
    wide, narrow = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert wide <= narrow, f"the page is {wide} wide where {narrow} are there"
