"""Verdicts on result documents, computed by hand: what fails, what passes, and what is inconclusive."""

from datetime import timedelta

import numpy as np
import pytest
from modicum.errors import PolicyError
from modicum.gate.judging import holm_shares
from modicum.gate.recount import stored_digest
from modicum.gate.tails import number_of, p_above, p_below
from scipy.special import stdtr

from tests.gate.documents import (
    CLEAN,
    DIGEST,
    PLANTED,
    TODAY,
    VERSION,
    WEIGHTS,
    difference,
    document,
    outcomes,
    paired,
    place,
    row,
    share,
    verdict,
)

NO_SPOT = "rules:\n  spot: off\n"


def test_tails_of_shares_are_exact():
    number = number_of(share(10, 10))

    assert p_above(number, 0.5) == pytest.approx(0.5**10)
    assert p_below(number, 0.5) == 1.0
    assert p_below(number_of(share(0, 10)), 0.5) == pytest.approx(0.5**10)


@pytest.mark.parametrize(
    ("measure", "p"),
    [
        (difference(0.2, 0.4), 0.025),
        (difference(0.2, 0.4, level=0.999), 0.005),
        (difference(0.2, 0.4, level=0.999, method="order statistics"), 0.0005),
        (difference(0.05, 0.4), 1.0),
        (difference(0.2, 0.4, with_two_images_added={"low": 0.05, "high": 0.5}), 1.0),
        ({**difference(0.2, 0.4), "interval": None}, 1.0),
    ],
)
def test_of_an_interval_only_the_bound_of_its_tail_is_known(measure, p):
    assert p_above(number_of(measure), 0.1) == pytest.approx(p)


def test_paired_differences_are_judged_by_their_counts_at_any_level():
    """Of 100 pairs 30 lose and none gains: t of 101 values, 30 of 1 and one of -1, against 0.1."""
    values = np.array([1.0] * 30 + [-1.0] + [0.0] * 70)
    t = (values.mean() - 0.1) / (values.std(ddof=1) / np.sqrt(101))

    assert p_above(number_of(paired(30, 0, 100)), 0.1) == pytest.approx(stdtr(100, -t))
    assert p_below(number_of(paired(0, 0, 50)), 0.05) == pytest.approx(0.95**50)
    assert p_above(number_of(paired(0, 0, 50)), -0.05) == pytest.approx(0.95**50)
    assert p_above(number_of(paired(9, 0, 9)), 0.1) == 1.0


@pytest.mark.parametrize("mean", [0.05, 0.1])
def test_paired_tails_hold_their_error_at_the_limit(mean):
    draws = np.random.default_rng(3).choice([1, -1, 0], p=[mean + 0.02, 0.02, 0.96 - mean], size=(2000, 150))
    numbers = [number_of(paired(int((one == 1).sum()), int((one == -1).sum()), 150)) for one in draws]

    assert np.mean([p_above(number, mean) <= 0.01 for number in numbers]) <= 0.015
    assert np.mean([p_below(number, mean) <= 0.05 for number in numbers]) <= 0.065


@pytest.mark.parametrize(
    ("right", "n", "outcome"),
    [
        (90, 100, "PASS"),
        (80, 100, "INCONCLUSIVE"),
        (82, 100, "INCONCLUSIVE"),
        (60, 100, "FAIL"),
        (4, 5, "INCONCLUSIVE"),
    ],
)
def test_a_share_fails_beyond_its_limit_passes_within_and_is_inconclusive_between(right, n, outcome):
    given = verdict(f"{NO_SPOT}  accuracy: {{min: 0.8}}", document({"accuracy": share(right, n)}))

    assert outcomes(given) == {"accuracy": outcome}
    assert given.outcome == outcome


def test_a_missing_measure_is_never_a_pass():
    given = verdict(f"{NO_SPOT}  random-accuracy: {{max: 0.2}}", document())

    (check,) = given.rules[0].checks
    assert (given.outcome, check.reason) == (
        "INCONCLUSIVE",
        "the result has no measure random_accuracy; run what it needs",
    )


def test_two_limits_hold_together():
    policy = f"{NO_SPOT}  eligible-share: {{min: 0.2, max: 0.8}}"

    assert verdict(policy, document({"eligible_share": share(50, 100)})).outcome == "PASS"
    assert verdict(policy, document({"eligible_share": share(99, 100)})).outcome == "FAIL"
    assert verdict(policy, document({"eligible_share": share(2, 100)})).outcome == "FAIL"


