"""Verdicts on ensembles: the gate judges them by the measures beside them, at any share of the error budget."""

import json
import math
from dataclasses import replace

import pytest
from modicum.gate.ensembles import p_values
from modicum.gate.judging import judge
from modicum.gate.planning import STEP, planned
from modicum.gate.policy_file import policy_of
from modicum.gate.recount import first_difference
from modicum.gate.requests import specification_digest
from modicum.gate.tails import number_of
from modicum.gate.verdict import Outcome
from modicum_server.domain.models import Ensemble
from modicum_server.measures.intervals import TAILS
from scipy.stats import ttest_1samp

from tests.gate.documents import TODAY
from tests.gate.made import Made
from tests.measures.ensemble_audit import BOTH, CHECK, LARGER, MATCHED, ONE, TWO, audit_of
from tests.measures.example_audit import SEARCH, document_and_rows

SMALLER = {(ONE, 0): 9, (TWO, 0): 9, (BOTH, 0): 8, (ONE, 1): 9, (TWO, 1): 9}
ALIKE = {(ONE, 0): 9, (TWO, 0): 9, (BOTH, 0): 10, (ONE, 1): 9, (TWO, 1): 9}


def result(sizes, *, count=200, spread=lambda at: at % 2, wrong=None):
    """A result of two members and their ensemble; `wrong` says which version is wrong on which image."""
    found = audit_of(sizes, count=count, spread=spread)
    if wrong is not None:
        found = [replace(one, predicted_class=1) if wrong(one.model_version, one.position) else one for one in found]
    document, _ = document_and_rows(
        found, versions=(ONE, TWO, BOTH), searches=(SEARCH, MATCHED), sources={BOTH: Ensemble((ONE, TWO))}, check=CHECK
    )
    return document


def judged(document, expect="MITIGATED", keys=""):
    text = f"version: 1\n{keys}\nrules: {{spot: off, mitigation: {{expect: [{expect}]}}}}"
    verdict = judge(document, policy_of(text, "modicum.yaml", today=TODAY), today=TODAY)
    return next(one for one in verdict.rules if one.rule.id == "mitigation")


CASES = Made(
    {
        "larger subsets": lambda: (result(LARGER), "MITIGATED"),
        "larger subsets of many images": lambda: (result(LARGER, count=600), "MITIGATED"),
        "smaller subsets": lambda: (result(SMALLER), "NOT_MITIGATED"),
        "subsets about as large": lambda: (result(ALIKE, spread=lambda at: 13 if at % 2 else -3), "INCONCLUSIVE"),
        "larger subsets of few images": lambda: (result(LARGER, count=29), "INCONCLUSIVE"),
        "larger subsets, too few images for the accuracy": lambda: (result(LARGER, count=100), "INCONCLUSIVE"),
        "smaller subsets of a hundred images": lambda: (result(SMALLER, count=100), "NOT_MITIGATED"),
        "larger subsets, lost accuracy": lambda: (
            result(LARGER, wrong=lambda one, at: one == BOTH and at < 20),
            "INCONCLUSIVE",
        ),
        "larger subsets, one member wrong": lambda: (
            result(LARGER, wrong=lambda one, at: one == TWO and at < 20),
            "MITIGATED",
        ),
    }
)
"""By what was seen: a result of the server, and its verdict."""


@pytest.mark.parametrize("case", CASES)
def test_the_gate_comes_to_the_verdict_of_the_server(case):
    document, verdict = CASES[case]
    (entry,) = document["mitigation"]

    assert entry["verdict"] == verdict
    assert first_difference(document) == ""


def edited(case, edit):
    """The result of a case after an edit of its verdict on the ensemble."""
    document = json.loads(json.dumps(CASES[case][0]))
    edit(document["mitigation"][0])
    return document


@pytest.mark.parametrize("case", CASES)
def test_an_edited_verdict_is_noticed(case):
    verdict = CASES[case][1]

    document = edited(
        case, lambda entry: entry.update(verdict="NOT_MITIGATED" if verdict == "MITIGATED" else "MITIGATED")
    )

    assert first_difference(document).endswith(f"but {verdict} was counted")


