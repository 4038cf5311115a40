"""The mask-only control: is the shape of the mask the evidence? It is painted white on the mean, and black on the mean.

Reading, by this rule, on the median confidence that is left in the target class. SHAPE: its lower end is above 0.5 for
at least one paint. NOT_THE_SHAPE: its upper end is below 0.5 for both. Otherwise, or below n = 10, INCONCLUSIVE.
"""

from modicum_server.measures.intervals import SMALLEST_SAMPLE
from modicum_server.measures.measure import Measure, Measured, Reading, concluded
from modicum_server.measures.measure_sets import MeasureSet, Title
from modicum_server.measures.number_words import confidence_text, interval_text
from modicum_server.measures.observations import Observations
from modicum_server.measures.reading_outcomes import decided
from modicum_server.measures.rescored import rescored

CONTROL = "mask_only"
PAINTS = {"white_on_mean": "white", "black_on_mean": "black"}
"""Variants, and what the mask is painted with."""


def mask_only(seen: Observations) -> Measured:
    """Return `mask_only_VARIANT_sufficient_share` and `mask_only_VARIANT_confidence_median` for both paints."""
    return {
        name: measure for variant in PAINTS for name, measure in rescored(seen, variant, f"{CONTROL}_{variant}").items()
    }


def mask_only_reading(measured: Measured) -> Reading | None:
    """Return the sentence about the control; None when it did not run."""
    medians = {paint: measured[f"{CONTROL}_{variant}_confidence_median"] for variant, paint in PAINTS.items()}
    kept = {paint: median for paint, median in medians.items() if median.value is not None}
    if not kept:
        return None
    outcome, statements = decided(CONTROL, measured)
    n = max(median.n for median in kept.values())
    first, *others = (_left(paint, median) for paint, median in kept.items())
    fact = f"The bare shapes of {n} masks, painted on the mean, leave a median confidence of {first}"
    more = [f"They leave {other}" for other in others]
    return concluded(CONTROL, fact, _conclusion(outcome, n), outcome, statements=statements, more=more)


def _left(paint: str, median: Measure) -> str:
    return f"{confidence_text(median.value)} in {paint}{interval_text(median.interval, confidence_text)}"


def _conclusion(outcome: str, n: int) -> str:
    if outcome == "SHAPE":
        return "in at least one paint the shape alone leaves a confidence above one half on most images"
    if outcome == "NOT_THE_SHAPE":
        return (
            "in neither paint does the shape alone leave a confidence of one half on most images, so the "
            "content of the kept pixels counts"
        )
    if n < SMALLEST_SAMPLE:
        return f"fewer than {SMALLEST_SAMPLE} masks, so no verdict"
    return "these images do not settle how much of the evidence is the shape"


MEASURE_SET = MeasureSet(
    mask_only,
    {
        name: title
        for variant, paint in PAINTS.items()
        for name, title in {
            f"{CONTROL}_{variant}_sufficient_share": Title(f"Bare masks in {paint} that suffice"),
            f"{CONTROL}_{variant}_confidence_median": Title(f"Confidence of the bare mask in {paint}, median"),
        }.items()
    },
    mask_only_reading,
)
