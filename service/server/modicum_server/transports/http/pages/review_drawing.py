"""Draws the shares of a blind review as SVG: for each kind of picture a dot and its interval, and chance as a line."""

from collections.abc import Sequence
from dataclasses import dataclass

from modicum_server.domain.reviews import ReviewFigures, ReviewShare
from modicum_server.measures.number_words import share_text
from modicum_server.transports.http.pages.review_words import KINDS, share_line

WIDTH, ROW_HEIGHT = 640.0, 40.0
LEFT, RIGHT, BOTTOM = 150.0, 20.0, 26.0
TICKS = 5


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of picture. `x`, `low` and `high` are None where there is no figure."""

    name: str
    text: str
    y: float
    x: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Tick:
    """A line down the drawing, and its number."""

    x: float
    text: str


@dataclass(frozen=True, slots=True)
class ReviewDrawing:
    """A drawing of WIDTH x `height`. `chance` is where it lies across, or None."""

    rows: Sequence[Row]
    ticks: Sequence[Tick]
    chance: float | None
    height: float
    bottom: float
    left: float = LEFT
    width: float = WIDTH


def drawing_of(figures: ReviewFigures) -> ReviewDrawing:
    """Return the drawing of a review's shares."""
    bottom = ROW_HEIGHT * len(KINDS)
    return ReviewDrawing(
        rows=[_row(place, name, figures.named[kind]) for place, (kind, name) in enumerate(KINDS.items())],
        ticks=[Tick(_x(place / (TICKS - 1)), share_text(place / (TICKS - 1))) for place in range(TICKS)],
        chance=None if figures.chance is None else _x(figures.chance),
        height=bottom + BOTTOM,
        bottom=bottom,
    )


def _row(place: int, name: str, share: ReviewShare) -> Row:
    low, high, value = (None if end is None else _x(end) for end in (share.low, share.high, share.value))
    return Row(name, _text(name, share), ROW_HEIGHT * (place + 0.5), value, low, high)


def _text(name: str, share: ReviewShare) -> str:
    return f"{name}: {'no answers' if share.value is None else share_line(share)}"


def _x(share: float) -> float:
    return round(LEFT + (WIDTH - LEFT - RIGHT) * share, 2)