def test_an_interval_at_95_percent_cannot_fail_within_a_budget_of_one_percent_and_says_so():
    policy = f"{NO_SPOT}  shortcut-accuracy-drop: {{level: error, max: 0.1}}"
    given = verdict(policy, document({"shortcut_accuracy_drop": difference(0.2, 0.4)}))
    surer = verdict(policy, document({"shortcut_accuracy_drop": difference(0.2, 0.4, level=0.999)}))

    assert (given.outcome, given.rules[0].checks[0].reason) == (
        "INCONCLUSIVE",
        "beyond the limit by a test at 5%, but not by one within the policy's error budget",
    )
    assert surer.outcome == "FAIL"


@pytest.mark.parametrize(
    ("p_values", "failing"),
    [
        ({"a": 0.004, "b": 0.009}, {"a", "b"}),
        ({"a": 0.004, "b": 0.011}, {"a"}),
        ({"a": 0.006, "b": 0.006}, set()),
        ({"a": 0.006}, {"a"}),
        ({}, set()),
    ],
)
def test_rules_share_the_budget_by_holms_procedure(p_values, failing):
    shares = holm_shares(p_values, 0.01)

    assert {name for name, (_, fails) in shares.items() if fails} == failing


def test_a_rule_by_class_shares_its_part_of_the_budget_among_the_classes():
    groups = {"0": share(60, 100), "1": share(95, 100)}
    measures = {"accuracy": share(155, 200, groups=groups)}

    given = verdict(f"{NO_SPOT}  accuracy: {{min: 0.8, classes: [cat, dog]}}", document(measures))

    assert [(check.subject, str(check.outcome)) for check in given.rules[0].checks] == [
        ("cat", "FAIL"),
        ("dog", "PASS"),
    ]


def test_a_class_that_the_result_lacks_is_inconclusive_by_name():
    given = verdict(f"{NO_SPOT}  accuracy: {{min: 0.5, classes: [bird]}}", document({"accuracy": share(90, 100)}))

    assert (given.outcome, given.rules[0].worst.reason) == ("INCONCLUSIVE", "the result has no class bird")


def test_a_reading_passes_by_its_outcome_and_fails_only_at_a_level_within_the_budget():
    policy = f"{NO_SPOT}  random: {{expect: [THESE_PIXELS]}}"

    def read(outcome, level):
        reading = {"control": "random", "outcome": outcome, "text": "what was seen"}
        return str(verdict(policy, document(readings=[reading], level=level)).outcome)

    assert [read("THESE_PIXELS", 0.95), read("ANY_PIXELS", 0.95), read("ANY_PIXELS", 0.995)] == [
        "PASS",
        "INCONCLUSIVE",
        "FAIL",
    ]
    assert read("INCONCLUSIVE", 0.995) == "INCONCLUSIVE"


@pytest.mark.parametrize(
    ("more", "said"), [({"conclusion": "the pixels matter"}, "the pixels matter"), ({}, "3 of 4: the pixels matter")]
)
def test_of_a_reading_the_conclusion_is_told_and_all_of_one_without(more, said):
    reading = {"control": "random", "outcome": "THESE_PIXELS", "text": "3 of 4: the pixels matter.", **more}

    given = verdict(f"{NO_SPOT}  random: {{expect: [THESE_PIXELS]}}", document(readings=[reading]))

    assert given.rules[0].worst.reason == said


def test_a_result_at_another_threshold_is_inconclusive():
    given = verdict("audit: {threshold: 0.5}", document())

    assert given.rules[0].worst.reason == (
        "no search of the result was measured as the policy asks, with threshold 0.5; the result has threshold 0.9"
    )
    assert given.outcome == "INCONCLUSIVE"


@pytest.mark.parametrize(("name", "asked"), [("seed", 1), ("sample", 50)])
def test_a_result_that_was_measured_otherwise_is_inconclusive_and_says_how(name, asked):
    given = verdict(f"audit: {{{name}: {asked}}}", document())

    assert given.outcome == "INCONCLUSIVE"
    assert f"the policy asks for {name} {asked}, but the result was measured with" in given.rules[0].worst.reason