OUTCOMES = {
    "larger subsets": {"MITIGATED": "PASS", "NOT_MITIGATED": "INCONCLUSIVE"},
    "larger subsets of many images": {"MITIGATED": "PASS", "NOT_MITIGATED": "FAIL"},
    "smaller subsets": {"MITIGATED": "FAIL", "NOT_MITIGATED": "PASS", "MITIGATED, INCONCLUSIVE": "FAIL"},
    "subsets about as large": {"MITIGATED": "INCONCLUSIVE", "MITIGATED, INCONCLUSIVE": "PASS"},
    "larger subsets of few images": {
        "MITIGATED": "INCONCLUSIVE",
        "NOT_MITIGATED": "INCONCLUSIVE",
        "MITIGATED, INCONCLUSIVE": "INCONCLUSIVE",
    },
}


@pytest.mark.parametrize(
    ("case", "expect", "outcome"), [(case, *each) for case, told in OUTCOMES.items() for each in told.items()]
)
def test_a_verdict_fails_at_the_rules_share_of_the_error_budget(case, expect, outcome):
    assert str(judged(CASES[case][0], expect).outcome) == outcome


def test_an_open_verdict_of_too_few_images_does_not_pass_where_it_is_expected():
    rule = judged(CASES["larger subsets of few images"][0], "INCONCLUSIVE")

    assert rule.worst.reason.endswith("29 images are too few to settle anything; at least 30 are needed")


def test_an_open_verdict_passes_only_where_nothing_speaks_for_another_one():
    """The ratio lies 1.8 standard errors of its logarithm below the limit. The verdict takes 1.97 of them."""
    interval = {"low": 1.084, "high": 1.1007, "method": "bootstrap", "n": 200, "level": 0.95}
    seen = {"value": 1.0923, "interval": interval}
    document = edited("subsets about as large", lambda entry: entry["measures"]["subset_fraction_ratio"].update(seen))

    assert document["mitigation"][0]["verdict"] == "INCONCLUSIVE"
    assert 0.025 < p_values(document["mitigation"][0])["NOT_MITIGATED"] < 0.05
    assert str(judged(document, "MITIGATED, INCONCLUSIVE").outcome) == "INCONCLUSIVE"


@pytest.mark.parametrize(("limit", "was"), [("images", 30), ("ratio", 1.1), ("accuracy_difference", -0.02)])
def test_an_edited_limit_of_a_verdict_is_noticed(limit, was):
    document = edited("larger subsets of few images", lambda entry: entry["limits"].update({limit: 0.5}))

    assert first_difference(document) == f"mitigation[0].limits.{limit} is 0.5, but {was} was counted"


@pytest.mark.parametrize("key", ["members", "limits", "measures", "matched_eligibility"])
def test_a_verdict_without_what_its_rule_looks_at_is_noticed(key):
    """Such an entry would be judged like one of an older release: by its verdict alone."""
    document = edited("smaller subsets", lambda entry: (entry.pop(key), entry.update(verdict="MITIGATED")))

    assert first_difference(document) == f"mitigation[0].{key} is missing, but one was counted"


def test_a_verdict_on_members_that_were_not_counted_as_matched_is_noticed():
    document = edited("larger subsets", lambda entry: entry["matched_eligibility"].pop(TWO))

    assert first_difference(document) == f"mitigation[0].matched_eligibility.{TWO} is missing, but one was counted"


def test_a_verdict_on_other_members_than_the_ensemble_has_is_noticed():
    document = edited("larger subsets", lambda entry: entry.update(members=[ONE]))

    assert first_difference(document) == f"mitigation[0].members is {[ONE]}, but {[ONE, TWO]} was counted"


def test_a_verdict_without_the_accuracy_on_other_images_is_noticed():
    document = edited("larger subsets", lambda entry: None)
    document["specification"]["out_of_distribution_dataset"] = "projects/default/datasets/other"
    document["specification_digest"] = specification_digest(document["specification"])

    assert first_difference(document) == (
        "mitigation[0].measures.ood_accuracy_difference is missing, but one was counted"
    )


