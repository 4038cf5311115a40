"""The transfer matrix: which version's subsets keep their class with which other version."""

from dataclasses import replace

import pytest
from modicum_server.domain.findings import FindingControls, FindingReason, Passes, TransferFinding
from modicum_server.domain.searches import Control, ControlPlan, TargetRule

from tests.measures.example_audit import (
    OTHER_VERSION,
    SEARCH,
    VERSION,
    document_and_rows,
    finding,
    measures_of,
    not_eligible,
)
from tests.measures.sentences import crowded

BOTH = (VERSION, OTHER_VERSION)
THIRD = VERSION.replace("versions/1", "versions/3")
PLANS = (ControlPlan(Control.TRANSFER),)
OTHER_NAMES = ("cat", "owl", "hen")


def scored(position=0, *scores, model_version=VERSION, **changes):
    """A finding of class 0 with scores (version, confidence, predicted class), which are sufficient from 0.9 on."""
    transfers = tuple(
        TransferFinding(name, confidence, sufficient=confidence >= 0.9, predicted_class=predicted)
        for name, confidence, predicted in scores
    )
    changes = {"controls": FindingControls(transfers=transfers), **changes}
    return finding(position, model_version=model_version, **changes)


def of_other(position, *, predicted_class=0, eligible=True):
    """The other version's prediction on the whole image."""
    return (
        finding(position, model_version=OTHER_VERSION, predicted_class=predicted_class, target_class=predicted_class)
        if eligible
        else not_eligible(position, model_version=OTHER_VERSION, predicted_class=predicted_class)
    )


def matrix_of(findings, *, versions=BOTH, plans=PLANS, **document):
    written, _ = document_and_rows(findings, versions=versions, plans=plans, **document)
    return written, {
        (one["source"], one["scorer"], one["search_index"]): one["measures"] for one in written["transfer"]
    }


def test_shares_and_median_are_of_the_subsets_that_were_scored():
    scores = [(0.95, 0), (0.92, 0), (0.5, 0), (0.3, 1)]
    findings = [scored(place, (OTHER_VERSION, *score)) for place, score in enumerate(scores)]
    findings += [scored(9), *(of_other(place) for place in range(4))]

    _, matrix = matrix_of(findings)

    of_all = matrix[VERSION, OTHER_VERSION, 0]
    assert (of_all["transfer_class_kept_share"]["value"], of_all["transfer_class_kept_share"]["n"]) == (0.75, 4)
    assert of_all["transfer_sufficient_share"]["value"] == 0.5
    assert of_all["transfer_confidence_median"]["value"] == pytest.approx((0.92 + 0.5) / 2)
    agreed, every = (of_all[f"{scope}_class_kept_share"] for scope in ("transfer_agreed", "transfer"))
    assert {**agreed, "title": every["title"], "order": every["order"]} == every
    assert agreed["title"].endswith(", both versions confident of one class on the image")  # for every target class


def test_agreed_are_images_on_which_both_are_confident_of_the_same_class():
    findings = [scored(place, (OTHER_VERSION, 0.2, 1)) for place in range(3)]
    findings += [scored(3, (OTHER_VERSION, 0.95, 0))]
    # the other version predicts another class, is not confident, has no finding, agrees
    findings += [of_other(0, predicted_class=1), of_other(1, eligible=False), of_other(3)]

    _, matrix = matrix_of(findings)

    measures = matrix[VERSION, OTHER_VERSION, 0]
    assert measures["transfer_class_kept_share"]["value"] == 0.25
    assert (
        measures["transfer_agreed_class_kept_share"]["value"],
        measures["transfer_agreed_class_kept_share"]["n"],
    ) == (
        1.0,
        1,
    )


def test_classes_with_different_indices_are_compared_by_name():
    turned = {OTHER_VERSION: ("owl", "cat", "dog")}
    findings = [scored(0, (OTHER_VERSION, 0.95, 0)), of_other(0, predicted_class=1)]

    _, matrix = matrix_of(findings, class_labels=turned)

    assert matrix[VERSION, OTHER_VERSION, 0]["transfer_agreed_class_kept_share"]["n"] == 1


def test_versions_with_different_classes_say_that_they_cannot_score():
    findings = [scored(0), of_other(0)]

    written, matrix = matrix_of(findings, class_labels={OTHER_VERSION: OTHER_NAMES})

    assert {measure["unavailable"] for pair in matrix.values() for measure in pair.values()} == {
        "the two versions do not have the same classes"
    }
    assert "transfer" not in controls_read(written)


