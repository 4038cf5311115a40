"""A reading that settles nothing passes where INCONCLUSIVE is expected, and where it could have settled something."""

import pytest

from tests.gate.documents import VERSION, document, share, verdict

TAILS = (0.05, 0.025, 0.01, 0.005)


def found(control, expect, outcome, n, *, until=0.005, name=None, statements=2):
    """The only check of a rule on a reading with an outcome at its tails down to one, from so many images."""
    outcomes = [[tail, outcome if tail >= until else "INCONCLUSIVE"] for tail in TAILS]
    reading = {"control": control, "outcome": outcome, "text": "seen", "outcomes": outcomes, "statements": statements}
    measures = {name or f"{control}_share": share(n // 2, n)}
    ((check,),) = (
        one.checks
        for one in verdict(
            f"rules: {{spot: off, {control}: {{expect: [{expect}]}}}}", document(measures, readings=[reading])
        ).rules
        if one.rule.id == control
    )
    return str(check.outcome), check.reason


DROP = "shortcut_accuracy_drop"


@pytest.mark.parametrize(
    ("expect", "outcome", "until", "ends"),
    [
        pytest.param("NONE_SEEN, INCONCLUSIVE", "INCONCLUSIVE", 0.005, "PASS", id="nothing is settled"),
        pytest.param("NONE_SEEN", "INCONCLUSIVE", 0.005, "INCONCLUSIVE", id="not expected"),
        pytest.param("NONE_SEEN, INCONCLUSIVE", "NONE_SEEN", 0.05, "PASS", id="settled at no tail that is small"),
        pytest.param("INCONCLUSIVE", "NONE_SEEN", 0.05, "INCONCLUSIVE", id="another outcome is seen"),
        pytest.param("NONE_SEEN, INCONCLUSIVE", "SHORTCUT", 0.05, "INCONCLUSIVE", id="seen, and not settled"),
        pytest.param("NONE_SEEN, INCONCLUSIVE", "SHORTCUT", 0.005, "FAIL", id="seen and settled"),
    ],
)
def test_inconclusive_can_be_expected(expect, outcome, until, ends):
    statements = 2 if until < 0.05 or outcome != "SHORTCUT" else 1

    assert found("shortcut", expect, outcome, 600, until=until, name=DROP, statements=statements)[0] == ends


@pytest.mark.parametrize(
    ("control", "name", "n", "ends"),
    [
        ("shortcut", DROP, 29, "INCONCLUSIVE"),
        ("shortcut", DROP, 30, "PASS"),
        ("random", "random_sufficient_share", 9, "INCONCLUSIVE"),
        ("random", "random_sufficient_share", 10, "PASS"),
        ("fill", "fill_robust_found_share", 50, "INCONCLUSIVE"),
        ("fill", "fill_survival_black", 50, "PASS"),
    ],
)
def test_a_reading_of_too_few_images_could_settle_nothing_so_it_does_not_pass(control, name, n, ends):
    outcome, reason = found(control, "INCONCLUSIVE", "INCONCLUSIVE", n, name=name)

    assert outcome == ends
    assert ("too few to settle anything" in reason) is (ends == "INCONCLUSIVE")


def test_pairs_are_the_images_of_a_reading_about_other_versions():
    def read(pairs):
        reading = {"control": "transfer", "outcome": "INCONCLUSIVE", "text": "", "statements": 2}
        reading["outcomes"] = [[tail, "INCONCLUSIVE"] for tail in TAILS]
        entry = {"source": VERSION, "scorer": "other", "search_index": 0}
        entry["measures"] = {"transfer_agreed_class_kept_share": share(pairs // 2, pairs)}
        result = document(readings=[reading], transfer=[entry])
        return str(verdict("rules: {spot: off, transfer: {expect: [INCONCLUSIVE]}}", result).outcome)

    assert (read(9), read(40)) == ("INCONCLUSIVE", "PASS")


def test_a_reading_that_has_no_numbers_does_not_pass():
    reading = {"control": "shortcut", "outcome": "INCONCLUSIVE", "text": "no image has a label", "outcomes": []}
    result = document(readings=[{**reading, "statements": 2}])

    assert str(verdict("rules: {spot: off, shortcut: {expect: [INCONCLUSIVE]}}", result).outcome) == "INCONCLUSIVE"
