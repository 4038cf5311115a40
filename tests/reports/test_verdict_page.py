"""The gate's page of a verdict in a real browser: it fits a phone, and can be read in the dark."""

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from modicum.gate.rendering.forms import FORMS

from tests.gate.documents import document, verdict
from tests.gate.test_outputs import MEASURES, POLICY, SPOTS

pytestmark = pytest.mark.acceptance

OUTSIDE = """() => [...document.querySelectorAll('body *')].filter(
  one => one.getBoundingClientRect().right > document.documentElement.clientWidth + 0.5
).map(one => one.outerHTML.slice(0, 120))"""


@pytest.fixture
def address(tmp_path: Path) -> str:
    file = tmp_path / "verdict.html"
    file.write_bytes(FORMS[".html"](verdict(POLICY, document(MEASURES, spots=SPOTS)).as_json()))
    return file.as_uri()


@pytest.mark.long_after(1)
@pytest.mark.parametrize("width", [390, 1180])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_of_a_verdict_lies_outside_the_window_and_all_of_it_can_be_read(browser, address, width, scheme):
    context = browser.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme, is_mobile=width < 400)
    page = context.new_page()

    page.goto(address)

    assert page.evaluate("innerWidth") == width
    assert page.evaluate(OUTSIDE) == []
    assert [one["id"] for one in Axe().run(page).response["violations"]] == []
    context.close()


@pytest.mark.long
def test_on_a_phone_each_cell_has_the_name_of_its_column(browser, address):
    page = browser.new_page(viewport={"width": 390, "height": 844})

    page.goto(address)

    assert page.locator("td[data-name=found]").first.evaluate("one => getComputedStyle(one, '::before').content") == (
        '"found "'
    )
    assert page.locator("td.FAIL").first.evaluate("one => getComputedStyle(one, '::before').content") == "none"
    page.close()