@pytest.mark.parametrize(
    ("asked", "has", "says"),
    [
        (100, 0, "asks for sample 100, but the result was measured with 0 (all images)"),
        (0, 100, "asks for sample 0 (all images), but the result was measured with 100"),
    ],
)
def test_a_sample_of_0_is_said_to_be_all_images(asked, has, says):
    result = document()
    result["specification"]["sample"] = has

    assert says in verdict(f"audit: {{sample: {asked}}}", result).rules[0].worst.reason


def with_copies(number, **more):
    """A result of an older release, of which so many images are copies of others: it counts them."""
    return document(dataset={**document()["dataset"], "copies": number}, **more)


@pytest.mark.parametrize(
    ("copies", "outcome", "reason"),
    [
        (0, "PASS", "no spot was found that decides"),
        (50, "PASS", "no spot was found that decides"),
        (
            51,
            "INCONCLUSIVE",
            "requires 100 eligible images in all, the result has 150, of which at least 99 are different",
        ),
    ],
)
def test_copies_of_a_picture_do_not_count_for_the_floors(copies, outcome, reason):
    given = verdict("require: {eligible_images: 100}", with_copies(copies))

    assert given.outcome == outcome
    assert reason in given.rules[0].worst.reason


def test_a_verdict_says_how_many_images_are_copies():
    assert verdict("", with_copies(12)).notes[0].startswith("12 of 200 images are copies of others, byte for byte; ")
    assert not [note for note in verdict("", with_copies(0)).notes if "copies" in note]


def test_a_result_that_counts_each_picture_once_has_no_copies_left_to_leave_out():
    given = with_copies(60)
    given["dataset"]["pictures"] = 140

    judged = verdict("require: {eligible_images: 100}", given)

    assert judged.outcome == "PASS"
    assert judged.notes[0] == "60 of 200 images are copies of others, byte for byte; each picture counts once"


COUNTERFACTUALS = {
    "model_version": VERSION,
    "outcome": "ACCURACY_FALLS",
    "measures": {"counterfactual_accuracy_loss": paired(30, 0, 200)},
    "classes": [
        {"class": 0, "label": "cat", "measures": {"counterfactual_accuracy_loss": paired(30, 0, 100)}},
        {"class": 1, "label": "dog", "measures": {"counterfactual_accuracy_loss": paired(0, 0, 100)}},
    ],
}


READING = {"control": "counterfactual", "outcome": "ACCURACY_FALLS", "text": "Accuracy falls."}


@pytest.mark.parametrize(
    ("rule", "found"),
    [
        ("counterfactual-accuracy-loss: {level: error}", [("", "FAIL")]),
        ("counterfactual-accuracy-loss: {max: 0.05, classes: all}", [("", "FAIL"), ("cat", "FAIL"), ("dog", "PASS")]),
        ("counterfactual-accuracy-loss: {max: 0.3, classes: [dog]}", [("dog", "PASS")]),
        ("counterfactual: {expect: [ACCURACY_HOLDS]}", [("ACCURACY_FALLS", "INCONCLUSIVE")]),
        ("counterfactual: {expect: [ACCURACY_FALLS]}", [("ACCURACY_FALLS", "PASS")]),
    ],
)
def test_a_counterfactual_set_is_judged_by_its_pairs_overall_and_by_class(rule, found):
    given = verdict(f"{NO_SPOT}  {rule}", document(counterfactuals=[COUNTERFACTUALS], readings=[READING]))

    judged = next(one for one in given.rules if one.rule.id == rule.partition(":")[0])
    assert [(check.subject, str(check.outcome)) for check in judged.checks] == found


WAIVER = "waivers:\n  - {{rule: spot, class: cat, {}reason: ticket 12, owner: us, expires: {}}}\n"


def test_a_waived_failure_stays_visible_and_decides_nothing():
    given = verdict(WAIVER.format("", TODAY), document(spots=PLANTED))

    assert (given.outcome, outcomes(given)) == ("PASS", {"spot": "WAIVED"})
    assert given.notes == (f"spot fails for class cat, waived by us until {TODAY}: ticket 12",)


def test_a_waiver_of_another_model_excuses_nothing_and_says_so():
    given = verdict(WAIVER.format(f"model_digest: {'0c' * 32}, ", TODAY), document(spots=PLANTED))
    this = verdict(WAIVER.format(f"model_digest: 'sha256:{DIGEST}', ", TODAY), document(spots=PLANTED))

    assert (given.outcome, this.outcome) == ("FAIL", "PASS")
    (note,) = given.notes
    assert note.startswith("modicum.yaml:3:5: the waiver of spot for class cat by us excuses nothing: ")
    assert note.endswith(f"the result has no version with the digest {'0c' * 32}; correct or remove it")


