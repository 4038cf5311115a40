"""Passes that a search of one image takes, by its method.

mask_optimization has a budget. The other methods have none: they take what their steps take on the canvas.
"""

import math
from collections.abc import Mapping
from typing import Any

Document = Mapping[str, Any]
WITH_BUDGET = "mask_optimization"
STEP_PASSES = 3
"""Of batched_gradient: a step is a forward pass and a backward one, which counts as two."""


def has_budget(search: Document) -> bool:
    """Return whether a search has a budget of passes. Documents that name no method are of the one that has."""
    return bool(search.get("method", WITH_BUDGET) == WITH_BUDGET)


def passes_an_image(search: Document, canvas: Document | None, *, most: int) -> int:
    """Return the passes of a search of one image, without those beside its steps; 0 if the document does not tell.

    Counting stops above `most`.
    """
    if has_budget(search):
        return int(search.get("passes", 0))
    if canvas is None:
        return 0
    pixels = canvas["height"] * canvas["width"]
    if search["method"] == "batched_gradient":
        step = search.get("pixels_per_step", 0)
        return STEP_PASSES * math.ceil(pixels / step) if step else 0
    return backselect_passes(pixels, search.get("fraction", 0.0), most=most)


def backselect_passes(pixels: int, fraction: float, *, most: int) -> int:
    """Return the passes of backselect on one image; counting stops above `most`.

    Each step costs a pass for every pixel that remains: p(p+1)/2 in all where a step removes one pixel.
    """
    if fraction == 0:
        return pixels * (pixels + 1) // 2
    passes = 0
    while pixels and passes <= most:
        passes += pixels
        pixels -= max(1, math.ceil(fraction * pixels))
    return passes
