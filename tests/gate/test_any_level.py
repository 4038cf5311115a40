"""Medians, means and readings are judged at any level from what a document holds, and classes by their names."""

import numpy as np
import pytest
from modicum_server.measures.comparisons import mean_of, ratio_of
from modicum_server.measures.measure import quantile_measure
from scipy.stats import binom, binomtest

from tests.gate.documents import SEARCH, VERSION, document, outcomes, share, verdict

NO_SPOT = "rules:\n  spot: off\n"
SIZES = np.linspace(0.01, 0.4, 200)


def median(values, **more):
    return {**quantile_measure(np.asarray(values), 0.5, unit="pixels share", empty="").as_json(), **more}


def median_rule(values, limit, **limits):
    policy = f"{NO_SPOT}  subset-fraction-median: {{{limit}}}\n"
    (check,) = verdict(policy, document({"subset_fraction_median": median(values, **limits)})).rules[0].checks
    return check


@pytest.mark.parametrize(
    ("limit", "outcome"),
    [
        ("max: 0.1", "FAIL"),
        ("min: 0.3", "FAIL"),
        ("max: 0.3", "PASS"),
        ("min: 0.1", "PASS"),
        ("max: 0.2", "INCONCLUSIVE"),
    ],
)
def test_a_median_fails_within_the_budget_and_passes_at_5_percent(limit, outcome):
    assert str(median_rule(SIZES, limit).outcome) == outcome


def test_p_of_a_median_is_at_least_the_exact_one_and_close_to_it():
    check = median_rule(SIZES, "max: 0.15")

    exact = binom.sf((SIZES > 0.15).sum() - 1, len(SIZES), 0.5)
    assert exact <= check.p <= 2.5 * exact


def test_a_median_of_many_searches_that_found_nothing_is_open_above():
    assert str(median_rule([*SIZES[:120], *[np.inf] * 80], "max: 0.9").outcome) == "PASS"
    assert str(median_rule([*SIZES[:105], *[np.inf] * 95], "max: 0.9").outcome) == "INCONCLUSIVE"


@pytest.mark.parametrize(("mean", "outcome"), [(0.5, "FAIL"), (0.9, "PASS"), (0.8, "INCONCLUSIVE")])
def test_a_mean_is_judged_from_its_spread(mean, outcome):
    values = np.random.default_rng(0).normal(mean, 0.05, 60)
    measure = mean_of(values - values.mean() + mean, unit="confidence", empty="").as_json()

    found = verdict(f"{NO_SPOT}  pixel-subsets-confidence-mean: {{min: 0.8}}\n", document({NAME: measure}))

    assert outcomes(found) == {"pixel-subsets-confidence-mean": outcome}


NAME = "pixel_subsets_confidence_mean"


def test_the_deviation_of_a_geometric_mean_is_that_of_logarithms():
    logs = np.random.default_rng(0).normal(0, 0.3, 50)

    told = ratio_of(logs, empty="").as_json()["evidence"]

    assert told["logarithms"]
    assert told["deviation"] == pytest.approx(logs.std(ddof=1))


def reading(*told, statements=1):
    """A reading whose outcome changes from one tail on."""
    tails = (0.05, 0.025, 0.01, 0.001)
    return {
        "control": "random",
        "text": "As many random pixels suffice.",
        "outcome": told[1],
        "statements": statements,
        "outcomes": [list(one) for one in zip(tails, told, strict=True)],
    }


ANY, THESE, OPEN = "ANY_PIXELS", "THESE_PIXELS", "INCONCLUSIVE"


