"""What the first screen says of the tests beside the spot test, where no spot was found."""

from dataclasses import replace

import pytest
from modicum_server.measures.measure import Measure
from modicum_server.reports.ensemble_steps import SETTLED
from modicum_server.reports.open_tests import (
    ASK_FOR_EDGE,
    ASK_FOR_PAIRS,
    MORE_FOR_EDGE,
    MORE_PAIRS,
    NO_EDGE,
    NO_PAIRS,
    NOTHING_FOUND,
    OPEN_PAIRS,
    open_tests,
)

from tests.measures.summary_facts import drop

WHY = "so the loss may be that of any fill"
OPEN_EDGE = {"control": "shortcut", "outcome": "INCONCLUSIVE", "text": f"Figures: {WHY}.", "conclusion": WHY}
CLEAR_EDGE = {**OPEN_EDGE, "outcome": "NONE_SEEN"}
EDGE_IS_OPEN = f"The test of edge and background is open: {WHY}."


@pytest.mark.parametrize(
    ("edge", "pairs", "said", "step"),
    [
        (None, None, (NO_EDGE, NO_PAIRS), f"{ASK_FOR_EDGE} {ASK_FOR_PAIRS}"),
        (OPEN_EDGE, None, (EDGE_IS_OPEN, NO_PAIRS), f"{MORE_FOR_EDGE} {ASK_FOR_PAIRS}"),
        (CLEAR_EDGE, None, (NO_PAIRS,), ASK_FOR_PAIRS),
        (CLEAR_EDGE, {"outcome": "INCONCLUSIVE"}, (OPEN_PAIRS,), MORE_PAIRS),
        (OPEN_EDGE, {"outcome": "ACCURACY_HOLDS"}, (EDGE_IS_OPEN,), MORE_FOR_EDGE),
        (CLEAR_EDGE, {"outcome": "ACCURACY_HOLDS"}, (), NOTHING_FOUND),
    ],
    ids=["nothing ran", "the edge is open", "no set", "open pairs", "pairs that hold", "all is tested"],
)
def test_only_where_every_test_is_conclusive_nothing_was_found_to_mend(edge, pairs, said, step):
    found = open_tests(edge, {}, pairs)

    assert (found.said, found.next_step) == (said, step)


def test_a_class_that_loses_accuracy_at_the_edge_is_named():
    lost = Measure(0.38, "difference", 58, parameters={"label": "airplane", "low_over_classes": 0.2, "elsewhere": 0.24})
    little = replace(lost, value=0.1, parameters={"label": "bird", "low_over_classes": 0.05})
    measured = drop("ring")
    measured = {name: replace(one, groups={"0": lost, "2": little}) for name, one in measured.items()}

    (said,) = open_tests(OPEN_EDGE, measured, {"outcome": "ACCURACY_HOLDS"}).said

    assert said.startswith(f"{EDGE_IS_OPEN} Filling the ring costs 38 percentage points for airplane (the band: 24).")
    assert "bird" not in said


def test_an_ensemble_that_mitigates_is_not_cleared_of_spots_and_edges():
    assert "to mend" not in SETTLED["MITIGATED"]
    assert "Each version's own outcome says whether it follows a spot or needs the edge." in SETTLED["MITIGATED"]
