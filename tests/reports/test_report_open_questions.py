"""Questions that are open for one reason stand together: the reason is told once, with what would settle them."""

from dataclasses import replace

from modicum.gate.class_rules import DROP
from modicum_server.domain.findings import FillFinding, FindingControls
from modicum_server.domain.searches import Control, ControlPlan, Fill
from modicum_server.measures.measure import Measure
from modicum_server.reports.questions import conclusions

from tests.measures.example_audit import controls, finding, not_eligible, variants
from tests.reports.report_pages import page_of, read

RANDOM, DILATED, SHAPE = (
    "Would as many random pixels do?",
    "Do the subsets suffice beside their neighbouring pixels?",
    "Is the shape of the mask the evidence?",
)
FILL, OTHER = "Do the subsets suffice on another fill?", "Could the same search argue for any class?"
TOO_FEW = "Fewer than 10 images could be measured, and with so few no figure has an interval."
BOTH_SIDES = "The interval of a figure lies on both sides of the limit that decides."
FOUR_TIMES = "Audit more images: with four times as many, an interval is about half as wide."
NO_SUBSET = "Did not run: no image has a subset to test."


def text_of(findings, **audit) -> str:
    return read(page_of(findings, **audit)).text


def test_questions_without_enough_images_are_told_once():
    both = replace(variants(), fills=controls(4, black=True).fills)

    text = text_of([finding(place, 2, controls=both) for place in range(4)])

    assert text.count(TOO_FEW) == 1
    asked = text[: text.index(TOO_FEW)].rpartition("What the controls say")[2]
    assert [question in asked for question in (FILL, RANDOM, DILATED, SHAPE)] == [True] * 4
    assert f"{TOO_FEW} Audit more images, or the same ones at a lower threshold." in text


def test_questions_whose_intervals_lie_on_both_sides_are_told_once():
    findings = [finding(place, 2, controls=variants(sufficient=place % 2 == 0)) for place in range(20)]

    text = text_of(findings)

    assert text.count(BOTH_SIDES) == 1
    assert f"{DILATED} {RANDOM} inconclusive {BOTH_SIDES} {FOUR_TIMES}" in text
    assert "Random subsets of the same size that suffice 50%" in text.split(BOTH_SIDES)[1]
    assert "do not settle whether" not in text.split("What the controls say")[1]


def test_controls_that_had_nothing_to_run_on_are_told_once():
    text = text_of([not_eligible(place) for place in range(12)])

    assert text.count(NO_SUBSET) == 1
    assert f"{OTHER} {FILL} not tested {NO_SUBSET} The reason is given above." in text


def test_a_control_that_was_not_asked_for_is_not_said_to_have_had_nothing_to_run_on():
    assert NO_SUBSET not in text_of([not_eligible(place) for place in range(12)], plans=())


def test_a_control_that_did_not_run_says_why_in_the_words_of_its_measure():
    text = text_of([finding(place, 2) for place in range(12)], plans=(ControlPlan(Control.FILL_ROBUST),))

    assert "Did not run: the fill_robust control ran on no image; it needs a subset" in text


def test_images_without_enough_labels_are_told_with_how_many_it_takes():
    measures = {DROP: Measure(0.2, "difference", 12).as_json()}
    reading = {"control": "shortcut", "outcome": "INCONCLUSIVE", "text": "fewer than 30, so no verdict"}

    (open_one,) = conclusions([reading], measures, {}).together

    assert open_one.reason.why == "Fewer than 30 labelled images could be measured."
    assert open_one.reason.settled_by == "Audit at least 30 images with labels."


def test_a_fill_without_a_figure_leaves_the_question_to_its_own_words():
    tried = FindingControls(fills=(FillFinding(Fill.WHITE, 0.95, sufficient=True),))

    text = text_of([finding(place, 2, controls=tried) for place in range(12)])

    assert BOTH_SIDES not in text
    assert f"{FILL} inconclusive These subsets do not settle whether the fill is part of the evidence." in text
