"""Which subsets the gallery shows, where it magnifies, and how few images are told once."""

import numpy as np
import pytest
from modicum_server.measures.observation_builder import ObservationBuilder
from modicum_server.reports import panels, plots
from modicum_server.reports.choice import FEWEST_CARDS, MOST_CARDS, cards_of_a_section, choose, rule_text
from modicum_server.reports.questions import conclusions
from modicum_server.reports.wording import brief_names, plain_number, versions_text

from tests.measures.example_audit import CANVAS, SEARCH, finding, variants
from tests.reports.report_pages import page_of, read


def seen_of(findings):
    builder = ObservationBuilder(SEARCH, CANVAS)
    for one in findings:
        builder.add(one)
    return builder.observations()


def of_class(position: int, size: int, target: int, *, right: bool = True):
    return finding(position, size, target_class=target, predicted_class=target, label=target if right else target + 1)


def test_the_most_telling_subsets_are_the_smallest_of_each_class_in_turn_right_and_wrong_apart():
    zeros = [of_class(place, place + 1, 0) for place in range(5)]
    findings = [*zeros, of_class(5, 40, 1), of_class(6, 50, 0, right=False)]

    choice = choose(seen_of(findings), most=6)

    assert choice.telling == (0, 5, 6)
    assert choice.places == (0, 1, 2, 3, 5, 6), "four most telling and two nearest the median of 4, by size"
    assert (choice.usual, choice.subsets) == (2, 7)


def test_few_subsets_are_all_shown_the_smallest_first():
    choice = choose(seen_of([of_class(0, 9, 0), of_class(1, 2, 0), finding(2, None, budget_exhausted=True)]))

    assert choice.places == (1, 0)
    assert rule_text(choice) == "All 2 subsets that were found, smallest first."
    assert (choice.remainder, choice.without) == ((2,), 1)


def test_sections_share_the_cards_of_a_page():
    assert [cards_of_a_section(number) for number in (1, 3, 100)] == [MOST_CARDS, MOST_CARDS // 3, FEWEST_CARDS]


def test_the_magnified_window_lies_where_most_kept_pixels_are():
    mask = np.zeros((40, 80), dtype=bool)
    mask[31, 61], mask[33:36, 62:70], mask[0, 0] = True, True, True

    window = panels.densest_window(mask)

    assert (window.height, window.width, window.times) == (10, 20, 4)
    assert mask[window.top : window.top + 10, window.left : window.left + 20].sum() == 25
    assert window.box == f"{window.left} {window.top} 20 10"


def test_classes_stand_side_by_side_above_one_axis():
    long = plots.Values("a class with a very long name", "first", (0.01, 0.1, 1.0))
    groups = [long, plots.Values("b", "first", (0.1,))]

    drawn = plots.rows(groups, 0.05)

    assert [row.name for row in drawn.rows] == ["a class with a very…", "b"]
    assert drawn.rows[0].median == drawn.rows[1].median == drawn.rows[1].marks[0]
    assert plots.rows(groups[:1], 0.05) is None


def test_a_question_is_answered_with_the_conclusion_before_its_figures():
    text = read(page_of([finding(place, 2, controls=variants()) for place in range(12)])).text

    answer = "any pixels On most images as many random pixels suffice, so the subsets' pixels are not special there."
    figure = "Random subsets of the same size that suffice 100% 76% to 100%, n = 12"
    assert f"Would as many random pixels do? {answer} {figure}" in text


def test_a_reading_of_an_earlier_release_is_shown_whole():
    old = {"control": "fill", "outcome": "SURVIVES", "text": "Of 12 subsets, all survive: fine."}

    (one,) = conclusions([old], {}, {}).own

    assert one.text == "Of 12 subsets, all survive: fine."


@pytest.mark.parametrize(
    ("value", "text"),
    [(1380.2, "1,380"), (12.34, "12.3"), (0.00123, "0.00123"), (2.0, "2"), (0.0, "0"), (-15.04, "-15")],
)
def test_numbers_are_written_without_an_exponent(value, text):
    assert plain_number(value) == text


@pytest.mark.parametrize(
    ("versions", "names"),
    [
        (["a/1", "b/2"], ["a", "b"]),
        (["a/1", "a/2"], ["version 1", "version 2"]),
        (["a/1", "a/2", "b/1"], ["a 1", "a 2", "b 1"]),
    ],
)
def test_names_are_as_short_as_tells_versions_apart(versions, names):
    full = [f"projects/p/models/{one.split('/')[0]}/versions/{one.split('/')[1]}" for one in versions]

    assert list(brief_names(full).values()) == names


@pytest.mark.parametrize(
    ("versions", "text"),
    [
        (["a/1", "a/2"], "a, 2 versions"),
        (["a/1", "b/2", "a/2"], "a and b, 3 versions"),
        (["a/1", "b/1", "c/1"], "3 versions of 3 models"),
    ],
)
def test_a_title_names_the_models_of_its_versions(versions, text):
    full = [f"projects/p/models/{one.split('/')[0]}/versions/{one.split('/')[1]}" for one in versions]

    assert versions_text(full) == text
