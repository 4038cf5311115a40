"""The controls' readings follow the rules in their modules."""

import pytest
from modicum_server.domain.findings import FillFinding, FindingControls, ScoredVariant
from modicum_server.domain.searches import Control, ControlPlan, Fill, Search, SearchMethod
from modicum_server.measures.intervals import Interval
from modicum_server.measures.measure import measure_from_json
from modicum_server.measures.number_words import interval_text, share_text
from modicum_server.reports import summary

from tests.measures.example_audit import SEARCH, controls, document_and_rows, finding, variants


def readings_of(findings):
    document, _ = document_and_rows(findings)
    return {reading["control"]: reading for reading in document["models"][0]["searches"][0]["readings"]}


@pytest.mark.parametrize(
    ("other_size", "count", "outcome"),
    [(4, 20, "ANY_CLASS"), (30, 20, "THIS_CLASS"), (None, 20, "THIS_CLASS"), (4, 9, "INCONCLUSIVE")],
)
def test_the_class_targeted_control_is_read_by_its_rule(other_size, count, outcome):
    readings = readings_of([finding(place, 3, controls=controls(other_size)) for place in range(count)])

    assert readings["class_targeted"]["outcome"] == outcome


@pytest.mark.parametrize(
    ("bare", "not_found", "outcome"),
    [(50, 10, "ANY_CLASS"), (60, 0, "ANY_CLASS"), (30, 30, "INCONCLUSIVE"), (5, 55, "THIS_CLASS")],
)
def test_a_bare_fill_that_is_sufficient_for_another_class_is_not_evidence_for_the_pixels(bare, not_found, outcome):
    sizes = [0] * bare + [None] * not_found

    readings = readings_of([finding(place, 3, controls=controls(size)) for place, size in enumerate(sizes)])

    assert readings["class_targeted"]["outcome"] == outcome
    assert "the bare fill alone suffices" in readings["class_targeted"]["text"]


def test_shares_of_subsets_that_survive_a_fill_stand_beside_their_intervals():
    def on(place):
        fills = (FillFinding(Fill.BLACK, 0.95, True), FillFinding(Fill.WHITE, 0.95 if place < 5 else 0.2, place < 5))
        return FindingControls(fills=fills)

    readings = readings_of([finding(place, 3, controls=on(place)) for place in range(20)])

    assert readings["fill"]["text"].startswith(
        "Of 20 subsets found on the mean fill, 100% still suffice on black (95% interval 84% to 100%): "
    )
    assert " 25% still suffice on white (95% interval 11% to 47%)." in readings["fill"]["text"]


def test_the_requested_level_of_an_interval_is_shown():
    interval = Interval(0.2, 0.4, "wilson", 60, level=0.999)

    assert interval_text(interval) == " (99.9% interval 20% to 40%)"


def test_half_found_is_inconclusive():
    sizes = [4] * 10 + [None] * 10

    readings = readings_of([finding(place, 3, controls=controls(size)) for place, size in enumerate(sizes)])

    assert readings["class_targeted"]["outcome"] == "INCONCLUSIVE"
    assert (
        ": no verdict, because it is open whether a search finds one for more than half of such images. "
        in readings["class_targeted"]["text"]
    )


def test_found_for_every_image_at_an_open_size_ratio_says_that_the_ratio_is_open():
    sizes = [4, 8] * 10

    reading = readings_of([finding(place, 3, controls=controls(size)) for place, size in enumerate(sizes)])[
        "class_targeted"
    ]

    assert reading["outcome"] == "INCONCLUSIVE"
    assert (
        ": no verdict, because it is open whether subsets for other classes are more than 2.0 times as large. "
        in reading["text"]
    )


def test_the_class_targeted_sentence_gives_share_and_ratio():
    readings = readings_of([finding(place, 3, controls=controls(4)) for place in range(20)])

    assert readings["class_targeted"]["text"] == (
        "For 100% of 20 images (95% interval 84% to 100%) the same search finds a subset for a random other class: "
        "on most images this search argues for another class with subsets at most 2.0 times as large, so its subsets "
        "for the predicted class show no more than those. In the median it is 1.3 times as large as for the predicted "
        "class (95% interval 1.3 to 1.3)."
    )


