"""The fill-robust control in rows, measures and reading, on findings that can be counted by hand."""

import json
from dataclasses import replace

import pytest
from modicum_server.codec.findings import finding_message, finding_value
from modicum_server.domain.documents import FINDING, value_of
from modicum_server.domain.findings import FillRobustFinding, FindingControls, FindingReason, Passes
from modicum_server.measures import finding_row

from tests.measures.example_audit import document_and_rows, finding, measures_of, not_eligible

PIXELS = 64
ANSWER = FillRobustFinding(
    size=12,
    size_ratio=4.0,
    verifying_donors=29,
    sufficient_donors=27,
    confidence=0.93,
    budget_exhausted=False,
    passes=Passes(200, 90),
)
UNAVAILABLE = replace(
    ANSWER,
    size=0,
    size_ratio=0.0,
    verifying_donors=7,
    sufficient_donors=0,
    confidence=0.0,
    passes=Passes(),
    reason=FindingReason.FILL_UNAVAILABLE,
)


def robust(size, **changes):
    exhausted = size == PIXELS
    return FindingControls(fill_robust=replace(ANSWER, size=size, budget_exhausted=exhausted, **changes))


def reading_of(findings):
    document, _ = document_and_rows(findings)
    readings = {reading["control"]: reading for reading in document["models"][0]["searches"][0]["readings"]}
    return readings.get("fill_robust")


@pytest.mark.parametrize("result", [ANSWER, UNAVAILABLE], ids=["found", "unavailable"])
def test_the_result_survives_its_row_and_its_message(result):
    original = finding(controls=FindingControls(fill_robust=result))

    assert value_of(FINDING, json.loads(json.dumps(finding_row(original)))) == original
    assert finding_value(finding_message(original), original.position) == original


def test_a_row_from_before_the_control_existed_is_read():
    row = finding_row(finding())
    del row["controls"]["fill_robust"]

    assert value_of(FINDING, row).controls.fill_robust is None
    assert reading_of([finding()]) is None


def test_found_share_fraction_and_ratio_are_taken_over_the_images_with_enough_donors():
    sizes = [6, 12, 24, 64]
    measured = measures_of(
        [
            *(finding(place, 3, controls=robust(size)) for place, size in enumerate(sizes)),
            finding(4, 3, controls=FindingControls(fill_robust=UNAVAILABLE)),
            not_eligible(5),
        ]
    )

    found = measured["fill_robust_found_share"]
    assert (found["value"], found["n"]) == (0.75, 4)
    assert found["parameters"]["unavailable"] == 1
    assert (found["parameters"]["fewest_verifying_donors"], found["parameters"]["most_verifying_donors"]) == (29, 29)
    assert measured["fill_robust_fraction_median"]["value"] == 18 / 64
    assert measured["fill_robust_size_ratio_median"]["value"] == 6.0


def test_a_search_that_found_nothing_counts_as_larger_than_all():
    nothing = robust(0, reason=FindingReason.NOT_FOUND)

    measured = measures_of([finding(place, 3, controls=nothing) for place in range(3)])

    assert measured["fill_robust_found_share"]["value"] == 0
    assert measured["fill_robust_fraction_median"]["value"] is None
    assert "found nothing" in measured["fill_robust_fraction_median"]["unavailable"]


def test_where_no_image_has_enough_donors_the_reason_gives_their_number():
    unavailable = FindingControls(fill_robust=UNAVAILABLE)

    measured = measures_of([finding(place, 3, controls=unavailable) for place in range(12)])

    reason = "too few donors for 12 images: at most 7 donors could verify a subset, and 8 are needed"
    assert {measured[name]["unavailable"] for name in measured if name.startswith("fill_robust")} == {reason}
    assert reading_of([finding(place, 3, controls=unavailable) for place in range(12)]) is None


def test_measures_of_a_control_that_did_not_run_say_so():
    assert "ran on no image" in measures_of([finding()])["fill_robust_found_share"]["unavailable"]


@pytest.mark.parametrize(
    ("size", "count", "outcome"),
    [(3, 20, "FEW_PIXELS"), (12, 20, "THE_FILL"), (5, 20, "INCONCLUSIVE"), (12, 9, "INCONCLUSIVE")],
)
def test_the_control_is_read_by_its_rule(size, count, outcome):
    own = 1 if size == 3 else 3

    assert reading_of([finding(place, own, controls=robust(size)) for place in range(count)])["outcome"] == outcome


@pytest.mark.parametrize(("found", "outcome"), [(0, "INCONCLUSIVE"), (15, "INCONCLUSIVE"), (27, "THE_FILL")])
def test_an_exhausted_search_is_no_evidence_about_the_model(found, outcome):
    sizes = [12] * found + [PIXELS] * (30 - found)

    reading = reading_of([finding(place, 3, controls=robust(size)) for place, size in enumerate(sizes)])

    assert reading["outcome"] == outcome
    assert f"For {30 - found} of them the search verified nothing smaller than the whole image" in reading["text"]
    assert ("more passes may find parts" in reading["text"]) == (outcome == "INCONCLUSIVE")


def test_the_sentence_gives_share_donors_fraction_and_ratio():
    assert reading_of([finding(place, 3, controls=robust(12)) for place in range(20)])["text"] == (
        "For 100% of 20 images (95% interval 84% to 100%) a part suffices with at least 9 in 10 of 29 other images as "
        "the fill: a search that must suffice on other images as the fill needed larger parts. "
        "The median is 19% of the pixels (95% interval 19% to 19%). In the median a part is 4.0 times the search's own "
        "subset (95% interval 4.0 to 4.0)."
    )


def test_few_pixels_are_said_to_suffice_with_the_fills_that_were_tried():
    text = reading_of([finding(place, 1, controls=robust(3)) for place in range(20)])["text"]

    assert (
        ": on half of the images or more, 5% of the pixels or fewer suffice with nine in ten of the images that were "
        "tried as the fill. " in text
    )


def test_its_passes_are_in_those_of_the_audit():
    with_control, _ = document_and_rows([finding(controls=FindingControls(fill_robust=ANSWER))])
    without, _ = document_and_rows([finding()])

    assert with_control["passes"]["forward"] - without["passes"]["forward"] == 200
    assert with_control["passes"]["backward"] - without["passes"]["backward"] == 90
    assert FindingControls(fill_robust=ANSWER).passes == Passes(200, 90)


def test_a_budget_at_which_nothing_can_be_found_is_the_reason():
    small = FindingControls(fill_robust=replace(UNAVAILABLE, verifying_donors=32))

    measured = measures_of([finding(place, controls=small) for place in range(12)])

    assert measured["fill_robust_found_share"]["unavailable"] == (
        "its budget is too small for 12 images: with a full pool of donors, it needs at least 222 "
        "passes an image to find anything"
    )
    assert reading_of([finding(place, controls=small) for place in range(12)]) is None
