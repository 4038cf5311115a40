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
