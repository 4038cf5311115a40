"""The rule `mitigation`: an ensemble of two members, whose ratios of sizes differ by a mean and a spread.

The verdict that a result states looks at a bootstrap interval of each ratio. Here it is that of Student's t and Hall's
transformation, by which the gate judges means: 10,000 resamples for each of 10,000 verdicts take too long.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from modicum.gate.ensembles import stated_verdict
from modicum.gate.means import Mean, mean_ends
from modicum_server.domain.statistics import DEFAULTS
from modicum_server.measures.comparisons import difference_to_mean
from modicum_server.measures.mitigation_rule import LEAST_IMAGES, MITIGATED

from benchmarks.gate.documents import IMAGES, VERSION, document, outcome, policy
from benchmarks.gate.ratios import FORMS, SPREAD, Floats, MakeLogs
from benchmarks.gate.rows import AT_LIMIT, BEYOND, ONE_AT_LIMIT, WITHIN, Drawn, Row, Truths

RATIO = Truths(limit=DEFAULTS.ratio_limit, within=1.4, beyond=0.9)
LOST = Truths(limit=-DEFAULTS.accuracy_limit, within=0.0, beyond=0.0)
"""Accuracy that the ensemble loses. Beyond is the ratio alone: lost accuracy fails no ensemble."""
SHARED = 0.5
"""Part of the variance of a logarithm that the search at matched temperatures has in common with the plain one."""
MEMBERS = 2


def rows() -> Iterator[Row]:
    """Yield every form and case. There is one such rule; of its statements one or all lie at their limits."""
    for form, make in FORMS.items():
        for case in (AT_LIMIT, ONE_AT_LIMIT, WITHIN, BEYOND):
            ratio, _ = RATIO.of(case)
            _, lost = LOST.of(case)
            yield Row(f"ensemble, {form} logarithms", 1, case, _drawing(make, ratio, lost))


def _drawing(make: MakeLogs, ratio: float, lost: float) -> Callable[[Drawn], str]:
    by = policy("spot: off", f"mitigation: {{expect: [{MITIGATED}]}}")

    def draw(drawn: Drawn) -> str:
        common = make(IMAGES, drawn)
        plain, matched = (_log_ratios(ratio, common, make(IMAGES, drawn)) for _ in range(2))
        entry = {
            "ensemble": VERSION,
            "measures": {
                "subset_fraction_ratio": _ratio(plain),
                "matched_subset_fraction_ratio": _ratio(matched),
                "accuracy_difference": _accuracy(lost, drawn),
            },
            "matched_eligibility": {},
            "limits": {
                "ratio": DEFAULTS.ratio_limit,
                "accuracy_difference": DEFAULTS.accuracy_limit,
                "images": LEAST_IMAGES,
            },
        }
        whole = document()
        whole["specification"]["searches"] = [whole["models"][0]["searches"][0]["search"]]
        return outcome({**whole, "mitigation": [{**entry, "verdict": stated_verdict(entry)}]}, by)

    return draw


def _log_ratios(ratio: float, common: Floats, own: Floats) -> Floats:
    """Logarithms of the ratios of sizes, ensemble to members, (n,)."""
    return math.log(ratio) + SPREAD * (math.sqrt(SHARED) * common + math.sqrt(1 - SHARED) * own)


def _ratio(logs: Floats) -> dict[str, Any]:
    """The geometric mean of the ratios, as a document has it."""
    mean = Mean.of(logs, logarithms=True)
    low, high = mean_ends(mean, DEFAULTS.level)
    return {
        "value": mean.value,
        "unit": "ratio",
        "n": mean.n,
        "interval": {"low": low, "high": high, "level": DEFAULTS.level, "method": "t and Hall"},
        "evidence": {"deviation": mean.deviation, "skewness": mean.skewness, "logarithms": True},
    }


def _accuracy(lost: float, drawn: Drawn) -> dict[str, Any]:
    """The difference in accuracy where both members are right, and the ensemble is wrong at a rate."""
    right = np.ones((1 + MEMBERS, IMAGES), dtype=np.int64)
    right[0] = drawn.random(IMAGES) >= lost
    return difference_to_mean(right, empty="").as_json()
