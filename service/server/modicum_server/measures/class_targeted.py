"""The class-targeted control: could the same search have argued for any class?

Reading, by this rule. ANY_CLASS: the found share's lower end is above 0.5 and the median size ratio's upper end at most
2. THIS_CLASS: the found share's upper end is below 0.5, or the ratio's lower end above 2. Otherwise, or below n = 10,
INCONCLUSIVE. An open end counts as beyond every limit. Searches that found nothing count as larger than all. Images
whose other class the bare fill alone argues for are left out.
"""

import math

from modicum_server.measures.families import Family, Title
from modicum_server.measures.intervals import SMALLEST_SAMPLE
from modicum_server.measures.measure import Measure, Measured, Reading, quantile_measure, share
from modicum_server.measures.observations import Observations
from modicum_server.measures.words import interval_text, ratio_text, share_text, times_text

CONTROL = "class_targeted"
FOUND_LIMIT = 0.5
RATIO_LIMIT = 2.0
NOT_RUN = "the class_targeted control ran on no image"


def class_targeted(seen: Observations) -> Measured:
    """Return `class_targeted_found_share` and `class_targeted_size_ratio_median` (other / predicted)."""
    other = seen.other_size[seen.other_ran]
    return {
        "class_targeted_found_share": share(other < math.inf, level=seen.level, empty=NOT_RUN),
        "class_targeted_size_ratio_median": quantile_measure(
            other / seen.size[seen.other_ran], 0.5, unit="ratio", level=seen.level, empty=NOT_RUN
        ),
    }


def class_targeted_reading(measured: Measured) -> Reading | None:
    """Return the sentence about the control; None when it did not run."""
    found, ratio = measured["class_targeted_found_share"], measured["class_targeted_size_ratio_median"]
    if found.value is None:
        return None
    fact = (
        f"For {share_text(found.value)} of {found.n} images{interval_text(found.interval)} the same search finds "
        f"a subset for a random other class"
    )
    if ratio.value is not None:
        fact += f", in the median {times_text(ratio.value)} as large{interval_text(ratio.interval, ratio_text)}"
    outcome = _outcome(found, ratio)
    return Reading(CONTROL, f"{fact}: {_conclusion(outcome, found.n)}.", outcome)


def _outcome(found: Measure, ratio: Measure) -> str:
    if found.interval is None or ratio.interval is None:
        return "INCONCLUSIVE"
    if _low(found) > FOUND_LIMIT and _high(ratio) <= RATIO_LIMIT:
        return "ANY_CLASS"
    if _high(found) < FOUND_LIMIT or _low(ratio) > RATIO_LIMIT:
        return "THIS_CLASS"
    return "INCONCLUSIVE"


def _conclusion(outcome: str, n: int) -> str:
    if outcome == "ANY_CLASS":
        return "the mask, not the pixels, carries much of the decision"
    if outcome == "THIS_CLASS":
        return "the search argues for the predicted class far more easily than for another, so the pixels carry weight"
    if n < SMALLEST_SAMPLE:
        return f"fewer than {SMALLEST_SAMPLE} images, so no verdict"
    return "whether the mask or the pixels carry the decision is not settled by this many images"


def _low(measure: Measure) -> float:
    end = measure.interval.low if measure.interval is not None else None
    return -math.inf if end is None else end


def _high(measure: Measure) -> float:
    end = measure.interval.high if measure.interval is not None else None
    return math.inf if end is None else end


FAMILY = Family(
    class_targeted,
    {
        "class_targeted_found_share": Title("Random other class: subset found"),
        "class_targeted_size_ratio_median": Title("Random other class: size ratio, median"),
    },
    class_targeted_reading,
)
