"""Plans: how many images settle a rule, by the gate's own engine, and that such audits then are settled as often."""

import numpy as np
import pytest
from modicum.errors import PolicyError
from modicum.gate.intervals import TAILS
from modicum.gate.planning import COMPARES, IN_WORDS, MORE_PASSES, planned
from modicum.gate.scaling import scaled
from modicum.gate.verdict import KIND, Outcome

from tests.gate.documents import CLEAN, TODAY, VERSION, document, image, outcomes, place, row, share, verdict, with_rows
from tests.gate.policies import policy

ACCURACY = "rules:\n  spot: off\n  accuracy: {min: 0.8}"


def plan(text, of):
    return planned(of, policy(text), today=TODAY)


def need(text, of):
    (one,) = plan(text, of).needs
    return one


def settled(true, images, runs=400):
    """How many audits of so many images settle the rule on accuracy, if it is truly `true`."""
    drawn = np.random.default_rng(0).binomial(images, true, runs)
    return np.mean([outcomes(verdict(ACCURACY, document({"accuracy": share(int(k), images)}))) != OPEN for k in drawn])


OPEN = {"accuracy": "INCONCLUSIVE"}


@pytest.mark.long
@pytest.mark.parametrize("true", [0.86, 0.70])
def test_half_of_the_audits_of_the_first_number_and_four_in_five_of_the_second_are_settled(true):
    found = need(ACCURACY, document({"accuracy": share(round(true * 50), 50)}, counts={"images": 50}))

    assert 0.35 < settled(true, found.images * 50 // 200) < 0.75
    assert settled(true, found.surer * 50 // 200) > 0.75


@pytest.mark.parametrize(("successes", "outcome"), [(86, "PASS"), (70, "FAIL")])
def test_a_share_needs_the_first_number_at_which_its_tail_is_small_enough(successes, outcome):
    whole = document({"accuracy": share(successes, 100)})

    found = need(ACCURACY, whole)

    factor = found.images / 200
    assert (found.outcome, found.enough) == (Outcome(outcome), False)
    assert outcomes(verdict(ACCURACY, scaled(whole, factor))) == {"accuracy": outcome}
    assert outcomes(verdict(ACCURACY, scaled(whole, factor / 1.3))) == OPEN
    assert found.surer == pytest.approx(2.28 * found.images, abs=1)


def test_a_result_that_settles_a_rule_needs_no_more_images():
    found = need(ACCURACY, document({"accuracy": share(99, 100)}))

    assert (found.images, found.surer, found.outcome, found.enough) == (200, 200, Outcome.PASS, True)


def test_a_spot_test_that_is_open_for_want_of_sources_needs_more():
    few = tuple(row(one, place((0, 9), own=True), label=f"c{one}", sources=9) for one in (None, 0, 1))

    found = need("", document(spots=few))

    assert found.outcome is Outcome.PASS
    assert 200 < found.images < 500


def test_a_quantile_needs_the_number_at_which_its_ends_lie_within():
    ends = [[0.05, 0.06, 0.4], [0.005, 0.02, 0.5]]
    median = {"value": 0.2, "unit": "fraction", "n": 50, "interval": None, "evidence": {"ends": ends}}

    found = need(
        "rules:\n  spot: off\n  subset-fraction-median: {min: 0.13}", document({"subset_fraction_median": median})
    )

    assert found.outcome is Outcome.PASS
    assert found.images / 200 == pytest.approx((0.14 / 0.07) ** 2, rel=0.25)


def test_a_mean_needs_the_number_at_which_its_deviation_is_small_enough():
    evidence = {"deviation": 0.2, "skewness": 0.0}
    mean = {"value": 0.5, "unit": "share", "n": 20, "interval": None, "evidence": evidence}

    found = need("rules:\n  spot: off\n  fill-survival-mean: {min: 0.45}", document({"fill_survival_mean": mean}))

    assert found.outcome is Outcome.PASS
    assert found.images * 20 / 200 == pytest.approx((1.645 * 0.2 / 0.05) ** 2, rel=0.35)


def test_a_share_exactly_at_its_limit_is_settled_by_no_number():
    found = need(ACCURACY, document({"accuracy": share(80, 100)}))

    assert (found.images, found.outcome) == (None, Outcome.INCONCLUSIVE)
    assert "both sides of the limit" in found.reason


@pytest.mark.parametrize(
    ("rule", "more", "reason"),
    [
        ("random: {expect: [THESE_PIXELS]}", {}, "the result has no reading of the control random; run that control"),
        (
            "random: {expect: [THESE_PIXELS]}",
            {"readings": [{"control": "random", "outcome": "INCONCLUSIVE", "text": "too few"}]},
            f"{IN_WORDS}; now: too few",
        ),
        ("accuracy: {max_regression: 0.02}", {}, COMPARES),
        (
            "subset-fraction-median: {min: 0.1}",
            {},
            "the result has no measure subset_fraction_median; run what it needs",
        ),
    ],
)
def test_what_no_number_of_images_is_known_of_says_why(rule, more, reason):
    found = need(f"baseline: {{file: b.json}}\nrules:\n  spot: off\n  {rule}", document(**more))

    assert (found.images, found.reason) == (None, reason)


BASELINE = "projects/default/models/main/versions/1"
COMPARED = "baseline: {file: main.json}\nrules:\n  spot: off\n"


def against(text, result, baseline):
    (one,) = planned(result, policy(COMPARED + text), today=TODAY, baseline=baseline).needs
    return one


def predicted(right, version=VERSION):
    return with_rows([image(at, predicted=int(not one)) for at, one in enumerate(right)], version)


def test_a_comparison_of_accuracy_needs_the_number_at_which_its_pairs_settle_it():
    """Of 200 images 4 are gained and 4 lost. Fresh results with as many of each, of that size and of a smaller one."""
    rule = "  accuracy: {level: error, max_regression: 0.02}"

    def both(images):
        changed = images // 50
        return (
            predicted([not start <= at < start + changed for at in range(images)], version)
            for start, version in ((0, VERSION), (changed, BASELINE))
        )

    found = against(rule, *both(200))

    assert (found.outcome, found.enough) == (Outcome.PASS, False)
    assert against(rule, *both(round(found.images * 1.1))).enough
    assert not against(rule, *both(round(found.images / 1.3))).enough


def test_a_comparison_of_sizes_needs_the_number_at_which_the_ratio_is_settled():
    spread = [8, 12, 10, 15, 9, 7, 11, 13]
    ours, before = (
        with_rows([image(at, size=spread[(at * step) % 8]) for at in range(40)], version)
        for step, version in ((1, VERSION), (3, BASELINE))
    )

    found = against("  subset-fraction: {level: error, min_ratio_to_baseline: 0.95}", ours, before)

    logs = np.log([spread[at % 8] / spread[(3 * at) % 8] for at in range(40)])
    assert found.outcome is Outcome.PASS
    assert found.images * 40 / 200 == pytest.approx((1.645 * logs.std() / -np.log(0.95)) ** 2, rel=0.35)


def test_a_comparison_without_rows_or_with_too_few_passes_is_not_planned():
    ours, before = predicted([True] * 200), predicted([True] * 200, BASELINE)
    rule = "  accuracy: {level: error, max_regression: 0.02}"

    (larger,) = planned(ours, policy(f"require: {{passes: 900}}\n{COMPARED}{rule}"), today=TODAY, baseline=before).needs

    assert against(rule, {name: one for name, one in ours.items() if name != "rows"}, before).reason == COMPARES
    assert (larger.images, larger.reason) == (None, MORE_PASSES)


def test_a_reading_that_is_known_at_one_tail_needs_the_images_that_make_a_smaller_one_of_it():
    """Of five statements each is known at 0.05; at 0.01, which 5% over all take, it is with twice as many images."""
    outcomes = [[tail, "THESE_PIXELS" if tail >= 0.05 else "INCONCLUSIVE"] for tail in (0.05, 0.02, 0.01, 0.001)]
    reading = {"control": "random", "outcome": "INCONCLUSIVE", "text": "t", "outcomes": outcomes, "statements": 5}

    found = need("rules:\n  spot: off\n  random: {expect: [THESE_PIXELS]}", document(readings=[reading]))

    assert (found.outcome, found.enough) == (Outcome.PASS, False)
    assert found.images / 200 == pytest.approx((2.326 / 1.645) ** 2, rel=0.25)


def test_a_reading_that_is_open_at_every_tail_is_derived_anew_from_its_counts():
    """Of 20 random subsets 7 suffice: the upper end is above a half at every tail, and with more images it is below."""
    measures = {"random_sufficient_share": share(7, 20)}
    outcomes = [[tail, "INCONCLUSIVE"] for tail in TAILS]
    reading = {"control": "random", "outcome": "INCONCLUSIVE", "text": "t", "outcomes": outcomes, "statements": 1}
    given = document(measures, readings=[reading])
    given["dataset"]["audited"] = 20

    found = need("rules:\n  spot: off\n  random: {expect: [THESE_PIXELS]}", given)

    assert found.outcome == "PASS"
    assert 20 < found.images <= 60


def test_a_reading_with_as_many_images_is_what_it_was():
    outcomes = [[0.05, "A"], [0.02, "A"], [0.01, "INCONCLUSIVE"], [0.001, "INCONCLUSIVE"]]
    reading = {"control": "random", "outcome": "A", "text": "t", "outcomes": outcomes, "statements": 1}

    (same,) = scaled(document(readings=[reading]), 1.0)["models"][0]["searches"][0]["readings"]

    assert [list(one) for one in same["outcomes"]] == outcomes


def test_the_floors_of_a_policy_count_as_needs():
    found = need("require: {eligible_images: 600}", document())

    assert found.images == pytest.approx(600 / 150 * 200, rel=0.25)
    assert found.images >= 800


def test_a_larger_budget_is_assumed_and_costed():
    made = plan("require: {passes: 900}", document(passes={"equivalents": 60_000}))

    assert made.needs[0].enough
    assert (made.passes_an_image, made.more_passes) == (300, 3)


def test_shares_and_pairs_keep_their_values_and_intervals_narrow_with_the_root():
    paired = {"value": 0.1, "unit": "difference", "n": 40, "interval": None, "parameters": {"differing": 8}}
    median = {"value": 0.5, "unit": "fraction", "n": 40, "interval": {"low": 0.3, "high": 0.9, "level": 0.95}}

    grown = scaled(document({"accuracy": share(30, 40), "drop": paired, "median": median}), 4)

    found = grown["models"][0]["searches"][0]["measures"]
    assert (found["accuracy"]["n"], found["accuracy"]["parameters"]["successes"]) == (160, 120)
    assert (found["drop"]["n"], found["drop"]["value"], found["drop"]["parameters"]["differing"]) == (160, 0.1, 32)
    assert (found["median"]["interval"]["low"], found["median"]["interval"]["high"]) == (0.4, 0.7)
    assert len(grown["spots"][0]["rows"][0]["places"][0]["pasted"]) == 4 * 60
    assert grown["spots"][0]["rows"][0]["sources"] == 4 * CLEAN[0]["sources"]


def test_a_spot_test_takes_fewer_passes_an_image_in_a_larger_audit():
    made = plan("", document(passes={"equivalents": 60_000, "spot": 20_000}))

    assert (made.passes_an_image, made.spot.on(200)) == (200, 20_000)
    assert 20_000 < made.spot.on(2000) < 20_000 * 6
    assert made.spot.on(20) > 20_000 / 10


def test_an_older_result_counts_the_spot_test_with_every_image():
    made = plan("", document(passes={"equivalents": 60_000}))

    assert (made.passes_an_image, made.spot) == (300, None)


@pytest.mark.parametrize(
    ("of", "says"),
    [
        ({**document(), "kind": KIND}, "got a verdict"),
        ({**document(), "dataset": {"name": "", "labelled": 0, "audited": 0}}, "expected a result with images"),
    ],
)
def test_what_cannot_be_planned_from_is_refused(of, says):
    with pytest.raises(PolicyError, match=says):
        plan("", of)