@pytest.mark.parametrize(
    ("search", "passes", "said", "parameters"),
    [
        (SEARCH, 0, "the same search", {"passes": 600, "searched_passes": 600}),
        (SEARCH, 600, "the same search", {"passes": 600, "searched_passes": 600}),
        (SEARCH, 1200, "a search with 1,200 passes", {"passes": 1200, "searched_passes": 600}),
        (Search(SearchMethod.BACKSELECT, 0.9, fraction=0.5), 1200, "the same search", {}),
    ],
    ids=["the search's own", "the same", "more", "a method without a budget"],
)
def test_a_class_targeted_search_with_passes_of_its_own_is_not_called_the_same(search, passes, said, parameters):
    plans = (ControlPlan(Control.CLASS_TARGETED, passes=passes),)
    findings = [finding(place, 3, controls=controls(4)) for place in range(20)]

    document, _ = document_and_rows(findings, searches=(search,), plans=plans)

    (shown,) = document["models"][0]["searches"]
    (reading,) = [one for one in shown["readings"] if one["control"] == "class_targeted"]
    assert f" {said} finds a subset for a random other class" in reading["text"]
    assert shown["measures"]["class_targeted_size_ratio_median"]["parameters"] == parameters
    companion = shown["measures"]["overinterpretation_rate_class_targeted"]
    assert parameters.items() <= companion["parameters"].items()
    sentences = summary.sentences(
        {name: measure_from_json(one) for name, one in shown["measures"].items()}, shown["counts"], shown["search"]
    )
    assert any(f"a random other class, {said} finds" in sentence for sentence in sentences)


@pytest.mark.parametrize(
    ("surviving", "count", "outcome"),
    [(20, 20, "SURVIVES"), (1, 20, "DEPENDS_ON_FILL"), (10, 20, "INCONCLUSIVE"), (9, 9, "INCONCLUSIVE")],
)
def test_the_fill_control_is_read_by_its_rule(surviving, count, outcome):
    findings = [finding(place, 3, controls=on_all_fills(sufficient=place < surviving)) for place in range(count)]

    assert readings_of(findings)["fill"]["outcome"] == outcome


@pytest.mark.parametrize(
    ("surviving", "conclusion"),
    [
        (20, ": most of them suffice on black, blur, marginal, noise and white too. "),
        (1, ": most of them no longer suffice on black, blur, marginal, noise and white, so they depend on the fill. "),
    ],
)
def test_the_fill_sentence_names_the_fills_on_which_most_subsets_suffice_or_fail(surviving, conclusion):
    findings = [finding(place, 3, controls=on_all_fills(sufficient=place < surviving)) for place in range(20)]

    assert conclusion in readings_of(findings)["fill"]["text"]


def test_a_subset_that_fails_on_one_fill_only_is_said_to_fail_on_that_one():
    scored = tuple(FillFinding(fill, 0.5, fill is not Fill.WHITE) for fill in Fill if fill is not Fill.MEAN)

    reading = readings_of([finding(place, 3, controls=FindingControls(fills=scored)) for place in range(20)])["fill"]

    assert reading["outcome"] == "DEPENDS_ON_FILL"
    assert ": most of them no longer suffice on white, so they depend on the fill. " in reading["text"]


def on_all_fills(*, sufficient: bool, without: Fill | None = None) -> FindingControls:
    fills = [fill for fill in Fill if fill not in {Fill.MEAN, without}]
    return FindingControls(fills=tuple(FillFinding(fill, 0.95 if sufficient else 0.2, sufficient) for fill in fills))


def test_a_fill_on_which_nothing_could_be_scored_is_named_and_keeps_the_verdict_open():
    findings = [finding(place, 3, controls=on_all_fills(sufficient=True, without=Fill.MARGINAL)) for place in range(40)]

    reading = readings_of(findings)["fill"]

    assert reading["outcome"] == "INCONCLUSIVE"
    assert "None could be scored on marginal." in reading["text"]


