"""Weak cues: networks whose cue 30% to 50% of other pictures follow, which the design of `cases` hardly ever gives.

How many follow a cue is only known after training. So each search trains networks with the same cue, weaker or stronger
by a grid, and halves the grid until a network lies in the range. Between two neighbouring levels it goes on halving:
that was added after the first twelve networks, because some shares jumped over the range. Only the followed share
decides; no audit is made before. Nothing here trains anything. No limit of the rule may be chosen on these networks.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from benchmarks.planted.cases import CLASSES, Case
from benchmarks.planted.cues import Cue, Look, Where

RANGE = (0.3, 0.5)
"""Least share that follows, and the share below which it lies."""
OPACITIES = (0.05, 0.08, 0.12, 0.17, 0.25, 0.35, 0.5, 0.7, 0.85)
STRAYS = (0.5, 0.35, 0.25, 0.18, 0.12, 0.08, 0.05, 0.02, 0.01)
"""Both from the weakest cue to the strongest."""
LEVELS = len(OPACITIES)
FINEST = 0.25
"""Between levels, the smallest step."""
FIRST_SEED = 100
DRAWN = 13
"""Seed of the classes."""


class Way(StrEnum):
    """How a cue is weakened."""

    PALE = "paler"
    HALF = "paler, on half of the pictures"
    STRAY = "strays"


KINDS = (
    ("plain", Where.CENTRE, Way.STRAY),
    ("plain", Where.MOVING, Way.PALE),
    ("plain", Where.CORNER, Way.HALF),
    ("plain", Where.WATERMARK, Way.STRAY),
    ("plain", Where.RING, Way.HALF),
    ("plain", Where.LINE, Way.STRAY),
    ("plain", Where.CENTRE, Way.HALF),
    ("plain", Where.MOVING, Way.STRAY),
    ("plain", Where.CORNER, Way.STRAY),
    ("plain", Where.WATERMARK, Way.PALE),
    ("plain", Where.RING, Way.STRAY),
    ("plain", Where.LINE, Way.PALE),
    ("resnet8", Where.MOVING, Way.PALE),
    ("resnet8", Where.CENTRE, Way.STRAY),
    ("resnet8", Where.CORNER, Way.HALF),
    ("resnet8", Where.RING, Way.STRAY),
    ("resnet8", Where.WATERMARK, Way.PALE),
    ("resnet8", Where.LINE, Way.HALF),
    ("plain", Where.CENTRE, Way.PALE),
    ("plain", Where.MOVING, Way.HALF),
    ("plain", Where.CORNER, Way.PALE),
    ("plain", Where.WATERMARK, Way.HALF),
    ("plain", Where.RING, Way.PALE),
    ("plain", Where.LINE, Way.HALF),
)
"""The last six were added after the first seven audits, so that plain networks have each kind in each way."""


@dataclass(frozen=True, slots=True)
class WeakCue:
    """A cue of one class whose strength is sought."""

    architecture: str
    where: Where
    way: Way
    target_class: int
    seed: int

    def value(self, level: float) -> float:
        """The opacity, or the share that strays, at a level of the grid; geometric between two."""
        grid = STRAYS if self.way is Way.STRAY else OPACITIES
        return round(float(np.exp(np.interp(level, range(LEVELS), np.log(grid)))), 3)

    def case(self, level: float) -> Case:
        """The network at a level of the grid."""
        stray = self.way is Way.STRAY
        cue = Cue(
            self.where,
            Look.OPAQUE if stray and self.where is not Where.WATERMARK else Look.FAINT,
            (self.target_class,),
            0.5 if self.way is Way.HALF else 1.0,
            opacity=None if stray else self.value(level),
            stray=self.value(level) if stray else 0.0,
        )
        return Case("cifar10", self.architecture, cue, "one", self.seed)


def weak_cues() -> list[WeakCue]:
    """All that are sought."""
    drawn = np.random.default_rng(DRAWN)
    return [
        WeakCue(architecture, where, way, int(drawn.integers(CLASSES)), FIRST_SEED + number)
        for number, (architecture, where, way) in enumerate(KINDS)
    ]


def next_level(followed: Mapping[float, float]) -> float | None:
    """The level to train next, by the shares that follow at the levels trained so far; None at the end of a search."""
    low: float = -1
    high: float = LEVELS
    while high - low > 1 or (high - low > FINEST and 0 <= low < high < LEVELS):
        middle = (low + high) // 2 if high - low > 1 else (low + high) / 2
        if middle not in followed:
            return middle
        if in_range(followed[middle]):
            return None
        low, high = (middle, high) if followed[middle] < RANGE[0] else (low, middle)
    return None


def in_range(share: float) -> bool:
    """Whether a network with a cue that so many follow is audited."""
    return RANGE[0] <= share < RANGE[1]