def test_unscored_subsets_are_counted_and_in_no_share():
    died = TransferFinding(OTHER_VERSION, reason=FindingReason.MODEL_DIED)
    findings = [scored(0, controls=FindingControls(transfers=(died,))), scored(1, (OTHER_VERSION, 0.95, 0))]
    findings += [of_other(0), of_other(1)]

    written, matrix = matrix_of(findings)

    kept = matrix[VERSION, OTHER_VERSION, 0]["transfer_class_kept_share"]
    assert (kept["value"], kept["n"], kept["parameters"]["unscored"]) == (1.0, 1, 1)
    # four searches of 100 forward and 50 backward passes, and the one subset that was scored
    assert written["passes"]["forward"] == 4 * 100 + 1


def test_a_version_without_scored_subsets_says_so():
    _, matrix = matrix_of([scored(0), of_other(0)])

    assert matrix[OTHER_VERSION, VERSION, 0]["transfer_class_kept_share"]["unavailable"].startswith("no subset")


def test_without_the_control_there_is_no_matrix():
    written, matrix = matrix_of([scored(0), of_other(0)], plans=())

    assert matrix == {}
    assert written["transfer"] == []


def test_every_pair_of_every_search_is_listed_except_matched_ones():
    other_class = replace(SEARCH, target_rule=TargetRule.RANDOM_OTHER)
    searches = (SEARCH, other_class, replace(SEARCH, matched=True))
    findings = [
        finding(0, model_version=name, search_index=index) for name in (*BOTH, THIRD) for index in range(len(searches))
    ]

    _, matrix = matrix_of(findings, versions=(*BOTH, THIRD), searches=searches)

    names = (*BOTH, THIRD)
    assert list(matrix) == [(a, b, index) for index in (0, 1) for a in names for b in names if a != b]


def controls_read(written):
    return {
        reading["control"]: reading for search in written["models"][0]["searches"] for reading in search["readings"]
    }


def audit_with(kept, *, scorers=(OTHER_VERSION,), count=30):
    """An audit of the first version's subsets. `kept`: by scorer, the share that keeps its class."""
    findings = []
    for place in range(count):
        scores = [(name, 0.95, 0) if place < kept[name] * count else (name, 0.1, 1) for name in scorers]
        findings += [scored(place, *scores), *(finding(place, model_version=name) for name in scorers)]
    return findings


@pytest.mark.parametrize(
    ("kept", "outcome", "words"),
    [
        ({OTHER_VERSION: 0.9, THIRD: 0.8}, "PATTERN", "so they share these patterns"),
        ({OTHER_VERSION: 0.1, THIRD: 0.2}, "QUIRK", "they do not share these patterns"),
        ({OTHER_VERSION: 0.9, THIRD: 0.1}, "MIXED", "some other versions see the class"),
        ({OTHER_VERSION: 0.9, THIRD: 0.5}, "INCONCLUSIVE", "do not settle whether the other versions share"),
    ],
)
def test_the_reading_follows_the_rule(kept, outcome, words):
    scorers = (OTHER_VERSION, THIRD)

    written, _ = matrix_of(audit_with(kept, scorers=scorers), versions=(VERSION, *scorers))

    reading = controls_read(written)["transfer"]
    assert reading["outcome"] == outcome
    assert words in reading["text"]
    assert crowded(reading["text"]) == []
    assert f"with tiny, version 2 for {kept[OTHER_VERSION]:.0%} of 30 (95% interval " in reading["text"]


def audit_of_classes(kept, *, count=20):
    """An audit of the first version's subsets, so many images a class. `kept`: by class, the share that keeps it."""
    findings = []
    for label, share in enumerate(kept):
        for place in range(count):
            said = label if place < share * count else (label + 1) % len(kept)
            named = {"predicted_class": label, "target_class": label}
            position = label * count + place
            findings.append(scored(position, (OTHER_VERSION, 0.95, said), **named))
            findings.append(finding(position, model_version=OTHER_VERSION, **named))
    return findings


@pytest.mark.parametrize(
    ("kept", "outcome"),
    [((1.0, 1.0, 0.0), "MIXED"), ((1.0, 1.0, 0.4), "PATTERN"), ((0.0, 0.0, 1.0), "MIXED"), ((0.0, 0.1, 0.0), "QUIRK")],
)
def test_a_class_whose_pattern_is_not_shared_like_the_others_is_no_pattern(kept, outcome):
    written, matrix = matrix_of(audit_of_classes(kept))

    groups = matrix[VERSION, OTHER_VERSION, 0]["transfer_agreed_class_kept_share"]["groups"]
    assert [groups[str(index)]["value"] for index in range(3)] == list(kept)
    assert controls_read(written)["transfer"]["outcome"] == outcome


