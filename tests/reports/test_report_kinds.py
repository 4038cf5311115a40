"""What holds for a page of every kind in a real browser: nothing that axe-core objects to, and all of it on paper."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.reports.report_kinds import KINDS
from tests.tiers import long

pytestmark = pytest.mark.acceptance

PAPER = {"width": 718, "height": 1000}
"""Of A4 between its margins, in pixels."""
FOLDED = "details:not([open])"
UNREAD = f"""() => [...document.querySelectorAll('{FOLDED} *')].filter(one => {{
  const text = [...one.childNodes].some(node => node.nodeType === Node.TEXT_NODE && node.data.trim());
  const box = one.getBoundingClientRect();
  const aside = one.closest('svg, .hidden, .filters, .narrowing, .stacks thead');
  return text && !aside && (!one.checkVisibility({{visibilityProperty: true}}) || box.height === 0);
}}).map(one => one.outerHTML.slice(0, 120))"""
CUT = """() => [...document.querySelectorAll('body *')].filter(one => {
  const style = getComputedStyle(one);
  if (one.closest('svg') || style.clipPath !== 'none') return false;
  const hides = style.overflowX !== 'visible' && one.clientWidth > 0 && one.scrollWidth > one.clientWidth + 1;
  return hides || one.getBoundingClientRect().right > document.documentElement.clientWidth + 0.5;
}).map(one => one.outerHTML.slice(0, 120))"""


@pytest.mark.long_after(1)
@pytest.mark.parametrize("scheme", ["light", long("dark")])
@pytest.mark.parametrize("kind", KINDS)
def test_axe_core_finds_nothing(opened, kind, scheme):
    page = opened(KINDS[kind](), viewport={"width": 1280, "height": 800}, color_scheme=scheme)
    page.evaluate(
        "for (const one of document.querySelectorAll('details')) one.open = true;"
        "for (const one of document.querySelectorAll('.card')) one.style.contentVisibility = 'visible';"
    )

    found = Axe().run(page).response["violations"]

    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == []


@pytest.mark.parametrize("kind", ["several", *(kind for kind in KINDS if kind != "several")])
@pytest.mark.long
def test_on_paper_folded_sections_are_readable_and_nothing_is_cut(opened, kind):
    page = opened(KINDS[kind](), viewport=PAPER)
    folded = page.locator(FOLDED).count()

    page.emulate_media(media="print")

    assert folded > 0
    assert page.evaluate(UNREAD) == []
    assert page.evaluate(CUT) == []
