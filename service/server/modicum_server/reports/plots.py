"""Plots as positions, which a template draws as SVG in the colours of the reader's scheme. Computes no measure.

All numbers are in units of the drawing. Subset fractions are on a log axis. Confidences are on an axis of log-odds, on
which 0.9, 0.99 and 0.999 are equally far apart.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from modicum_server.measures.intervals import quantile
from modicum_server.measures.number_words import share_text

WIDTH, LEFT, RIGHT = 460, 16, 444
TOP, LANE_TITLE, LANE_GAP, AXIS_HEIGHT = 22, 24, 16, 30
LOWEST_LANE, HIGHEST_LANE = 45, 108
DOT = 9
"""Diameter of a dot and width of a bin."""
SCATTER_TOP, SCATTER_BOTTOM, SCATTER_LEFT = 14, 214, 76
FEWEST_CROWDED_DECADES = 4
"""With this many ticks or more, only every second one has a text."""
MOST_ROWS, ROW_HEIGHT, ROW_LEFT, LONGEST_NAME = 20, 22, 168, 20
"""Classes of the drawing by class, the height of each, where their axis begins, and the letters of a name."""
RANGE_LEFT, RANGE_RIGHT = 5, 95
"""Where the axis of ranges begins and ends, in percent of the width that the page gives it."""
MOST_TICKS = 150
"""Most images of a class that are drawn one by one."""
MOST_POINTS = 1500
"""Most points of a plot: more would only make the page larger."""
SMALLEST_FRACTION = 1e-6
LOWEST_MARGIN, HIGHEST_MARGIN = -2.0, 16.0


@dataclass(frozen=True, slots=True)
class Tick:
    """A tick of an axis."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Lane:
    """One group of values over the shared axis, as dots if they fit, otherwise as bars (x, y, height).

    `median` and `quartiles` are None when they are unknown: without values, or when images without a subset reach them.
    """

    name: str
    kind: str
    note: str
    floor: float
    dots: tuple[tuple[float, float], ...]
    bars: tuple[tuple[float, float, float], ...]
    median: float | None
    quartiles: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Strips:
    """Lanes above one log axis of subset fractions; `limit` marks alpha."""

    height: float
    axis: float
    title_above: float
    lanes: tuple[Lane, ...]
    ticks: tuple[Tick, ...]
    limit: float


@dataclass(frozen=True, slots=True)
class Row:
    """One class over the shared axis: a mark for each image, and the median (None if it is not known)."""

    name: str
    note: str
    at: float
    marks: tuple[float, ...]
    median: float | None


@dataclass(frozen=True, slots=True)
class Rows:
    """Classes side by side above one log axis of subset fractions. `left_out` classes are not drawn."""

    height: float
    axis: float
    rows: tuple[Row, ...]
    ticks: tuple[Tick, ...]
    limit: float
    left_out: int


@dataclass(frozen=True, slots=True)
class Range:
    """A share and its interval in a row of its own; `value` is None if it is not known."""

    name: str
    value: float | None
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Ranges:
    """Shares below each other on one axis from 0% to 100%; places are in percent of the width."""

    rows: tuple[Range, ...]
    ticks: tuple[Tick, ...]


@dataclass(frozen=True, slots=True)
class Scatter:
    """Confidence over subset fraction; each point is (x, y, kind). `left_out` points are not drawn."""

    height: float
    axis: float
    points: tuple[tuple[float, float, str], ...]
    left_out: int
    across: tuple[Tick, ...]
    up: tuple[Tick, ...]
    limit: float


@dataclass(frozen=True, slots=True)
class Curve:
    """Mean confidence over the share of pixels kept, as SVG points. `band` is its interval, or empty.

    `limit` marks the share that the control scores.
    """

    height: float
    axis: float
    line: str
    band: str
    across: tuple[Tick, ...]
    up: tuple[Tick, ...]
    limit: float


