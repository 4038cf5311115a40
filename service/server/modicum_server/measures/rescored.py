"""The measures that all controls with a re-scored variant share, and the rule of their reading.

Whole images (budget exhausted) are left out: they have nothing to change. Must not know what a variant means.
"""

from modicum_server.measures.measure import Measure, Measured, quantile_measure, share
from modicum_server.measures.observations import Observations
from modicum_server.measures.reading_outcomes import HALF

MORE, LESS, UNSETTLED = 1, -1, 0


def rescored(seen: Observations, variant: str, name: str) -> Measured:
    """Return `NAME_sufficient_share` and `NAME_confidence_median` of a variant, unavailable if it did not run.

    The share counts subsets whose variant is still sufficient. The confidence is in the finding's target class.
    """
    found = seen.variants.get(variant)
    empty = f"no {variant} variant of a subset was scored"
    parameters = {"variant": variant, "threshold": seen.search.threshold}
    if found is None:
        return {
            f"{name}_sufficient_share": Measure(None, "share", 0, parameters=parameters, unavailable=empty),
            f"{name}_confidence_median": Measure(None, "confidence", 0, parameters=parameters, unavailable=empty),
        }
    return {
        f"{name}_sufficient_share": share(
            found.sufficient[found.ran], level=seen.level, empty=empty, parameters=parameters
        ),
        f"{name}_confidence_median": quantile_measure(
            found.confidence[found.ran], 0.5, unit="confidence", level=seen.level, empty=empty, parameters=parameters
        ),
    }


def against_half(measure: Measure) -> int:
    """Return MORE or LESS when the whole interval lies above or below `HALF`, else UNSETTLED."""
    if measure.interval is None:
        return UNSETTLED
    if measure.interval.low is not None and measure.interval.low > HALF:
        return MORE
    return LESS if measure.interval.high is not None and measure.interval.high < HALF else UNSETTLED