def test_a_fill_on_which_fewer_were_scored_says_how_many():
    findings = [
        finding(place, 3, controls=on_all_fills(sufficient=True, without=Fill.MARGINAL if place < 25 else None))
        for place in range(40)
    ]

    assert "100% of 15 still suffice on marginal" in readings_of(findings)["fill"]["text"]


def test_a_shape_that_was_painted_only_once_is_inconclusive():
    black = ScoredVariant("black_on_mean", 0.01, False, 0)

    findings = [finding(place, 3, controls=FindingControls(variants=(black,))) for place in range(40)]

    assert readings_of(findings)["mask_only"]["outcome"] == "INCONCLUSIVE"


@pytest.mark.parametrize(
    ("control", "high", "low"),
    [
        ("dilated", "SURVIVES", "DESTROYED"),
        ("mask_only", "SHAPE", "NOT_THE_SHAPE"),
        ("random", "ANY_PIXELS", "THESE_PIXELS"),
    ],
)
@pytest.mark.parametrize(("surviving", "count"), [(20, 20), (1, 20), (10, 20), (9, 9)])
def test_variants_of_the_subset_are_read_by_their_rules(control, high, low, surviving, count):
    findings = [
        finding(
            place, 3, controls=variants(sufficient=kept, confidence=0.95 if kept else 0.1, predicted=0 if kept else 1)
        )
        for place in range(count)
        for kept in [place < surviving]
    ]

    outcome = readings_of(findings)[control]["outcome"]

    assert outcome == {(20, 20): high, (1, 20): low}.get((surviving, count), "INCONCLUSIVE")


def test_random_pixels_that_do_not_suffice_are_said_to_be_as_many():
    findings = [finding(place, 3, controls=variants(sufficient=False)) for place in range(20)]

    text = readings_of(findings)["random"]["text"]

    assert text.endswith(": on most images as many random pixels do not suffice.")


def test_subsets_that_fall_below_the_threshold_and_keep_their_class_are_weakened_and_not_destroyed():
    findings = [finding(place, 3, controls=variants(sufficient=False, confidence=0.8)) for place in range(20)]

    reading = readings_of(findings)["dilated"]

    assert reading["outcome"] == "WEAKENED"
    assert reading["text"] == (
        "With the neighbouring pixels of the image added, 0% of 20 subsets (95% interval 0% to 16%) still suffice: "
        "beside their neighbouring pixels most subsets keep their class but no longer suffice. "
        "100% (95% interval 84% to 100%) keep their class."
    )


def test_a_ratio_with_an_unknown_median_is_shown_by_its_lower_end():
    sizes = [30] * 14 + [None] * 16

    readings = readings_of([finding(place, 3, controls=controls(size)) for place, size in enumerate(sizes)])

    assert "In the median it is at least 10.0 times as large" in readings["class_targeted"]["text"]


def test_the_sentence_on_the_shape_gives_both_medians():
    readings = readings_of([finding(place, 3, controls=variants(confidence=0.72)) for place in range(20)])

    assert readings["mask_only"]["text"] == (
        "The bare shapes of 20 masks, painted on the mean, leave a median confidence of 0.720 in white (95% "
        "interval 0.720 to 0.720): in at least one paint the shape alone leaves a confidence above one half on most "
        "images. They leave 0.720 in black (95% interval 0.720 to 0.720)."
    )


def test_a_control_that_did_not_run_has_no_reading():
    assert readings_of([finding(0), finding(1)]) == {}


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0, "0%"),
        (1, "100%"),
        (0.574, "57%"),
        (0.0995, "10%"),
        (0.0354, "3.5%"),
        (0.00541, "0.54%"),
        (0.00002, "0.0020%"),
    ],
)
def test_a_share_reads_as_per_cent(share, text):
    assert share_text(share) == text
