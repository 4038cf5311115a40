"""The dilated control: does adding the neighbouring, real pixels destroy the subset?

Rule of the reading. SURVIVES: the lower end of the share that is still sufficient is above 0.5. DESTROYED: the upper
end of the share that keeps its class is below 0.5. WEAKENED: the upper end of the first is below 0.5, and the lower end
of the second is above 0.5. (A subset's confidence is just above the threshold, so that a small loss makes it
insufficient.) Otherwise, or below n = 10, INCONCLUSIVE.
"""

import numpy as np

from modicum_server.measures.intervals import SMALLEST_SAMPLE
from modicum_server.measures.measure import Measured, Reading, concluded, share
from modicum_server.measures.measure_sets import MeasureSet, Title
from modicum_server.measures.number_words import interval_text, share_text
from modicum_server.measures.observations import Observations
from modicum_server.measures.reading_outcomes import decided
from modicum_server.measures.rescored import rescored

CONTROL = "dilated"


def dilated(seen: Observations) -> Measured:
    """Return `dilated_sufficient_share`, `_class_kept_share` and `_confidence_median`.

    Each mask is grown by a pixel in 8 directions; a class is kept where the target class is predicted.
    """
    measured = rescored(seen, "dilated", CONTROL)
    found, told = seen.variants.get("dilated"), measured["dilated_sufficient_share"]
    kept = np.zeros(0, dtype=np.bool_) if found is None else (found.predicted == seen.target)[found.ran]
    variant = {"variant": "dilated"}
    share_kept = share(kept, level=seen.level, empty=told.unavailable, parameters=variant)
    return {**measured, "dilated_class_kept_share": share_kept}


def dilated_reading(measured: Measured) -> Reading | None:
    """Return the sentence about the control; None when it did not run."""
    survived, kept = measured["dilated_sufficient_share"], measured["dilated_class_kept_share"]
    if survived.value is None:
        return None
    fact = (
        f"With the neighbouring pixels of the image added, {share_text(survived.value)} of {survived.n} subsets"
        f"{interval_text(survived.interval)} still suffice"
    )
    more = [] if kept.value is None else [f"{share_text(kept.value)}{interval_text(kept.interval)} keep their class"]
    outcome, statements = decided(CONTROL, measured)
    return concluded(CONTROL, fact, _conclusion(outcome, survived.n), outcome, statements=statements, more=more)


def _conclusion(outcome: str, n: int) -> str:
    if outcome == "SURVIVES":
        return "most subsets suffice beside their neighbouring pixels, too"
    if outcome == "DESTROYED":
        return "most subsets lose their class beside their own neighbouring pixels"
    if outcome == "WEAKENED":
        return "beside their neighbouring pixels most subsets keep their class but no longer suffice"
    if n < SMALLEST_SAMPLE:
        return f"fewer than {SMALLEST_SAMPLE} subsets, so no verdict"
    return "these images do not settle whether the subsets suffice beside their neighbouring pixels"


MEASURE_SET = MeasureSet(
    dilated,
    {
        "dilated_sufficient_share": Title("Subsets that suffice with neighbouring pixels added"),
        "dilated_class_kept_share": Title("Subsets that keep their class with neighbouring pixels added"),
        "dilated_confidence_median": Title("Confidence with neighbouring pixels added, median"),
    },
    dilated_reading,
)
