"""Rules about the region at the edge: what a loss that was compared with none elsewhere is judged as."""

import pytest

from tests.gate.documents import document, paired, share, verdict

NOT_COMPARED = "this result did not compare the fill with one elsewhere; audit again"
LOSS = {"shortcut_accuracy_drop": paired(50, 0, 150)}
UNCOMPARED = {
    "a result of an older release": LOSS,
    "images scored by workers of an older release": LOSS
    | {"shortcut_accuracy_excess": share(0, 0, unit="difference", unavailable="no image was scored")},
}


@pytest.mark.parametrize("measures", UNCOMPARED.values(), ids=UNCOMPARED)
@pytest.mark.parametrize(
    "policy",
    [
        "preset: strict\nrules: {spot: off}",
        "rules:\n  spot: off\n  shortcut-accuracy-excess: error",
        "rules:\n  spot: off\n  shortcut-accuracy-excess: {level: error, max: 0.05, classes: all}",
    ],
)
def test_a_loss_that_was_not_compared_with_one_elsewhere_never_passes(policy, measures):
    given = verdict(policy, document(measures))

    judged = next(one for one in given.rules if one.rule.id == "shortcut-accuracy-excess")
    assert (given.outcome, judged.outcome, judged.worst.reason) == ("INCONCLUSIVE", "INCONCLUSIVE", NOT_COMPARED)


def test_a_preset_leaves_the_excess_out_where_nothing_was_filled():
    nothing = {name: share(0, 0, unit="difference") for name in ("shortcut_accuracy_drop", "shortcut_accuracy_excess")}

    for measures in ({}, nothing):
        assert "shortcut-accuracy-excess" in verdict("preset: strict", document(measures)).left_out


COMPARED = {"shortcut_accuracy_drop": paired(3, 0, 300), "shortcut_accuracy_excess": paired(0, 0, 300)}


@pytest.mark.parametrize(
    ("read", "outcome"), [("SHORTCUT", "FAIL"), ("INCONCLUSIVE", "INCONCLUSIVE"), ("NONE_SEEN", "PASS")]
)
def test_an_excess_within_its_limit_does_not_pass_what_the_reading_calls_otherwise(read, outcome):
    """The excess is zero on 300 images, so it passes by itself."""
    reading = {"control": "shortcut", "outcome": read, "text": "what was seen"}

    given = verdict("preset: strict", document(COMPARED, readings=[reading], level=0.999))

    found = {one.rule.id: str(one.outcome) for one in given.rules}
    assert (given.outcome, found["shortcut"]) == (outcome, outcome)
    assert found["shortcut-accuracy-excess"] == "PASS"
