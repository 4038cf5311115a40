"""The fill control: does a subset survive another fill?

Rule of the reading. SURVIVES: under every other fill the lower end of the surviving share is above 0.5.
DEPENDS_ON_FILL: under at least one fill its upper end is below 0.5. Otherwise, or below n = 10, INCONCLUSIVE. Whole
images (budget exhausted) are left out: no fill shows in them.
"""

from collections.abc import Collection, Mapping

import numpy as np

from modicum_server.domain.searches import Fill
from modicum_server.measures.intervals import SMALLEST_SAMPLE
from modicum_server.measures.measure import Measure, Measured, Reading, concluded, share
from modicum_server.measures.measure_sets import MeasureSet, Title
from modicum_server.measures.number_words import enumeration, interval_text, share_text
from modicum_server.measures.observations import Observations
from modicum_server.measures.reading_outcomes import HALF, decided

CONTROL = "fill"
PREFIX = "fill_survival_"


def fill_survival(seen: Observations) -> Measured:
    """Return `fill_survival_FILL` for every other fill: the share of subsets still sufficient.

    Nothing if the control did not run. A fill under which nothing could be scored, such as `marginal` with fewer than
    two donors, is unavailable.
    """
    if not seen.fills:
        return {}
    nothing = np.zeros(0, dtype=np.bool_)
    scored = {fill: sufficient[ran] for fill, (ran, sufficient) in seen.fills.items()}
    return {
        f"{PREFIX}{fill}": share(
            scored.get(fill, nothing),
            level=seen.level,
            empty=f"no subset was scored on the {fill} fill",
            parameters={"fill": fill, "searched_fill": seen.search.fill.value, "threshold": seen.search.threshold},
        )
        for fill in sorted(fill.value for fill in Fill if fill is not seen.search.fill)
    }


def fill_reading(measured: Measured) -> Reading | None:
    """Return the sentence about the control; None when it did not run."""
    tried = {str(one.parameters["fill"]): one for name, one in measured.items() if name.startswith(PREFIX)}
    survival = {fill: measure for fill, measure in tried.items() if measure.value is not None}
    if not survival:
        return None
    searched = next(iter(survival.values())).parameters["searched_fill"]
    n = max(measure.n for measure in survival.values())
    first, *others = (_share_on(fill, one, n) for fill, one in survival.items())
    outcome, statements = decided(CONTROL, measured)
    return concluded(
        CONTROL,
        f"Of {n} subsets found on the {searched} fill, {first}",
        _conclusion(outcome, survival, n),
        outcome,
        statements=statements,
        more=[*others, *_missing(tried.keys() - survival.keys())],
    )


def _share_on(fill: str, measure: Measure, n: int) -> str:
    """With the number of subsets, where that is not the one that the reading begins with."""
    of = "" if measure.n == n else f" of {measure.n}"
    return f"{share_text(measure.value or 0.0)}{of} still suffice on {fill}{interval_text(measure.interval)}"


def _missing(fills: Collection[str]) -> list[str]:
    return [f"None could be scored on {enumeration(sorted(fills))}"] if fills else []


def _fails_for_most(measure: Measure) -> bool:
    interval = measure.interval
    return interval is not None and interval.high is not None and interval.high < HALF


def _conclusion(outcome: str, survival: Mapping[str, Measure], n: int) -> str:
    if outcome == "SURVIVES":
        return f"most of them suffice on {enumeration(list(survival))} too"
    if outcome == "DEPENDS_ON_FILL":
        failing = enumeration([fill for fill, measure in survival.items() if _fails_for_most(measure)])
        return f"most of them no longer suffice on {failing}, so they depend on the fill"
    if n < SMALLEST_SAMPLE:
        return f"fewer than {SMALLEST_SAMPLE} subsets, so no verdict"
    return "these subsets do not settle whether the fill is part of the evidence"


MEASURE_SET = MeasureSet(
    fill_survival,
    {f"{PREFIX}{fill.value}": Title(f"Subsets that survive the {fill.value} fill") for fill in Fill},
    fill_reading,
)
