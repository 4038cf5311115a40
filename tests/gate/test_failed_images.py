"""Images that failed: never a pass where more than a tenth of them did, whatever is left."""

from copy import deepcopy

import pytest

from tests.gate.documents import document, image, outcomes, share, verdict, with_rows
from tests.gate.server_documents import reported
from tests.gate.test_baselines import BASELINE, RATIO, judged
from tests.gate.test_class_rules import paired
from tests.gate.test_ensembles import result as ensembles
from tests.measures.ensemble_audit import LARGER
from tests.measures.example_audit import failed, finding, not_eligible

POLICY = "rules: {spot: off, subset-fraction-median: {min: 0.3}, accuracy: {min: 0.9}}"
ACCURACY = "rules: {accuracy: {min: 0.5}}"


def of(searched, lost, below=0):
    """A report of images with large subsets, of some that failed, and of some below the threshold."""
    images = [finding(at, size=50) for at in range(searched)]
    gone = [failed(at) for at in range(searched, searched + lost)]
    return reported([*images, *gone, *(not_eligible(searched + lost + at) for at in range(below))])


def test_a_few_images_do_not_pass_for_the_many_that_failed():
    given = verdict(POLICY, of(60, 540))

    assert outcomes(given) == {"subset-fraction-median": "INCONCLUSIVE", "accuracy": "INCONCLUSIVE"}
    told = (
        "540 of 600 images could not be measured, more than a tenth, so the rest cannot show a pass; "
        "look at the reasons in the result, and audit again"
    )
    assert {check.reason for one in given.rules for check in one.checks} == {told}


@pytest.mark.parametrize(("lost", "outcome"), [(60, "PASS"), (61, "INCONCLUSIVE")])
def test_a_tenth_may_fail(lost, outcome):
    assert str(verdict(POLICY, of(600 - lost, lost)).outcome) == outcome


def test_images_below_the_threshold_have_not_failed():
    assert str(verdict(POLICY, of(60, 0, below=540)).outcome) == "PASS"


def test_failed_images_do_not_excuse_a_failure():
    assert str(verdict(POLICY.replace("min: 0.3", "max: 0.3"), of(60, 540)).outcome) == "FAIL"


@pytest.mark.parametrize(("lost", "outcome"), [(20, "PASS"), (21, "INCONCLUSIVE")])
def test_measures_and_the_spot_test_look_at_failed_images(lost, outcome):
    found = document({"accuracy": share(170, 175)}, counts={"failed": lost})

    assert outcomes(verdict(ACCURACY, found)) == {"spot": outcome, "accuracy": outcome}


def test_images_that_an_early_end_left_out_have_not_failed():
    found = document({"accuracy": share(170, 175)}, stopping={"planned": 9000, "images": 200, "why": ["it was asked"]})
    found["specification"]["stopping"] = {"limits": []}

    assert str(verdict(ACCURACY, found).outcome) == "PASS"


def test_a_ratio_to_a_baseline_does_not_pass_beside_failed_images():
    ours, theirs = (with_rows([image(at) for at in range(400)], *version) for version in ((), (BASELINE,)))
    assert str(judged(ours, theirs, RATIO).outcome) == "PASS"
    ours["models"][0]["searches"][0]["counts"]["failed"] = 41

    given = judged(ours, theirs, RATIO)

    assert str(given.outcome) == "INCONCLUSIVE"
    assert given.rules[0].checks[0].reason.startswith("41 of 400 images could not be measured")


def test_an_ensemble_does_not_pass_beside_failed_images_of_a_member():
    found = deepcopy(ensembles(LARGER))
    policy = "preset: report-only\nrules: {mitigation: {expect: [MITIGATED]}}"
    assert outcomes(verdict(policy, found))["mitigation"] == "PASS"
    found["models"][0]["searches"][0]["counts"]["failed"] = 21

    assert outcomes(verdict(policy, found))["mitigation"] == "INCONCLUSIVE"


LOSS = "rules: {spot: off, counterfactual-accuracy-loss: {max: 0.1}, counterfactual: {expect: [ACCURACY_HOLDS]}}"


@pytest.mark.parametrize(("whole", "outcome"), [(135, "PASS"), (134, "INCONCLUSIVE")])
def test_a_tenth_of_the_pairs_of_a_counterfactual_set_may_fail(whole, outcome):
    given = verdict(LOSS, paired(lambda _: 0, pairs=range(whole)))

    assert set(outcomes(given).values()) == {outcome}


def test_the_verdict_says_how_many_pairs_failed():
    given = verdict(LOSS, paired(lambda _: 0, pairs=range(110)))

    told = (
        "40 of 150 pairs of the counterfactual set lack a prediction on one of their pictures, more than a tenth, so "
        "the rest cannot show a pass; look at the reasons in the result, and audit again"
    )
    assert all(check.reason.endswith(told) for one in given.rules for check in one.checks)


def test_failed_pairs_do_not_excuse_a_failure_nor_touch_other_rules():
    given = verdict(f"{LOSS[:-1]}, accuracy: {{min: 0.5}}}}", paired(lambda _: 1, pairs=range(110)))

    assert outcomes(given) == {
        "accuracy": "PASS",
        "counterfactual": "FAIL",
        "counterfactual-accuracy-loss": "FAIL",
    }