@dataclass(frozen=True, slots=True)
class Values:
    """Subset fractions of one group. Infinite ones are images without a subset, which are only counted."""

    name: str
    kind: str
    fractions: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class _LogAxis:
    lowest: float
    left: float

    @classmethod
    def over(cls, fractions: Sequence[float], left: float = LEFT) -> "_LogAxis":
        smallest = max(SMALLEST_FRACTION, min((value for value in fractions if value > 0), default=0.01))
        return cls(min(-2.0, math.floor(math.log10(smallest) * 2) / 2), left)

    def at(self, fraction: float) -> float:
        place = (math.log10(max(fraction, 10**self.lowest)) - self.lowest) / -self.lowest
        return round(self.left + (RIGHT - self.left) * place, 1)

    def ticks(self) -> tuple[Tick, ...]:
        step = 1 if self.lowest > -FEWEST_CROWDED_DECADES else 2
        decades = [10.0**exponent for exponent in range(0, math.ceil(self.lowest) - 1, -step)]
        return tuple(Tick(self.at(value), f"{value * 100:g}%") for value in reversed(decades))


def strips(groups: Sequence[Values], alpha: float) -> Strips | None:
    """Return the distribution of each group; None without values."""
    finite = [value for group in groups for value in group.fractions if math.isfinite(value)]
    if not finite:
        return None
    axis = _LogAxis.over(finite)
    stacks = [_stacks(group, axis) for group in groups]
    tallest = max((count for stack in stacks for count in stack.values()), default=0)
    space = min(HIGHEST_LANE, max(LOWEST_LANE, tallest * DOT))
    floors = [TOP + (index + 1) * (LANE_TITLE + space) + index * LANE_GAP for index in range(len(groups))]
    scale = min(DOT, space / tallest)
    lanes = tuple(
        _lane(group, axis, stack, floor, scale) for group, stack, floor in zip(groups, stacks, floors, strict=True)
    )
    return Strips(floors[-1] + AXIS_HEIGHT, floors[-1], space + 8, lanes, axis.ticks(), axis.at(alpha))


def rows(groups: Sequence[Values], alpha: float) -> Rows | None:
    """Return the distribution of each class in a row of its own; None with fewer than two classes or no value."""
    finite = [value for group in groups for value in group.fractions if math.isfinite(value)]
    if not finite or len(groups) < 2:  # noqa: PLR2004  one class is the whole distribution
        return None
    axis, shown = _LogAxis.over(finite, ROW_LEFT), groups[:MOST_ROWS]
    bottom = TOP + len(shown) * ROW_HEIGHT
    return Rows(
        height=bottom + AXIS_HEIGHT,
        axis=bottom,
        rows=tuple(_row(group, axis, TOP + (place + 0.5) * ROW_HEIGHT) for place, group in enumerate(shown)),
        ticks=axis.ticks(),
        limit=axis.at(alpha),
        left_out=len(groups) - len(shown),
    )


def _row(group: Values, axis: _LogAxis, at: float) -> Row:
    marks = sorted(axis.at(value) for value in group.fractions if math.isfinite(value))
    thinned = marks[:: math.ceil(len(marks) / MOST_TICKS)] if marks else []
    _, median, _ = _quartiles(group)
    return Row(
        _shortened(group.name),
        _note(group, median),
        at,
        tuple(thinned),
        axis.at(median) if math.isfinite(median) else None,
    )


def ranges(shares: Sequence[tuple[str, tuple[float, float, float] | None]]) -> Ranges | None:
    """Return shares of (name, (value, low, high)) side by side; None where none has an interval."""
    if not any(bar for _, bar in shares):
        return None

    def across(share: float) -> float:
        return round(RANGE_LEFT + (RANGE_RIGHT - RANGE_LEFT) * share, 1)

    return Ranges(
        rows=tuple(
            Range(
                name,
                None if bar is None else across(bar[0]),
                across(0 if bar is None else bar[1]),
                across(0 if bar is None else bar[2]),
            )
            for name, bar in shares
        ),
        ticks=tuple(Tick(across(share), share_text(share)) for share in (0.0, 0.25, 0.5, 0.75, 1.0)),
    )


