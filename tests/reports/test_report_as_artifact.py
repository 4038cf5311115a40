"""The page as servers of pipelines show it: without style, script and pictures, or in a sandbox."""

import pytest

from tests.reports.report_kinds import KINDS
from tests.tiers import long

pytestmark = pytest.mark.acceptance

JENKINS = "sandbox; default-src 'none'; img-src 'self'; style-src 'self'"
"""What Jenkins sends with the artifacts of a build, unless somebody changed it."""
SANDBOX = "sandbox"
"""What a server sends that lets a page be drawn and run nothing."""
ADDRESS = "http://artifacts.test/report.html"
LOADED = """Promise.all([...document.querySelectorAll('svg image')].map(picture => { const probe = new Image();
  probe.src = picture.getAttribute('href'); return probe.decode(); })).then(() => true, () => false)"""


@pytest.fixture
def served(browser):
    """Opens a page from a server that sends a policy with it; the last argument is that policy."""
    windows = []

    def serve(kind: str, policy: str):
        body, headers = KINDS[kind](), {"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": policy}
        windows.append(browser.new_page(viewport={"width": 1280, "height": 800}))
        windows[-1].route(ADDRESS, lambda route: route.fulfill(body=body, headers=headers))
        windows[-1].goto(ADDRESS)
        return windows[-1]

    yield serve
    for window in windows:
        window.close()


@pytest.mark.parametrize("kind", ["planted", long("several"), long("mixed")])
@pytest.mark.long
def test_without_its_style_the_page_is_text_that_says_how_to_see_it_whole(served, kind):
    page = served(kind, JENKINS)

    assert page.locator(".bare").is_visible()
    assert "download the file and open it in a browser" in page.locator(".bare").inner_text()
    assert page.locator(".claim").bounding_box()["y"] < 400
    assert page.locator(".next").bounding_box()["y"] < 800
    assert page.evaluate("Math.max(...[...document.querySelectorAll('svg')].map(one => one.clientWidth))") <= 460
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280


@pytest.mark.parametrize("kind", ["mixed", long("planted")])
@pytest.mark.long
def test_in_a_sandbox_the_page_is_whole_but_for_its_filters(served, kind):
    page = served(kind, SANDBOX)

    assert not page.locator(".bare").is_visible()
    assert not any(form.is_visible() for form in page.locator("form.filters").all())
    assert page.locator("article.card").first.is_visible()
    assert page.evaluate(LOADED)
