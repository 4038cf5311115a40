"""Reports in a real browser: the first screen of several versions, and all tables on a phone. Nothing is cut."""

from dataclasses import replace
from pathlib import Path

import pytest
from modicum_server.domain.models import Ensemble

from tests.measures.test_measures_counterfactuals import paired
from tests.measures.test_measures_counterfactuals import rows as in_pairs
from tests.reports.report_pages import page_of
from tests.reports.spot_rows import FINDINGS, bright, rows
from tests.reports.test_report_transfer import page_of_two

pytestmark = pytest.mark.acceptance

WIDTHS = (1280, 1024, 390)
FRAMED = 356
"""What a phone of 390 pixels leaves to the report in the page of its audit."""
PLAIN = tuple(f"cifar10_resnet20_of_the_holdout_of_spring_2026_seed_{seed}" for seed in (1, 2, "all"))
LONGEST = tuple(f"{'network_of_a_name_without_end_' * 2}{one}" for one in "ab")


def page_of_versions(models: tuple[str, ...], *, ensemble: bool) -> str:
    """Versions of models, all with a spot test; the last is an ensemble of the others if asked for."""
    names = tuple(f"projects/default/models/{model}/versions/1" for model in models)
    sources = {names[-1]: Ensemble(names[:-1])} if ensemble else {}
    (spots,) = rows().values()
    return page_of(
        [replace(one, model_version=name) for name in names for one in FINDINGS],
        versions=names,
        sources=sources,
        load_image=bright,
        spots=dict.fromkeys(names, spots),
    )


CUT = """() => [...document.querySelectorAll('.opening *')].filter(one => {
  const style = getComputedStyle(one);
  const hides = style.overflowX !== 'visible' && one.clientWidth > 0 && one.scrollWidth > one.clientWidth;
  const box = one.getBoundingClientRect();
  return hides || box.left < -0.5 || box.right > document.documentElement.clientWidth + 0.5;
}).map(one => one.outerHTML.slice(0, 120))"""


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(("models", "ensemble"), [(PLAIN, True), (LONGEST, False)], ids=["ensemble", "longest"])
@pytest.mark.long
def test_the_first_screen_of_several_versions_fits_the_window(browser, tmp_path: Path, models, ensemble, width):
    file = tmp_path / "report.html"
    file.write_text(page_of_versions(models, ensemble=ensemble), encoding="utf-8")
    page = browser.new_page(viewport={"width": width, "height": 900})

    page.goto(file.as_uri())

    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(CUT) == []
    names = page.eval_on_selector_all(".board .ranges .name", "names => names.map(name => name.textContent)")
    assert names == list(models)
    page.close()


WIDER = """() => [...document.querySelectorAll('body *')].filter(one => {
  const style = getComputedStyle(one);
  const scrolls = style.overflowX === 'auto' && one.scrollWidth > one.clientWidth;
  const drawn = one.tagName !== 'OPTION' && !one.closest('svg') && style.clipPath === 'none';
  return drawn && (scrolls || one.getBoundingClientRect().right > document.documentElement.clientWidth + 0.5);
}).map(one => one.outerHTML.slice(0, 120))"""


@pytest.mark.long_after(1)
@pytest.mark.parametrize(
    "report",
    [
        lambda: page_of_versions(PLAIN, ensemble=True),
        lambda: page_of_versions(LONGEST, ensemble=False),
        lambda: page_of_versions(("one",), ensemble=False),
        lambda: page_of(in_pairs(), counterfactual=paired()),
        page_of_two,
    ],
    ids=["ensemble", "longest", "one", "counterfactuals", "transfer"],
)
def test_every_table_fits_a_phone_within_the_page_of_its_audit(browser, tmp_path: Path, report):
    file = tmp_path / "report.html"
    file.write_text(report(), encoding="utf-8")
    page = browser.new_page(viewport={"width": FRAMED, "height": 900})

    page.goto(file.as_uri())
    page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true;")

    assert page.locator("table").count() > 1
    assert page.evaluate(WIDER) == []
    page.close()
