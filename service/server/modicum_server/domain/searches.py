"""What a search is asked to do: method, threshold, fill, budget, and the controls beside it."""

import hashlib
import json
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
        """Positions of the canvas, `p = height * width`."""
        return self.height * self.width


@dataclass(frozen=True, slots=True)
class Search:
    """One search, every default filled in.

    `passes` is a budget an image in pass-equivalents (mask_optimization), `pixels_per_step` belongs to
    batched_gradient, `fraction` to backselect (0 is the exact method); what does not belong to the method is 0.
    `matched` repeats the search of the same kind on an ensemble's members, at temperatures matched to the ensemble's.
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
        """The search that a matched one repeats."""
        return replace(self, matched=False)

    @property
    def digest(self) -> str:
        """SHA-256 of the search: what a finding is keyed by, beside its image and its version."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class ControlPlan:
    """A control, the number of images it runs on (0: all with a subset) and its budget (0: the search's own)."""

    control: Control
    images: int = 0
    passes: int = 0
