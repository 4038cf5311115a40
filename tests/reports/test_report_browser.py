"""The page in a real browser: it requests nothing, nothing overflows, and every picture can be decoded."""

from pathlib import Path

import pytest
from modicum_server.domain.findings import FillFinding, FindingControls
from modicum_server.domain.models import Ensemble
from modicum_server.domain.searches import Fill

from tests.measures.example_audit import finding, mixed_findings
from tests.reports.report_pages import page_of

pytestmark = pytest.mark.acceptance


@pytest.mark.parametrize("width", [360, 768, 1440])
@pytest.mark.long
def test_no_term_of_a_card_is_broken_within_a_word(browser, tmp_path: Path, width):
    fills = tuple(FillFinding(fill, 0.95, sufficient=True) for fill in Fill if fill is not Fill.MEAN)
    file = tmp_path / "report.html"
    file.write_text(page_of([finding(controls=FindingControls(fills=fills))]), encoding="utf-8")
    page = browser.new_page(viewport={"width": width, "height": 900})

    page.goto(file.as_uri())

    assert page.evaluate(
        "[...document.querySelectorAll('.card dt')].every(term => { const range = document.createRange();"
        " const text = term.firstChild; const words = text.data.matchAll(/\\S+/g); return [...words].every(word => {"
        " range.setStart(text, word.index); range.setEnd(text, word.index + word[0].length);"
        " return range.getClientRects().length === 1; }); })"
    )
    page.close()


LINE_PIXELS = 26
LONG = tuple(f"projects/default/models/efficientnet-of-the-holdout-of-spring-{one}/versions/1" for one in "abc")


def page_of_an_ensemble() -> str:
    classes = [place % 3 for place in range(12)]
    return page_of(
        [
            finding(place, 2 + place, model_version=name, predicted_class=one, target_class=one)
            for name in LONG
            for place, one in enumerate(classes)
        ],
        versions=LONG,
        sources={LONG[2]: Ensemble(LONG[:2])},
    )


@pytest.mark.long
def test_the_names_of_versions_stand_on_few_lines_in_the_tables(browser, tmp_path: Path):
    file = tmp_path / "report.html"
    file.write_text(page_of_an_ensemble(), encoding="utf-8")
    page = browser.new_page(viewport={"width": 768, "height": 900})

    page.goto(file.as_uri())

    lines = page.evaluate(
        "[...document.querySelectorAll('.overview tbody th')].filter(name => name.textContent.includes('spring'))"
        ".map(name => { const range = document.createRange(); range.selectNodeContents(name);"
        " return new Set([...range.getClientRects()].map(box => Math.round(box.bottom))).size; })"
    )
    assert len(lines) == 6  # of the ensemble's table, and side by side
    assert max(lines) <= 3
    page.close()


@pytest.mark.long
def test_the_box_of_what_to_do_next_is_as_tall_as_its_words_beside_a_tall_table(browser, tmp_path: Path):
    file = tmp_path / "report.html"
    file.write_text(page_of_an_ensemble(), encoding="utf-8")
    page = browser.new_page(viewport={"width": 1280, "height": 900})

    page.goto(file.as_uri())

    box, words = page.evaluate(
        "() => { document.querySelector('.board').style.minHeight = '1200px';"
        " const box = document.querySelector('.opening .next'); const range = document.createRange();"
        " range.selectNodeContents(box);"
        " return [box.getBoundingClientRect().height, range.getBoundingClientRect().height]; }"
    )
    assert box - words < LINE_PIXELS
    page.close()


@pytest.mark.long
def test_tables_of_several_versions_and_classes_scroll_within_a_narrow_page(browser, tmp_path: Path):
    file = tmp_path / "report.html"
    file.write_text(page_of_an_ensemble(), encoding="utf-8")
    page = browser.new_page(viewport={"width": 360, "height": 900})

    page.goto(file.as_uri())

    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.close()


@pytest.mark.long_after(1)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 768, 1440])
def test_the_page_fits_and_requests_nothing(browser, tmp_path: Path, width, scheme):
    file = tmp_path / "report.html"
    file.write_text(page_of(mixed_findings()), encoding="utf-8")
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme, java_script_enabled=True)
    requests, complaints = [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))

    page.goto(file.as_uri())

    assert [url for url in requests if not url.startswith(("data:", file.as_uri()))] == []
    assert complaints == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("[...document.images].every(picture => picture.naturalWidth > 0)")
    assert page.evaluate(
        "Promise.all([...document.querySelectorAll('svg image')].map(picture => { const probe = new Image();"
        " probe.src = picture.getAttribute('href'); return probe.decode(); })).then(() => true)"
    )
    page.close()
