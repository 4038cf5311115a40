"""Rows of a result and of a baseline that nobody measured: what a plan assumes of rules that compare. Judges nothing.

Of paired predictions 4% differ, as many gained as lost. The geometric mean of the ratios of sizes lies half-way between
the policy's limit and 1, by their logarithms, which spread as those of two networks that were trained alike. All images
are eligible with both, so the logits have one scale.
"""

import math
from collections.abc import Mapping
from statistics import NormalDist
from typing import Any

from modicum.gate.assumed import VERSION
from modicum.gate.assumed_measures import DIFFERING, IMAGES, SPREAD
from modicum.gate.policy import Policy

TYPICAL_SIZE = 2_000
"""Pixels kept with the baseline."""
MARGIN = 4.0
"""Log-odds of every image with both."""
SHUFFLE = 383
"""Shares no factor with `IMAGES`, so that ratios of all sizes come in each class, and early: a plan begins with few."""

PAIR_ASSUMPTIONS = (
    "with the baseline, images are predicted and searched as often as with the new version",
    "the ratio of sizes to the baseline lies halfway between its limit and 1",
    f"sizes of one image differ from the baseline's by a factor of {math.exp(SPREAD):.1f} (one standard deviation)",
)


def with_assumed_rows(
    document: Mapping[str, Any], policy: Policy, classes: int
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return an assumed result with rows, and the baseline that it is compared with."""
    limit = min((rule.min_ratio_to_baseline or 1.0 for rule in policy.rules), default=1.0)
    ratio = math.sqrt(min(1.0, limit))
    (model,) = document["models"]
    whole = {
        **document,
        "models": [{**model, "mean_fill": [0.5]}],
        "parameters": {"device": "", "dtype": "", "versions": {}},
    }
    pairs = [_pair(at, classes, ratio) for at in range(IMAGES)]
    searches = range(len(model["searches"]))
    ours, theirs = ([{**pair[side], "search_index": at} for pair in pairs for at in searches] for side in (0, 1))
    return {**whole, "rows": ours}, {**whole, "rows": theirs}


def _pair(at: int, classes: int, ratio: float) -> tuple[dict[str, Any], dict[str, Any]]:
    """The rows of one image. Images of a class stand together, and of each class the same share differs."""
    label, every = at * classes // IMAGES, round(2 / DIFFERING)
    lost, gained = at % every == every // 4, at % every == every * 3 // 4
    apart = NormalDist().inv_cdf(((at * SHUFFLE + IMAGES // 2) % IMAGES + 0.5) / IMAGES) * SPREAD
    size = TYPICAL_SIZE * ratio * math.exp(apart)
    return _row(at, label, right=not lost, size=size), _row(at, label, right=not gained, size=TYPICAL_SIZE)


def _row(at: int, label: int, *, right: bool, size: float) -> dict[str, Any]:
    return {
        "image_digest": f"{at:06d}",
        "model_version": VERSION,
        "label": label,
        "predicted_class": label if right else label + 1,
        "eligible": True,
        "margin": MARGIN,
        "reason": None,
        "baseline_confident": False,
        "budget_exhausted": False,
        "subset": {"size": size},
    }
