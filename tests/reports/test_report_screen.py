"""The page as people meet it: pictures in the first screen, and the filters."""

from dataclasses import replace
from pathlib import Path

import pytest
from modicum_server.domain.findings import FillRobustFinding, FindingControls, FindingReason, Passes

from tests.measures.example_audit import controls, finding
from tests.reports.report_kinds import KINDS
from tests.reports.report_pages import page_of
from tests.reports.spot_rows import FINDINGS, bright, rows
from tests.reports.test_report_opening import several_spots

pytestmark = pytest.mark.acceptance

SCREENS = {"desktop": {"width": 1280, "height": 800}, "phone": {"width": 390, "height": 844}}


@pytest.mark.long_after(1)
@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("kind", ["planted", "mixed", "several"])
def test_pictures_begin_in_the_first_screen(opened, kind, screen):
    page = opened(KINDS[kind](), viewport=SCREENS[screen])

    first = page.evaluate("document.querySelector('.opening figure').getBoundingClientRect().top")

    assert 0 < first < SCREENS[screen]["height"] - 100
    assert (
        page.evaluate("document.querySelector('.claim').getBoundingClientRect().bottom") < first or screen == "desktop"
    )


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.long
def test_a_long_name_of_a_class_leaves_the_page_as_wide_as_the_window(opened, screen):
    named = page_of(FINDINGS, load_image=bright, spots=rows(), labels=("c" * 208, "dog", "owl"))
    page = opened(named, viewport=SCREENS[screen])
    page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true;")

    assert page.locator(".copies figure").count() > 0
    assert page.evaluate("document.documentElement.scrollWidth") <= SCREENS[screen]["width"]


def shown(page) -> list[str]:
    return page.eval_on_selector_all(
        "[data-cards] > article:not([hidden])", "cards => cards.map(card => card.querySelector('.item').textContent)"
    )


def test_the_photographs_are_filtered_and_sorted(opened):
    findings = [
        finding(place, place + 1, target_class=place % 2, predicted_class=place % 2, label=int(place > 2))
        for place in range(5)
    ]
    findings[4] = finding(4, 40, controls=controls(5, black=True))
    page = opened(page_of(findings))

    def choose(name: str, label: str) -> None:
        page.locator(f"select[name={name}]").select_option(label=label)

    choose("class", "cat")
    cats = shown(page)
    choose("class", "all")
    choose("outcome", "not as labelled")
    wrong = shown(page)
    choose("outcome", "all")
    choose("size", "above 20%")
    large = shown(page)
    choose("size", "all sizes")
    choose("reading", "black: suffices")
    black = shown(page)
    told = page.locator("output").inner_text()
    choose("reading", "all")
    choose("order", "largest first")

    assert [len(cats), len(wrong), len(large), len(black)] == [3, 1, 1, 1]
    assert told == "1 of 5 shown. The filters work on all 5 subsets."
    assert shown(page)[0].startswith("image-4.png")


@pytest.mark.long
def test_the_photographs_are_filtered_by_what_their_cards_say_in_words(opened):
    robust = FillRobustFinding(9, 3.0, 10, 9, 0.95, False, Passes())
    few = replace(robust, reason=FindingReason.FILL_UNAVAILABLE, verifying_donors=3)
    said = [
        FindingControls(class_targeted=controls(5).class_targeted),
        FindingControls(class_targeted=controls(None).class_targeted),
        FindingControls(class_targeted=controls(0).class_targeted, fill_robust=robust),
        FindingControls(fill_robust=few),
    ]
    page = opened(
        page_of([finding(place, place + 1, controls=one, saturated=place == 0) for place, one in enumerate(said)])
    )

    left = {}
    for reading in page.eval_on_selector_all("select[name=reading] option", "all => all.map(one => one.text)")[1:]:
        page.locator("select[name=reading]").select_option(label=reading)
        left[reading] = [text.partition(".png")[0] for text in shown(page)]

    assert left == {
        "random other class: subset found": ["image-0"],
        "random other class: no subset found": ["image-1"],
        "random other class: the bare fill alone suffices": ["image-2"],
        "other images as the fill: a part suffices": ["image-2"],
        "other images as the fill: too few donors": ["image-3"],
        "saturated": ["image-0"],
    }


@pytest.mark.long
def test_the_filters_say_on_how_many_of_the_subsets_they_work(opened):
    page = opened(page_of([finding(place, 1 + place % 9) for place in range(90)]))

    assert page.locator(".filters output").inner_text() == "72 of 72 shown. The filters work on these 72 of 90 subsets."


@pytest.mark.long
def test_without_scripts_every_photograph_is_shown_and_no_filter(browser, tmp_path: Path):
    file = tmp_path / "report.html"
    file.write_text(KINDS["mixed"](), encoding="utf-8")
    window = browser.new_context(java_script_enabled=False)
    page = window.new_page()

    page.goto(file.as_uri())

    assert page.locator("article.card").count() == 8
    assert page.locator("form.filters").is_hidden()
    window.close()


@pytest.mark.parametrize("width", [1120, 1280])
@pytest.mark.long
def test_a_table_of_classes_stays_beside_the_pictures(opened, width):
    """1,120 pixels are the width of a report within its page of an audit."""
    text = page_of(FINDINGS, load_image=bright, spots=several_spots(2))
    page = opened(text, viewport={"width": width, "height": 800})

    table = page.locator(".measures.classes").bounding_box()
    pictures = page.locator(".pictured").bounding_box()

    assert table["x"] + table["width"] <= pictures["x"]
