"""Whether the logits of a version are softer than a baseline's: divided by more, they change no prediction.

Softer logits alone enlarge subsets at a fixed threshold. They show in the number of eligible images. Where nearly all
images are eligible, that number hardly changes. The images are then counted whose margin (log-odds of the predicted
class) reaches the baseline's median. Must not know what is compared.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from modicum.gate.baseline_file import ImageResult
from modicum.gate.paired import is_softer
from modicum.gate.tails import FEWEST_PAIRS

Images = Sequence[tuple[ImageResult, ImageResult]]
"""Each image's results: the new one, and the baseline's."""


class Scale(StrEnum):
    """How the logits compare with the baseline's."""

    ALIKE = "ALIKE"
    SOFTER = "SOFTER"
    SHARPER = "SHARPER"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class Seen:
    """How the logits compare, and what was counted, in words."""

    scale: Scale
    counted: str


def scale_of(images: Images) -> Seen:
    """Return how the logits compare, over the images that both predicted."""
    scored = [both for both in images if all(one.predicted is not None for one in both)]
    mine, theirs = (sum(both[side].eligible for both in scored) for side in (0, 1))
    told = Seen(_compared(mine, theirs), f"of {len(scored)} images {mine} are eligible, {theirs} with the baseline")
    nearly_all = len(scored) - min(mine, theirs) < FEWEST_PAIRS
    return _by_margin(scored, told) if told.scale is Scale.ALIKE and nearly_all else told


def _by_margin(scored: Images, told: Seen) -> Seen:
    """The same at the median of the baseline's margins."""
    margins = [(mine.margin, theirs.margin) for mine, theirs in scored]
    if not margins or any(margin is None for both in margins for margin in both):
        return Seen(Scale.UNKNOWN, f"{told.counted}; the margins are not known, so no closer comparison is possible")
    values = np.array(margins, dtype=np.float64)
    median = float(np.median(values[:, 1]))
    mine, theirs = (int(count) for count in (values >= median).sum(axis=0))
    counted = f"{mine} reach its median margin, {theirs} with the baseline"
    return Seen(_compared(mine, theirs), f"{told.counted}; {counted}")


def _compared(mine: int, theirs: int) -> Scale:
    if is_softer(mine, theirs):
        return Scale.SOFTER
    return Scale.SHARPER if is_softer(theirs, mine) else Scale.ALIKE
