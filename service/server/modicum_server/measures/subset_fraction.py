"""The subset fraction: median and quartiles, overall, by correctness and by class.

A search that found nothing smaller counts as 1 (the whole image); one for another class that found nothing as larger
than all. The paper: subsets of misclassified images are smaller.
"""

import numpy as np

from modicum_server.measures.measure import Measure, Measured, quantile_measure
from modicum_server.measures.observations import Booleans, Observations

UNIT = "pixels share"


def subset_fraction(seen: Observations) -> Measured:
    """Return `subset_fraction_median` (its groups by target class), `_lower_quartile`, `_upper_quartile`."""
    median = _fraction(seen, seen.measured, 0.5)
    return {
        "subset_fraction_median": Measure(
            median.value,
            median.unit,
            median.n,
            median.interval,
            median.parameters,
            median.unavailable,
            groups=_by_class(seen),
        ),
        "subset_fraction_lower_quartile": _fraction(seen, seen.measured, 0.25),
        "subset_fraction_upper_quartile": _fraction(seen, seen.measured, 0.75),
    }


def subset_fraction_by_correctness(seen: Observations) -> Measured:
    """Return `subset_fraction_median_correct` and `_incorrect`, by the label of the image."""
    labelled = seen.measured & seen.labelled
    return {
        "subset_fraction_median_correct": _fraction(
            seen, labelled & seen.correct, 0.5, empty="no measured image is known to be classified correctly"
        ),
        "subset_fraction_median_incorrect": _fraction(
            seen, labelled & ~seen.correct, 0.5, empty="no measured image is known to be misclassified"
        ),
    }


def _fraction(seen: Observations, where: Booleans, q: float, *, empty: str = "") -> Measure:
    return quantile_measure(seen.fraction[where], q, unit=UNIT, empty=empty or seen.nothing_measured)


def _by_class(seen: Observations) -> dict[str, Measure]:
    classes = np.unique(seen.target[seen.measured])
    return {str(index): _fraction(seen, seen.measured & (seen.target == index), 0.5) for index in classes}
