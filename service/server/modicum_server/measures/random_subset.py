"""The random control: do as many random pixels suffice too?

Rule of the reading. ANY_PIXELS: the lower end of the share of random subsets that suffice is above 0.5. THESE_PIXELS:
its upper end is below 0.5. Otherwise, or below n = 10, INCONCLUSIVE.
"""

from modicum_server.measures.intervals import SMALLEST_SAMPLE
from modicum_server.measures.measure import Measure, Measured, Reading, concluded, share
from modicum_server.measures.measure_sets import MeasureSet, Title
from modicum_server.measures.number_words import interval_text, share_text
from modicum_server.measures.observations import Observations
from modicum_server.measures.reading_outcomes import decided
from modicum_server.measures.rescored import rescored

CONTROL = "random"
NOT_LABELLED = "no random subset of a labelled image was scored"


def random_subset(seen: Observations) -> Measured:
    """Return `random_sufficient_share`, `random_confidence_median` and `random_accuracy` of seeded, same-size subsets.

    The accuracy is over the labelled images among them.
    """
    found = seen.variants.get(CONTROL)
    accuracy = Measure(None, "share", 0, unavailable=NOT_LABELLED)
    if found is not None:
        correct = (found.predicted == seen.label)[found.ran & seen.labelled]
        accuracy = share(correct, level=seen.level, empty=NOT_LABELLED)
    return {**rescored(seen, CONTROL, CONTROL), "random_accuracy": accuracy}


def random_reading(measured: Measured) -> Reading | None:
    """Return the sentence about the control; None when it did not run."""
    sufficient = measured["random_sufficient_share"]
    if sufficient.value is None:
        return None
    outcome, statements = decided(CONTROL, measured)
    fact = (
        f"As many random pixels suffice on {share_text(sufficient.value)} of {sufficient.n} images"
        f"{interval_text(sufficient.interval)}"
    )
    return concluded(CONTROL, fact, _conclusion(outcome, sufficient.n), outcome, statements=statements)


def _conclusion(outcome: str, n: int) -> str:
    if outcome == "ANY_PIXELS":
        return "on most images as many random pixels suffice, so the subsets' pixels are not special there"
    if outcome == "THESE_PIXELS":
        return "on most images as many random pixels do not suffice"
    if n < SMALLEST_SAMPLE:
        return f"fewer than {SMALLEST_SAMPLE} images, so no verdict"
    return "these images do not settle whether as many random pixels would suffice"


MEASURE_SET = MeasureSet(
    random_subset,
    {
        "random_sufficient_share": Title("Random subsets of the same size that suffice"),
        "random_confidence_median": Title("Confidence of random subsets, median"),
        "random_accuracy": Title("Accuracy on random subsets"),
    },
    random_reading,
)
