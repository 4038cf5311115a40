"""The report shows the transfer matrix, and explains a search for a random other class."""

import re
from dataclasses import replace

from modicum_server.domain.findings import FindingControls, FindingReason, TransferFinding
from modicum_server.domain.searches import Control, ControlPlan, TargetRule

from tests.measures.example_audit import OTHER_VERSION, SEARCH, VERSION, controls, finding
from tests.reports.report_pages import page_of, read

BOTH = (VERSION, OTHER_VERSION)
PLANS = (ControlPlan(Control.TRANSFER),)
OTHER_CLASS = replace(SEARCH, target_rule=TargetRule.RANDOM_OTHER)


def audit_of_two(*, kept: int = 9, count: int = 12, unscored: int = 0):
    """The second version keeps the class of some of the first one's subsets. The first scored none."""
    died = TransferFinding(OTHER_VERSION, reason=FindingReason.MODEL_DIED)
    scores = [
        TransferFinding(OTHER_VERSION, 0.95 if place % 3 else 0.5, sufficient=place % 3 > 0, predicted_class=0)
        if place < kept
        else TransferFinding(OTHER_VERSION, 0.2, sufficient=False, predicted_class=1)
        for place in range(count)
    ]
    scores += [died] * unscored
    ours = [finding(place, controls=FindingControls(transfers=(score,))) for place, score in enumerate(scores)]
    return [*ours, *(finding(place, model_version=OTHER_VERSION) for place in range(count + unscored))]


def page_of_two(**changes) -> str:
    return page_of(audit_of_two(**changes), versions=BOTH, plans=PLANS)


def test_the_matrix_shows_share_interval_and_what_stands_beside():
    seen = read(page_of_two())

    assert seen.unbalanced == []
    assert "Do other versions see the class in the same pixels?" in seen.text
    assert "scored by tiny, version 2" in seen.text
    assert "75% 47% to 91% 50% suffice, median confidence 0.725, n = 12" in seen.text
    assert "its own" in seen.text
    assert "no subset of this version was scored by the other one" in seen.text


def test_a_cell_is_shaded_by_the_share_that_keeps_its_class():
    shades = re.findall(r'class="shaded (share-\d+)"', page_of_two(kept=9))

    assert shades == ["share-8", "share-8"]  # of agreed images, and of all


def test_subsets_that_could_not_be_scored_are_listed():
    assert "2 not scored" in read(page_of_two(unscored=2)).text


def test_each_subset_shows_the_other_versions_score():
    text = read(page_of_two(kept=2, count=2, unscored=1)).text

    assert text.count("Other versions") == 2
    assert "tiny, version 2 suffices, confidence" in text
    assert "tiny, version 2 does not suffice, confidence" in text


def test_the_reading_stands_with_the_other_controls():
    text = read(page_of_two(kept=12)).text

    assert "Do the other versions see the class in the same pixels? pattern The other versions see the class" in text


def test_without_the_control_there_is_no_matrix():
    page = page_of(audit_of_two(), versions=BOTH)

    assert "Do other versions see the class in the same pixels?" not in page


def for_another(position, size, **changes):
    reason = None if size is not None else FindingReason.NOT_FOUND
    return finding(position, size, target_class=1, reason=reason, **changes)


def test_a_search_for_another_class_says_how_often_it_found_one_and_that_it_has_no_rate():
    findings = [for_another(place, 2) for place in range(9)] + [for_another(place, None) for place in range(9, 12)]

    text = read(page_of(findings, searches=(OTHER_CLASS,))).text

    assert "For 75% of the images, some pixels suffice on the search's fill for a confident decision for a " in text
    assert "That is 9 of 12 (95% interval 47% to 91%)" in text
    assert "the rate is defined for searches for the predicted class" in text
    assert "No image could be searched" not in text
    assert "dog (searched for); predicted cat" in text
    assert text.count("as labelled") == 2, "both are choices of the filter"


def test_a_search_for_another_class_that_found_nothing_half_of_the_time_has_no_median():
    findings = [for_another(place, None if place % 2 else 2) for place in range(12)]

    assert "too many searches found nothing" in read(page_of(findings, searches=(OTHER_CLASS,))).text


def test_searches_are_distinguished_by_their_target_class():
    findings = [finding(place, 2, controls=controls(4)) for place in range(3)]
    findings += [for_another(place, 2, search_index=1) for place in range(3)]

    text = read(page_of(findings, searches=(SEARCH, OTHER_CLASS))).text

    assert "threshold 0.9, for a random other class" in text
    assert "Random other class n = 3" in text or "Random other class" in text
