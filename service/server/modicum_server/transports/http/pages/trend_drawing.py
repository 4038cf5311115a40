"""Draws trends as SVG: a dot for each figure, a bar for its interval, a line between figures that compare.

Limits are lines across the drawing.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from modicum.gate.verdict import class_words

from modicum_server.transports.http.pages.words import amount, label_of, reach
from modicum_server.usecases.trends import Trend, TrendPoint

WIDTH, HEIGHT = 640.0, 170.0
LEFT, RIGHT, TOP, BOTTOM = 84.0, 16.0, 14.0, 26.0
TICKS = 3
SMALL_WIDTH, SMALL_HEIGHT, MARGIN = 150.0, 34.0, 4.0
ROUND = (1.0, 2.0, 5.0, 10.0)
"""The first digits of the ends of an axis."""


@dataclass(frozen=True, slots=True)
class Dot:
    """A figure in the drawing. `low` and `high` are the ends of its bar, None without an interval."""

    x: float
    y: float
    low: float | None
    high: float | None
    text: str
    version: str
    is_joined: bool
    broken: str


@dataclass(frozen=True, slots=True)
class Tick:
    """A line across the drawing, and its number."""

    y: float
    text: str


@dataclass(frozen=True, slots=True)
class TrendDrawing:
    """A drawing of WIDTH x HEIGHT, and what stands beside it for those who do not see it."""

    trend: Trend
    dots: Sequence[Dot]
    ticks: Sequence[Tick]
    limits: Sequence[Tick]
    width: float = WIDTH
    height: float = HEIGHT
    left: float = LEFT


@dataclass(frozen=True, slots=True)
class SmallDot:
    """A figure in a small drawing."""

    x: float
    y: float
    is_joined: bool


@dataclass(frozen=True, slots=True)
class SmallDrawing:
    """A drawing of SMALL_WIDTH x SMALL_HEIGHT without intervals, the newest figure, and all of them in words."""

    trend: Trend
    dots: Sequence[SmallDot]
    newest: str
    text: str
    width: float = SMALL_WIDTH
    height: float = SMALL_HEIGHT


def small_drawing_of(trend: Trend) -> SmallDrawing:
    """Return the small drawing of a trend that has at least one point."""
    ends = _range(trend.points)
    step = (SMALL_WIDTH - 2 * MARGIN) / max(1, len(trend.points) - 1)
    dots = [
        SmallDot(
            x=round(MARGIN + step * place, 2),
            y=_y(point.figure.value or 0.0, ends, MARGIN, SMALL_HEIGHT - MARGIN),
            is_joined=place > 0 and not point.broken,
        )
        for place, point in enumerate(trend.points)
    ]
    figure = trend.points[-1].figure
    newest = amount(figure.value or 0.0, figure.unit)
    return SmallDrawing(trend, dots, newest, "; ".join(map(_text, trend.points)))


def drawing_of(trend: Trend) -> TrendDrawing:
    """Return the drawing of a trend that has at least one point."""
    bottom, top = _range(trend.points, [limit.value for limit in trend.limits])

    def y_of(value: float) -> float:
        return _y(value, (bottom, top), TOP, HEIGHT - BOTTOM)

    step = (WIDTH - LEFT - RIGHT) / max(1, len(trend.points))
    dots = [
        Dot(
            x=round(LEFT + step * (place + 0.5), 2),
            y=y_of(point.figure.value or 0.0),
            low=None if point.figure.low is None else y_of(point.figure.low),
            high=None if point.figure.high is None else y_of(point.figure.high),
            text=_text(point),
            version=point.model_version.rsplit("/", 1)[-1],
            is_joined=place > 0 and not point.broken,
            broken=point.broken,
        )
        for place, point in enumerate(trend.points)
    ]
    values = [bottom + (top - bottom) * place / (TICKS - 1) for place in range(TICKS)]
    unit = trend.points[-1].figure.unit
    ticks = [Tick(y_of(value), amount(value, unit)) for value in values]
    limits = [Tick(y_of(limit.value), f"{limit.words} {amount(limit.value, unit)}") for limit in trend.limits]
    return TrendDrawing(trend, dots, ticks, limits)


def _range(points: Sequence[TrendPoint], limits: Sequence[float] = ()) -> tuple[float, float]:
    """Return the ends of the axis: 0, and round numbers that hold every figure with its interval, and the limits."""
    figures = (point.figure for point in points)
    ends = [end for one in figures for end in (one.value, one.low, one.high, *limits) if end is not None]
    low, high = -_rounded_up(-min(ends)), _rounded_up(max(ends))
    return low, high if high > low else low + 1.0


def _rounded_up(value: float) -> float:
    """Return the next round number that is not below; 0 for what is not above 0."""
    if value <= 0:
        return 0.0
    digit = 10.0 ** math.floor(math.log10(value))
    return digit * next(one for one in ROUND if value <= digit * one * (1 + 1e-9))


def _y(value: float, ends: tuple[float, float], upper: float, lower: float) -> float:
    """Return how far down a value is drawn: the low end of the axis at `lower`, the high end at `upper`."""
    low, high = ends
    return round(upper + (lower - upper) * (1 - (value - low) / (high - low)), 2)


def _text(point: TrendPoint) -> str:
    figure = point.figure
    interval = ""
    if figure.low is not None and figure.high is not None:
        interval = f" ({reach(figure.low, figure.high, figure.unit)})"
    about = f", {class_words(figure.about)}" if figure.about else ""
    value = amount(figure.value or 0.0, figure.unit)
    return f"{label_of(point.model_version)}: {value}{interval}, n = {figure.n:,}{about}"
