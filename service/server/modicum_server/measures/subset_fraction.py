"""The subset fraction: median and quartiles, overall, by correctness and by class.

A search that found nothing smaller counts as 1 (the whole image). A search for another class that found nothing counts
as larger than all. In the paper, subsets of misclassified images are smaller.
"""

from functools import partial

from modicum_server.measures.by_class import by_class
from modicum_server.measures.measure import Measure, Measured, quantile_measure
from modicum_server.measures.measure_sets import MeasureSet, Place, Title
from modicum_server.measures.observations import Booleans, Observations

UNIT = "pixels share"
QUANTILES = {"median": 0.5, "lower_quartile": 0.25, "upper_quartile": 0.75}
NONE_CORRECT = "no measured image is known to be classified correctly"
NONE_INCORRECT = "no measured image is known to be misclassified"


def subset_fraction(seen: Observations) -> Measured:
    """Return `subset_fraction_median`, `_lower_quartile` and `_upper_quartile`, grouped by target class."""
    return {
        f"subset_fraction_{name}": by_class(
            partial(_fraction, seen, q, empty=seen.nothing_measured), seen.measured, seen.target
        )
        for name, q in QUANTILES.items()
    }


def subset_fraction_by_correctness(seen: Observations) -> Measured:
    """Return the same for correct and incorrect predictions: `subset_fraction_median_correct` and so on."""
    labelled = seen.measured & seen.labelled
    split = {
        "correct": (labelled & seen.correct, NONE_CORRECT),
        "incorrect": (labelled & ~seen.correct, NONE_INCORRECT),
    }
    return {
        f"subset_fraction_{name}_{outcome}": _fraction(seen, q, where, empty=empty)
        for outcome, (where, empty) in split.items()
        for name, q in QUANTILES.items()
    }


def _fraction(seen: Observations, q: float, where: Booleans, *, empty: str) -> Measure:
    return quantile_measure(seen.fraction[where], q, unit=UNIT, level=seen.level, empty=empty)


MEASURE_SET = MeasureSet(
    subset_fraction,
    {
        "subset_fraction_median": Title("Subset fraction, median", Place.HEADLINE),
        "subset_fraction_lower_quartile": Title("Subset fraction, lower quartile"),
        "subset_fraction_upper_quartile": Title("Subset fraction, upper quartile"),
    },
)
BY_CORRECTNESS = MeasureSet(
    subset_fraction_by_correctness,
    {
        f"subset_fraction_{name}_{outcome}": Title(f"Subset fraction, {name.replace('_', ' ')}, {outcome} predictions")
        for outcome in ("correct", "incorrect")
        for name in QUANTILES
    },
)