@pytest.mark.parametrize(
    ("told", "statements", "outcome"),
    [
        pytest.param((ANY, ANY, ANY, ANY), 1, "FAIL", id="another outcome within the budget"),
        pytest.param((ANY, ANY, OPEN, OPEN), 1, "INCONCLUSIVE", id="another outcome at 5% alone"),
        pytest.param((ANY, ANY, ANY, OPEN), 2, "INCONCLUSIVE", id="of two statements one may err"),
        pytest.param((THESE, OPEN, OPEN, OPEN), 1, "PASS", id="as expected at 5%"),
        pytest.param((THESE, OPEN, OPEN, OPEN), 2, "INCONCLUSIVE", id="as expected at 5%, by one of two statements"),
        pytest.param((THESE, THESE, OPEN, OPEN), 2, "PASS", id="as expected at 2.5%, by one of two statements"),
        pytest.param((OPEN, OPEN, OPEN, OPEN), 1, "INCONCLUSIVE", id="open"),
    ],
)
def test_a_reading_is_judged_at_its_share_of_the_budget(told, statements, outcome):
    policy = f"{NO_SPOT}  random: {{expect: [THESE_PIXELS]}}\n"

    found = verdict(policy, document(readings=[reading(*told, statements=statements)]))

    assert outcomes(found) == {"random": outcome}


def test_any_measure_is_judged_by_the_name_of_a_class():
    groups = {"0": share(99, 100), "2": share(20, 100)}
    whole = document({"overinterpretation_rate": share(119, 200, groups=groups)}, spots=())
    whole["models"][0]["class_labels"] = ["cat", "dog", "owl"]

    found = verdict(f"{NO_SPOT}  overinterpretation-rate: {{max: 0.5, classes: [owl, cat, dog]}}\n", whole)

    checks = {check.subject: str(check.outcome) for check in found.rules[0].checks}
    assert checks == {"owl": "PASS", "cat": "FAIL", "dog": "INCONCLUSIVE"}


OTHER = "projects/default/models/m/versions/2"


def of_two_versions(*, eligible=(150, 150), note="", ratio=1.0):
    """A result of two versions: how their subsets compare, and how the second takes those of the first."""
    whole = document(spots=())
    (model,) = whole["models"]
    whole["specification"]["searches"] = [{**SEARCH, "digest": "12" * 32}]
    versions = []
    for name, count in zip((VERSION, OTHER), eligible, strict=True):
        entry = {**model["searches"][0], "search": SEARCH, "counts": {"images": 200, "failed": 0, "eligible": count}}
        versions.append({**model, "model_version": name, "class_labels": ["cat", "dog"], "searches": [entry]})
    logs = np.random.default_rng(0).normal(0, 0.2, 100)
    told = ratio_of(logs - logs.mean() + np.log(ratio), empty="").as_json()
    pair = {"first": VERSION, "second": OTHER, "search_index": 0, "note": note}
    kept = share(90, 200, groups={"0": share(20, 100), "1": share(70, 100)})
    scored = {"source": VERSION, "scorer": OTHER, "search_index": 0, "measures": {"transfer_class_kept_share": kept}}
    compared = [{**pair, "measures": {"subset_fraction_ratio": told}}]
    return {**whole, "models": versions, "comparisons": compared, "transfer": [scored]}


RATIO = f"{NO_SPOT}  subset-fraction-ratio: {{min: 0.8}}\n"


@pytest.mark.parametrize(
    ("more", "outcome", "reason"),
    [
        ({}, "PASS", ""),
        ({"ratio": 0.6}, "FAIL", ""),
        ({"eligible": (148, 150)}, "INCONCLUSIVE", "148 and 150 images are eligible"),
        ({"note": "the mean fill is not the same: 0.4; 0.5"}, "INCONCLUSIVE", "the mean fill is not the same"),
    ],
)
def test_two_versions_of_an_audit_are_compared(more, outcome, reason):
    found = verdict(RATIO, of_two_versions(**more))

    (check,) = found.rules[0].checks
    assert (str(check.outcome), check.subject) == (outcome, "with m/2")
    assert reason in check.reason


def test_what_another_version_keeps_is_judged_by_class():
    policy = f"{NO_SPOT}  transfer-class-kept-share: {{min: 0.5, classes: all}}\n"

    found = verdict(policy, of_two_versions())

    checks = {check.subject: str(check.outcome) for check in found.rules[0].checks}
    assert checks == {"with m/2": "INCONCLUSIVE", "cat with m/2": "FAIL", "dog with m/2": "PASS"}