def test_a_verdict_of_an_older_result_that_settles_nothing_does_not_pass():
    entry = {name: CASES["larger subsets of few images"][0]["mitigation"][0][name] for name in ("ensemble", "verdict")}

    rule = judged({**CASES["larger subsets of few images"][0], "mitigation": [entry]}, "INCONCLUSIVE")

    assert str(rule.outcome) == "INCONCLUSIVE"
    assert rule.worst.reason == "the result does not say how many images it covers; audit again"


WEAKER = {
    "require: {images: 5000}": "the policy requires 5000 images in all, the result has 200",
    "require: {passes: 99999}": "the policy requires 99999 passes an image, the result has ",
    "audit: {passes: 99999}": "the policy asks in `audit` for 99999 passes an image, the result has ",
    "audit: {seed: 77}": "the policy asks for seed 77, but the result was measured with ",
    "audit: {threshold: 0.55}": "no search of the result was measured as the policy asks",
}


@pytest.mark.parametrize(("keys", "why"), WEAKER.items(), ids=WEAKER)
@pytest.mark.parametrize("case", ["larger subsets", "smaller subsets"])
def test_a_verdict_on_weaker_evidence_than_the_policy_asks_is_inconclusive(case, keys, why):
    rule = judged(CASES[case][0], keys=keys)

    assert rule.outcome is Outcome.INCONCLUSIVE
    assert rule.worst.reason.startswith(why)


def test_p_of_not_mitigated_is_that_of_the_ratio():
    (entry,) = CASES["smaller subsets of a hundred images"][0]["mitigation"]
    logs = [math.log((8 + at % 2) / (9 + at % 2)) for at in range(100)]

    p = p_values(entry)

    limit = math.log(entry["limits"]["ratio"])
    by_t = ttest_1samp([*logs, limit], limit, alternative="less").pvalue
    assert by_t <= p["NOT_MITIGATED"] <= 2 * by_t  # the other tail is that of Hall's transformation
    assert p["MITIGATED"] == 1.0


@pytest.mark.long_after(1)
@pytest.mark.parametrize(("case", "p"), [("larger subsets", 0.025), ("larger subsets of many images", 5e-4)])
def test_p_of_mitigated_is_that_of_the_statement_that_is_least_sure(case, p):
    (entry,) = CASES[case][0]["mitigation"]

    # Where nobody is wrong the accuracy's lower end is -z^2 / (n + z^2). That is above -0.02 for z = 1.96 and 200
    # images, and for z = 3.29 and 600, but not at the next smaller tail.
    assert p_values(entry)["MITIGATED"] == p


def test_a_difference_from_the_mean_of_members_is_judged_by_its_ends():
    (entry,) = CASES["larger subsets, one member wrong"][0]["mitigation"]

    number = number_of(entry["measures"]["accuracy_difference"])

    assert number.pairs is None
    assert [tail for tail, *_ in number.ends] == list(TAILS)


def test_a_verdict_is_judged_at_another_level_than_the_results():
    rule = judged(CASES["smaller subsets"][0], keys="audit: {level: 0.99}")

    assert str(rule.outcome) == "FAIL"
    assert rule.p < 1e-6


def test_a_plan_knows_how_many_images_a_verdict_takes():
    document, _ = CASES["larger subsets, too few images for the accuracy"]
    text = "version: 1\nrules: {spot: off, mitigation: {expect: [MITIGATED]}}"

    plan = planned(document, policy_of(text, "modicum.yaml", today=TODAY), today=TODAY)

    (need,) = [one for one in plan.needs if one.rule.id == "mitigation"]
    assert need.outcome is Outcome.PASS
    # The interval narrows with the root, from -0.037 with 100 images to -0.02 with 342. Where no prediction differs,
    # 189 would do.
    assert 342 <= need.images <= 342 * STEP


def test_a_verdict_of_an_older_result_without_measures_has_p_of_the_results_level():
    document, _ = CASES["smaller subsets"]
    entry = {name: document["mitigation"][0][name] for name in ("ensemble", "verdict", "reasons")}

    rule = judged({**document, "mitigation": [entry]})

    assert rule.p == pytest.approx(0.05)
    assert str(rule.outcome) == "INCONCLUSIVE"
