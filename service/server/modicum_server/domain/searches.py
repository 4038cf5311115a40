"""What a search is to do: its method, threshold, fill and budget, and the controls beside it."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum


class SearchMethod(StrEnum):
    """A way to find a subset; see docs/method.md, "The searches"."""

    BACKSELECT = "backselect"
    BATCHED_GRADIENT = "batched_gradient"
    MASK_OPTIMIZATION = "mask_optimization"


class Fill(StrEnum):
    """What stands where a pixel is masked; see docs/method.md, "Words"."""

    MEAN = "mean"
    BLACK = "black"
    WHITE = "white"
    NOISE = "noise"
    BLUR = "blur"
    MARGINAL = "marginal"


class TargetRule(StrEnum):
    """Which class a search argues for."""

    PREDICTED = "predicted"
    RANDOM_OTHER = "random_other"


class Control(StrEnum):
    """A check beside every subset size; see docs/method.md, "What a small subset does not prove"."""

    CLASS_TARGETED = "class_targeted"
    FILL = "fill"
    FILL_ROBUST = "fill_robust"
    DILATED = "dilated"
    MASK_ONLY = "mask_only"
    RANDOM = "random"
    TRANSFER = "transfer"
    SHORTCUT = "shortcut"
    PIXEL_SUBSETS = "pixel_subsets"
    SPOT = "spot"


LEAST_SEARCH_PASSES = 10
"""Least budget of a search in passes: what modicum_sis needs to search at all. A test compares the two."""


@dataclass(frozen=True, slots=True)
class Canvas:
    """The grid on which images, masks and fills of one audit live."""

    channels: int
    height: int
    width: int

    @property
    def pixels(self) -> int:
        """Number of pixels, `p = height * width`."""
        return self.height * self.width


@dataclass(frozen=True, slots=True)
class Search:
    """One search, with every default filled in.

    `passes` is the budget on one image in pass-equivalents, for mask_optimization. `pixels_per_step` is for
    batched_gradient, and `fraction` for backselect, where 0 is the exact method. A number of another method is 0. A
    `matched` search repeats the same search on the members of an ensemble, at temperatures matched to the ensemble.
    """

    method: SearchMethod
    threshold: float
    fill: Fill = Fill.MEAN
    target_rule: TargetRule = TargetRule.PREDICTED
    passes: int = 0
    pixels_per_step: int = 0
    fraction: float = 0.0
    matched: bool = False

    @property
    def unmatched(self) -> "Search":
        """The search that this matched one repeats."""
        return replace(self, matched=False)

    @property
    def digest(self) -> str:
        """SHA-256 of the search: with the image and the version it is the key of a finding."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()


def whole_image_search(searches: Sequence[Search]) -> int:
    """Return the index of the search whose findings tell what is predicted on whole images.

    That is the first for the predicted class, which every version runs; without one, the first.
    """
    predicted = (
        index for index, one in enumerate(searches) if one.target_rule is TargetRule.PREDICTED and not one.matched
    )
    return next(predicted, 0)


@dataclass(frozen=True, slots=True)
class ControlPlan:
    """A control, on how many images it runs (0: all with a subset), and its budget (0: that of the search).

    `method` is the search of `pixel_subsets`. It is None for other controls, and in audits of 0.1.0, which had
    batched_gradient alone.
    """

    control: Control
    images: int = 0
    passes: int = 0
    method: SearchMethod | None = None