def _shortened(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"


def scatter(points: Sequence[tuple[float, float, str]], threshold: float, alpha: float) -> Scatter | None:
    """Return confidence over fraction from (fraction, margin, kind); None without points."""
    shown = [(fraction, margin, kind) for fraction, margin, kind in points if math.isfinite(fraction + margin)]
    if not shown:
        return None
    axis = _LogAxis.over([fraction for fraction, _, _ in shown], SCATTER_LEFT)
    bottom = max(LOWEST_MARGIN, math.log(threshold / (1 - threshold)) - 0.5)
    top = max(bottom + 4, min(HIGHEST_MARGIN, max(margin for _, margin, _ in shown) + 0.5))

    def height(margin: float) -> float:
        place = (min(max(margin, bottom), top) - bottom) / (top - bottom)
        return round(SCATTER_BOTTOM - (SCATTER_BOTTOM - SCATTER_TOP) * place, 1)

    confidences = (0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999, 0.999999)
    margins = [(value, math.log(value / (1 - value))) for value in confidences]
    return Scatter(
        height=SCATTER_BOTTOM + AXIS_HEIGHT,
        axis=SCATTER_BOTTOM,
        points=tuple((axis.at(fraction), height(margin), kind) for fraction, margin, kind in shown[:MOST_POINTS]),
        left_out=max(0, len(shown) - MOST_POINTS),
        across=axis.ticks(),
        up=tuple(Tick(height(margin), f"{value:g}") for value, margin in margins if bottom <= margin <= top),
        limit=axis.at(alpha),
    )


def curve(points: Sequence[Mapping[str, float | None]], kept_share: float) -> Curve | None:
    """Return the curve of (kept_share, confidence, low, high); None without points.

    Both axes are linear, from the whole image on the left to the bare fill on the right.
    """
    if not points:
        return None

    def across(kept: float) -> float:
        return round(SCATTER_LEFT + (RIGHT - SCATTER_LEFT) * (1 - kept), 1)

    def height(confidence: float) -> float:
        return round(SCATTER_BOTTOM - (SCATTER_BOTTOM - SCATTER_TOP) * confidence, 1)

    def along(name: str) -> list[str]:
        return [
            f"{across(kept)},{height(value)}"
            for point in points
            if (kept := point["kept_share"]) is not None and (value := point[name]) is not None
        ]

    return Curve(
        height=SCATTER_BOTTOM + AXIS_HEIGHT,
        axis=SCATTER_BOTTOM,
        line=" ".join(along("confidence")),
        band=" ".join([*along("low"), *reversed(along("high"))]),
        across=tuple(Tick(across(kept), share_text(kept)) for kept in (1.0, 0.75, 0.5, 0.25, 0.0)),
        up=tuple(Tick(height(value), f"{value:g}") for value in (0.0, 0.25, 0.5, 0.75, 1.0)),
        limit=across(kept_share),
    )


def _stacks(group: Values, axis: _LogAxis) -> dict[int, int]:
    """Return the number of values in each bin along the axis."""
    stacks: dict[int, int] = {}
    for value in group.fractions:
        if math.isfinite(value):
            place = int((axis.at(value) - axis.left) // DOT)
            stacks[place] = stacks.get(place, 0) + 1
    return stacks


def _lane(group: Values, axis: _LogAxis, stacks: dict[int, int], floor: float, scale: float) -> Lane:
    """Return dots of full size if the highest stack has room for them (`scale` is DOT), otherwise bars."""
    fits = scale >= DOT
    dots = tuple(
        (axis.left + (place + 0.5) * DOT, floor - (step + 0.5) * DOT)
        for place, count in sorted(stacks.items())
        for step in range(count if fits else 0)
    )
    bars = tuple(
        (axis.left + place * DOT, round(floor - count * scale, 1), round(count * scale, 1))
        for place, count in sorted(stacks.items())
    )
    lower, median, upper = _quartiles(group)
    return Lane(
        name=group.name,
        kind=group.kind,
        note=_note(group, median),
        floor=floor,
        dots=dots,
        bars=() if fits else bars,
        median=axis.at(median) if math.isfinite(median) else None,
        quartiles=(axis.at(lower), axis.at(upper)) if math.isfinite(upper) else None,
    )


def _quartiles(group: Values) -> tuple[float, float, float]:
    """Return lower quartile, median and upper quartile; infinite where unknown."""
    if not group.fractions:
        return math.inf, math.inf, math.inf
    lower, median, upper = (quantile(np.array(group.fractions), q) for q in (0.25, 0.5, 0.75))
    return lower, median, upper


def _note(group: Values, median: float) -> str:
    if not group.fractions:
        return "no image"
    missing = sum(not math.isfinite(value) for value in group.fractions)
    found = f"n = {len(group.fractions)}"
    if math.isfinite(median):
        found += f", median {share_text(median)}"
    return f"{found}, {missing} not found" if missing else found