def test_an_expired_waiver_is_a_violation_of_a_clean_network_too():
    given = verdict(WAIVER.format("", TODAY), document(), today=TODAY + timedelta(days=1))

    assert given.outcome == "FAIL"
    assert "expired on 2026-11-27" in given.expired[0]
    assert given.summary == "FAIL: 1 waiver expired"


def test_a_verdict_says_when_it_was_judged_and_how_long_its_waivers_hold():
    two = WAIVER.format("", "2027-01-31") + "  - {rule: spot, reason: r, owner: us, expires: 2027-03-01}\n"

    waived, plain = (verdict(policy, document()).as_json() for policy in (two, ""))

    assert (waived["judged_on"], waived["policy"]["first_expiry"]) == ("2026-11-27", "2027-01-31")
    assert plain["policy"]["first_expiry"] is None


def test_a_verdict_names_the_weights_unless_a_version_of_the_result_does_not():
    named = document()
    older = {name: value for name, value in named["models"][0].items() if name != "weights_digests"}
    other = {**older, "model_version": "projects/default/models/o/versions/1"}

    assert verdict("", named).result["weights_digests"] == {VERSION: WEIGHTS}
    assert verdict("", {**named, "models": [named["models"][0], other]}).result["weights_digests"] == {}


def test_a_waiver_never_turns_inconclusive_into_pass():
    weak = (CLEAN[0], row(0, place((6, 6)), label="cat"), CLEAN[2])

    assert verdict(WAIVER.format("", TODAY), document(spots=weak)).outcome == "INCONCLUSIVE"


def test_a_rule_of_labels_without_labels_is_an_error():
    unlabelled = document(
        {"accuracy": share(0, 0)}, dataset={"name": "projects/default/datasets/photos", "labelled": 0}
    )

    with pytest.raises(
        PolicyError,
        match=r"modicum.yaml:4:3: accuracy needs labels, but no image has one: audit images that are",
    ):
        verdict(f"{NO_SPOT}  accuracy: {{min: 0.8}}", unlabelled)


def test_a_rule_of_another_data_set_is_inconclusive():
    given = verdict("rules:\n  spot: {dataset: others}\n  accuracy: {level: warn, min: 0.1}", document(spots=PLANTED))

    assert given.outcome == "INCONCLUSIVE"
    assert given.rules[0].checks[0].reason == "the rule is about the data set others, but the result is about photos"


@pytest.mark.parametrize("name", ["photos", "photos-0123abcd"])
def test_a_rule_names_its_data_set_with_or_without_the_digest_that_the_gate_adds(name):
    of_gate = document(spots=PLANTED, dataset={**document()["dataset"], "name": "projects/p/datasets/photos-0123abcd"})

    assert verdict(f"rules:\n  spot: {{dataset: {name}}}", of_gate).outcome == "FAIL"


def test_images_that_failed_are_counted_in_a_note():
    assert verdict("", document(counts={"images": 200, "failed": 60})).notes == (
        "60 of 200 images could not be measured; the result names them and why",
    )


def test_a_verdict_in_place_of_a_result_is_refused():
    with pytest.raises(PolicyError, match="got a verdict; judge the result that it is about"):
        verdict("", verdict("", document()).as_json())
    with pytest.raises(PolicyError, match="expected a result document of schema version 1, 2, 3, 4 or 5"):
        verdict("", {"models": []})


REVIEW = {
    "name": "projects/default/audits/a/reviews/r",
    "search_index": 0,
    "largest_fraction": 0.05,
    "model_version": VERSION,
    "outcome": "CONFIRMED",
    "text": "People do not see the predicted class in the subsets.",
    "answers": 72,
    "digest": "d" * 64,
}


def test_a_verdict_names_the_blind_review_that_its_report_tells_of():
    (note,) = verdict("", {**document(), "reviews": [REVIEW]}).notes

    assert note == (
        "a blind review of m/1, with subsets of at most 0.05 of the pixels, is CONFIRMED: "
        f"{REVIEW['text']} (sha256:{'d' * 64})"
    )
    assert stored_digest({**document(), "reviews": [REVIEW]}) == stored_digest(document())


def test_a_blind_review_of_another_version_is_not_named():
    assert verdict("", {**document(), "reviews": [{**REVIEW, "model_version": f"{VERSION}0"}]}).notes == ()
