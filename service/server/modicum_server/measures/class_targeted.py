"""The class-targeted control: could the same search have argued for any class?

If the bare fill alone argues for the other class, its subset is empty: found without a search. Such images count in the
found share and in a share of their own. They count in no size ratio, and not in the companion of `R`.

Rule of the reading. ANY_CLASS: the lower end of the share of bare fills is above 0.5; or the lower end of the found
share is, and the upper end of the median size ratio is at most 2. THIS_CLASS: the upper end of the found share is below
0.5; or the lower end of the ratio is above 2 and the upper end of the share of bare fills is below 0.5, so that the
ratio describes most images. Otherwise, or below n = 10, INCONCLUSIVE. An open end counts as beyond every limit. A
search that found nothing counts as larger than all. The outcome is about this search: that it can argue for any class
does not say what the model uses on whole images.
"""

import math

from modicum_server.measures.intervals import SMALLEST_SAMPLE
from modicum_server.measures.measure import Measure, Measured, Parameters, Reading, concluded, quantile_measure, share
from modicum_server.measures.measure_sets import POSITIVE, MeasureSet, Title
from modicum_server.measures.number_words import interval_text, ratio_text, share_text, times_text
from modicum_server.measures.observations import Observations
from modicum_server.measures.reading_outcomes import HALF, LARGER_RATIO, decided

CONTROL = "class_targeted"
NOT_RUN = "the class_targeted control ran on no image"
ALL_BARE = "wherever the class_targeted control ran, the bare fill alone reaches the threshold for the other class"


def class_targeted(seen: Observations) -> Measured:
    """Return the control's three measures.

    `class_targeted_found_share`, `class_targeted_baseline_confident_share`, where the bare fill alone argues for the
    other class, and `class_targeted_size_ratio_median` (other / predicted) over the images that were searched.
    """
    asked, searched, parameters = seen.other_size[seen.other_ran], seen.other_searched, budgets(seen)
    ratios = seen.other_size[searched] / seen.size[searched]
    return {
        "class_targeted_found_share": share(asked < math.inf, level=seen.level, empty=NOT_RUN, parameters=parameters),
        "class_targeted_baseline_confident_share": share(
            asked == 0, level=seen.level, empty=NOT_RUN, parameters=parameters
        ),
        "class_targeted_size_ratio_median": quantile_measure(
            ratios, 0.5, unit="ratio", level=seen.level, empty=nothing_searched(seen), parameters=parameters
        ),
    }


def budgets(seen: Observations) -> Parameters:
    """Return the `passes` of the control and the `searched_passes` of the search, or nothing without a budget."""
    return {"passes": seen.other_passes, "searched_passes": seen.search.passes} if seen.other_passes else {}


def search_text(measure: Measure) -> str:
    """Return how the other class was searched: with the same budget, or with another one."""
    passes = measure.parameters.get("passes")
    if passes == measure.parameters.get("searched_passes"):
        return "the same search"
    return f"a search with {passes:,} passes"


def nothing_searched(seen: Observations) -> str:
    """Return why there is no subset for another class to measure."""
    return ALL_BARE if seen.other_ran.any() else NOT_RUN


def class_targeted_reading(measured: Measured) -> Reading | None:
    """Return the sentence about the control; None when it did not run."""
    found, ratio = measured["class_targeted_found_share"], measured["class_targeted_size_ratio_median"]
    bare = measured["class_targeted_baseline_confident_share"]
    if found.value is None:
        return None
    fact = (
        f"For {share_text(found.value)} of {found.n} images{interval_text(found.interval)} {search_text(found)} "
        f"finds a subset for a random other class"
    )
    outcome, statements = decided(CONTROL, measured)
    return concluded(
        CONTROL,
        fact,
        _conclusion(outcome, found, bare, ratio),
        outcome,
        statements=statements,
        more=[*_sizes(ratio), *_bare(bare)],
    )


def _sizes(ratio: Measure) -> list[str]:
    """How large such a subset is beside that for the predicted class."""
    if ratio.value is not None:
        times = f"{times_text(ratio.value)} as large as for the predicted class"
        return [f"In the median it is {times}{interval_text(ratio.interval, ratio_text)}"]
    if ratio.interval is not None and ratio.interval.low is not None:
        return [f"In the median it is at least {times_text(ratio.interval.low)} as large as for the predicted class"]
    return []


def _bare(bare: Measure) -> list[str]:
    if not bare.value:
        return []
    return [f"For {share_text(bare.value)} of the images the bare fill alone suffices{interval_text(bare.interval)}"]


def _conclusion(outcome: str, found: Measure, bare: Measure, ratio: Measure) -> str:
    if outcome == "ANY_CLASS" and _low(bare) > HALF:
        return "on most images the fill alone makes the model confident of another class, so another fill is needed"
    if outcome == "ANY_CLASS":
        return (
            "on most images this search argues for another class with subsets at most "
            f"{times_text(LARGER_RATIO)} as large, so its subsets for the predicted class show no more than those"
        )
    if outcome == "THIS_CLASS":
        return f"this search argues more easily for the predicted class than for another{_fewer_passes(found)}"
    if found.n < SMALLEST_SAMPLE:
        return f"fewer than {SMALLEST_SAMPLE} images, so no verdict"
    return f"no verdict, because {_open_question(found, ratio)}"


def _fewer_passes(found: Measure) -> str:
    """What a reader must know where the other class was searched with less."""
    passes, searched = (found.parameters.get(name, 0) for name in ("passes", "searched_passes"))
    return f", which was searched with {searched:,} passes" if passes < searched else ""


def _open_question(found: Measure, ratio: Measure) -> str:
    if _low(found) <= HALF:
        return "it is open whether a search finds one for more than half of such images"
    if ratio.interval is None:
        return f"the sizes of fewer than {SMALLEST_SAMPLE} subsets can be compared"
    if _low(ratio) <= LARGER_RATIO:
        return f"it is open whether subsets for other classes are more than {times_text(LARGER_RATIO)} as large"
    return "it is open whether the bare fill alone suffices for more than half of such images"


def _low(measure: Measure) -> float:
    end = measure.interval.low if measure.interval is not None else None
    return -math.inf if end is None else end


def _high(measure: Measure) -> float:
    end = measure.interval.high if measure.interval is not None else None
    return math.inf if end is None else end


MEASURE_SET = MeasureSet(
    class_targeted,
    {
        "class_targeted_found_share": Title("Random other class: subset found"),
        "class_targeted_baseline_confident_share": Title("Random other class: the bare fill alone suffices"),
        "class_targeted_size_ratio_median": Title("Random other class: size ratio, median", range=POSITIVE),
    },
    class_targeted_reading,
)