def test_a_result_of_one_version_has_nothing_to_compare():
    found = verdict(RATIO, {**document(), "comparisons": []} | {"specification": of_two_versions()["specification"]})

    assert (str(found.outcome), found.rules[0].worst.reason) == ("INCONCLUSIVE", "the result has no comparisons")


def at_level(policy, measures, *, asked=0.99, **more):
    """The checks of a policy that asks for another level than the result has."""
    given = verdict(f"audit: {{level: {asked}}}\n{NO_SPOT}{policy}", document(measures, **more))
    return given, given.rules[0].checks[0]


def test_a_share_is_judged_at_another_level_from_its_counts():
    interval = {"low": 0.10, "high": 0.31, "level": 0.95, "method": "wilson", "n": 60}
    given, check = at_level("  accuracy: {max: 0.5}", {"accuracy": share(12, 60, interval=interval)})

    low, high = binomtest(12, 60).proportion_ci(0.99, method="exact")
    assert (str(given.outcome), check.level) == ("PASS", 0.99)
    assert (check.low, check.high) == (pytest.approx(low), pytest.approx(high))
    assert given.notes[0] == "the result was measured at another level; its intervals were made again at 0.99"


def test_a_median_has_the_ends_of_the_next_smaller_tail_at_another_level():
    wide = quantile_measure(SIZES, 0.5, unit="pixels share", empty="", level=0.99).interval

    _, check = at_level("  subset-fraction-median: {max: 0.3}", {"subset_fraction_median": median(SIZES)})

    assert (str(check.outcome), check.level) == ("PASS", 0.99)
    assert (check.low, check.high) == (wide.low, wide.high)


def test_classes_and_means_are_judged_at_another_level_too():
    interval = {"low": 0.10, "high": 0.31, "level": 0.95, "method": "wilson", "n": 60}
    classes = {"0": share(12, 60, interval=interval)}
    _, check = at_level(
        "  accuracy: {max: 0.5, classes: [cat]}", {"accuracy": share(12, 60, interval=interval) | {"groups": classes}}
    )
    values = np.random.default_rng(0).normal(0.9, 0.05, 60)
    measure = mean_of(values, unit="confidence", empty="").as_json()
    _, mean = at_level("  pixel-subsets-confidence-mean: {min: 0.8}", {NAME: measure})

    assert (str(check.outcome), check.class_label, check.level) == ("PASS", "cat", 0.99)
    assert (str(mean.outcome), mean.level) == ("PASS", 0.99)
    assert mean.low < measure["interval"]["low"]


def test_what_a_result_holds_at_its_own_level_alone_is_not_judged_at_another():
    only = {"value": 0.3, "unit": "difference", "n": 100, "parameters": {}}
    interval = {"low": 0.2, "high": 0.4, "level": 0.95, "method": "bootstrap", "n": 100}
    reading = {"control": "shortcut", "outcome": "RELIES_ON_RING", "text": "It relies."}

    number, check = at_level(
        "  shortcut-accuracy-drop: {level: error, max: 0.9}", {"shortcut_accuracy_drop": {**only, "interval": interval}}
    )
    worded, read = at_level("  shortcut: {expect: [NONE_SEEN]}", {}, readings=[reading])

    assert (str(number.outcome), str(worded.outcome)) == ("INCONCLUSIVE", "INCONCLUSIVE")
    assert check.reason == read.reason == "the policy asks for level 0.99, but the result has this only at 0.95"


def test_at_the_level_of_the_result_nothing_is_made_again():
    interval = {"low": 0.10, "high": 0.31, "level": 0.95, "method": "wilson", "n": 60}
    given, check = at_level("  accuracy: {max: 0.5}", {"accuracy": share(12, 60, interval=interval)}, asked=0.95)

    assert (check.low, check.high) == (0.10, 0.31)
    assert not [note for note in given.notes if "another level" in note]