def test_the_reading_names_the_class_whose_pattern_is_not_shared():
    written, _ = matrix_of(audit_of_classes((1.0, 1.0, 0.0)))

    assert controls_read(written)["transfer"]["text"] == (
        "Of images on which both versions are confident of the same class, the subset keeps that class with tiny, "
        "version 2 for 67% of 60 (95% interval 54% to 77%): the versions do not share the pattern of every class. By "
        "class it differs: it keeps owl with tiny, version 2 for 0% of 20 (95% interval 0% to 16%)."
    )


def test_a_version_that_agrees_on_no_image_is_named_and_keeps_the_verdict_open():
    findings = audit_with({OTHER_VERSION: 1.0, THIRD: 0.0}, scorers=(OTHER_VERSION, THIRD))
    unsure = [replace(one, eligible=False) if one.model_version == THIRD else one for one in findings]

    written, _ = matrix_of(unsure, versions=(VERSION, OTHER_VERSION, THIRD))

    reading = controls_read(written)["transfer"]
    assert reading["outcome"] == "INCONCLUSIVE"
    assert "There are no such images with tiny, version 3" in reading["text"]


def test_few_images_have_no_verdict():
    written, _ = matrix_of(audit_with({OTHER_VERSION: 1.0}, count=9))

    reading = controls_read(written)["transfer"]
    assert reading["outcome"] == "INCONCLUSIVE"
    assert "fewer than 10 such images" in reading["text"]


def test_scores_survive_the_findings_artifact():
    score = TransferFinding(OTHER_VERSION, 0.5, sufficient=False, predicted_class=2)
    died = TransferFinding(THIRD, reason=FindingReason.MODEL_DIED)
    one = finding(0, controls=FindingControls(transfers=(score, died)))

    _, findings = document_and_rows([one])

    assert list(findings) == [one]
    assert one.controls.passes == Passes(1)


# A search for a random other class


OTHER_CLASS = replace(SEARCH, target_rule=TargetRule.RANDOM_OTHER)


def other_class_search(findings):
    written, _ = document_and_rows(findings, searches=(OTHER_CLASS,))
    return written["models"][0]["searches"][0]


def for_another(position, size, **changes):
    reason = None if size is not None else FindingReason.NOT_FOUND
    return finding(position, size, target_class=1, reason=reason, **changes)


def test_a_search_for_another_class_counts_what_was_not_found_as_larger_than_all():
    found = [for_another(place, place + 1, eligible=place % 2 == 0) for place in range(7)]
    measures = other_class_search([*found, *(for_another(place, None) for place in range(7, 10))])["measures"]

    assert (measures["other_class_found_share"]["value"], measures["other_class_found_share"]["n"]) == (0.7, 10)
    assert measures["subset_size_median"]["value"] == 5.5
    assert measures["subset_size_median"]["parameters"]["censored"] == 3


def test_a_search_for_another_class_has_no_rate_and_says_so():
    measures = other_class_search([for_another(place, 2) for place in range(12)])["measures"]

    for name in ("overinterpretation_rate", "overinterpretation_rate_class_targeted"):
        assert measures[name]["value"] is None
        assert "predicted class" in measures[name]["unavailable"]


def test_the_bare_fill_may_argue_for_another_class_on_any_scored_image():
    findings = [for_another(0, 0, baseline_confident=True, eligible=False), for_another(1, 2, eligible=False)]

    measures = other_class_search(findings)["measures"]

    share = measures["baseline_confident_share"]
    assert (share["value"], share["n"]) == (0.5, 2)
    assert measures["other_class_found_share"]["n"] == 1


def test_a_search_for_the_predicted_class_has_no_found_share():
    assert "other_class_found_share" not in measures_of([finding(0)])


def test_searches_for_another_class_are_not_compared_in_pairs():
    searches = (OTHER_CLASS, SEARCH)
    findings = [finding(0, model_version=name, search_index=index) for name in BOTH for index in (0, 1)]

    written, _ = document_and_rows(findings, versions=BOTH, searches=searches)

    assert [pair["search_index"] for pair in written["comparisons"]] == [1]
