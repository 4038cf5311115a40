"""The dilated control: does adding the neighbouring, real pixels destroy the subset?

Reading, by this rule. DESTROYED: the upper end of the share that is still sufficient is below 0.5. SURVIVES: its lower
end is above 0.5. Otherwise, or below n = 10, INCONCLUSIVE.
"""

from modicum_server.measures.families import Family, Title
from modicum_server.measures.intervals import SMALLEST_SAMPLE
from modicum_server.measures.measure import Measured, Reading
from modicum_server.measures.observations import Observations
from modicum_server.measures.rescored import LESS, MORE, against_limit, rescored
from modicum_server.measures.words import interval_text, share_text

CONTROL = "dilated"


def dilated(seen: Observations) -> Measured:
    """Return `dilated_sufficient_share` and `dilated_confidence_median`: each mask grown by a pixel in 8 directions."""
    return rescored(seen, "dilated", CONTROL)


def dilated_reading(measured: Measured) -> Reading | None:
    """Return the sentence about the control; None when it did not run."""
    survived = measured["dilated_sufficient_share"]
    if survived.value is None:
        return None
    settled = against_limit(survived)
    outcome = {MORE: "SURVIVES", LESS: "DESTROYED"}.get(settled, "INCONCLUSIVE")
    fact = (
        f"With the neighbouring pixels of the image added, {share_text(survived.value)} of {survived.n} subsets"
        f"{interval_text(survived.interval)} still suffice"
    )
    return Reading(CONTROL, f"{fact}: {_conclusion(outcome, survived.n)}.", outcome)


def _conclusion(outcome: str, n: int) -> str:
    if outcome == "SURVIVES":
        return "more of the same image does not undo the evidence"
    if outcome == "DESTROYED":
        return "more of the same image undoes it, so it was a pattern of isolated pixels and not the image's content"
    if n < SMALLEST_SAMPLE:
        return f"fewer than {SMALLEST_SAMPLE} subsets, so no verdict"
    return "whether the subsets need to stand isolated is not settled by this many images"


FAMILY = Family(
    dilated,
    {
        "dilated_sufficient_share": Title("Subsets that suffice with neighbouring pixels added"),
        "dilated_confidence_median": Title("Confidence with neighbouring pixels added, median"),
    },
    dilated_reading,
)
