"""The rule `subset-fraction` against a baseline: sizes in pairs, whose logarithms differ by a mean and a spread."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.gate.documents import IMAGES, VERSION, document, outcome, policy
from benchmarks.gate.rows import AT_LIMIT, BEYOND, WITHIN, Drawn, Row, Truths

TRUTHS = Truths(limit=0.8, within=1.0, beyond=0.6)
SPREAD = 0.7
"""Standard deviation of the logarithms of the ratios: two searches of one image by networks trained alike differ so."""
TYPICAL = 2_000.0
"""Pixels kept, the median of the baseline's."""
MARGIN = 4.0
"""Log-odds of every image with both versions: the logits have one scale, so sizes alone decide."""
Floats = NDArray[np.float64]
MakeLogs = Callable[[int, Drawn], Floats]
#: By the form of the distribution, logarithms of mean 0 and standard deviation 1.
FORMS: Mapping[str, MakeLogs] = {
    "normal": lambda n, drawn: drawn.standard_normal(n),
    "skewed": lambda n, drawn: drawn.exponential(size=n) - 1,
}
SIZES = (100, IMAGES)


def rows() -> Iterator[Row]:
    """Yield every form, number of images and case. There is one such rule, so no case has several."""
    for form, make in FORMS.items():
        for images in SIZES:
            for case in (AT_LIMIT, WITHIN, BEYOND):
                kind = f"ratio to a baseline, {form} logarithms, {images} images"
                yield Row(kind, 1, case, _drawing(make, images, TRUTHS.of(case)[0]))


def _drawing(make: MakeLogs, images: int, ratio: float) -> Callable[[Drawn], str]:
    by = policy(
        "spot: off", f"subset-fraction: {{min_ratio_to_baseline: {TRUTHS.limit}}}", keys=("baseline: {file: b}",)
    )

    def draw(drawn: Drawn) -> str:
        before = TYPICAL * np.exp(drawn.standard_normal(images))
        after = before * ratio * np.exp(SPREAD * make(images, drawn))
        return outcome(_reported(after), by, baseline=_reported(before))

    return draw


def _reported(sizes: Floats) -> dict[str, Any]:
    """A result with its rows. Sizes are not rounded, so that the true ratio is what was asked for."""
    whole = document()
    search = whole["models"][0]["searches"][0]["search"]
    canvas = {"channels": 3, "height": 224, "width": 224}
    whole["specification"] |= {"canvas": canvas, "searches": [search]}
    whole["models"][0]["mean_fill"] = [0.5]
    return {
        **whole,
        "parameters": {"device": "cpu", "dtype": "float32", "versions": {"torch": "2"}},
        "rows": [_row(at, size) for at, size in enumerate(sizes.tolist())],
    }


def _row(at: int, size: float) -> dict[str, Any]:
    return {
        "image_digest": f"{at:06d}",
        "model_version": VERSION,
        "search_index": 0,
        "label": None,
        "predicted_class": 0,
        "eligible": True,
        "margin": MARGIN,
        "reason": None,
        "baseline_confident": False,
        "budget_exhausted": False,
        "subset": {"size": size},
    }
