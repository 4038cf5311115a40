"""Numbers as words, in one way for readings and reports. Must not decide what a number means."""

import math
from collections.abc import Callable, Sequence

from modicum.gate.numbers import exact_percent, percent, points

from modicum_server.measures.intervals import SMALLEST_SAMPLE, Interval

OPEN_END = "open"
FINE_RATIO = 10
"""Below it, a ratio in a table has a second decimal."""


def share_text(share: float) -> str:
    """Return a share as per cent: whole numbers from 10% on, two significant digits below ("57%", "3.5%", "0.54%")."""
    return percent(share)


def part_text(share: float, count: int) -> str:
    """Return what stands before "of {count}": a share as per cent, and as a number where there is no interval ("5")."""
    return share_text(share) if count >= SMALLEST_SAMPLE else str(round(share * count))


def points_number(difference: float) -> str:
    """Return a difference of two shares in percentage points, without the unit ("12", "-3.5", "0.54")."""
    return points(difference)


def points_text(difference: float) -> str:
    """Return a difference of two shares as a sentence has it ("12 percentage points")."""
    return f"{points_number(difference)} percentage points"


def short_points_text(difference: float) -> str:
    """Return a difference of two shares as a table has it ("12 points")."""
    return f"{points_number(difference)} points"


def ratio_text(ratio: float) -> str:
    """Return a ratio with one decimal, without one from 100 on."""
    return f"{ratio:.1f}" if ratio < 100 else f"{ratio:,.0f}"  # noqa: PLR2004


def fine_ratio_text(ratio: float) -> str:
    """Return a ratio for a table. Near 1 it has a second decimal, to show on which side of a limit it is."""
    return f"{ratio:.2f}" if ratio < FINE_RATIO else ratio_text(ratio)


def times_text(ratio: float) -> str:
    """Return a ratio as a factor ("1.2 times")."""
    return f"{ratio_text(ratio)} times"


def interval_text(interval: Interval | None, number: Callable[[float], str] = share_text) -> str:
    """Return " (95% interval LOW to HIGH)"; an unknown end is "open". Empty without an interval."""
    return "" if interval is None else f" ({asked_text(interval.level)} interval {ends_text(interval, number)})"


def ends_text(interval: Interval, number: Callable[[float], str] = share_text) -> str:
    """Return "LOW to HIGH"; an unknown end is "open"."""
    low, high = (OPEN_END if end is None else number(end) for end in (interval.low, interval.high))
    return f"{low} to {high}"


def asked_text(share: float) -> str:
    """Return a share that a caller chose as per cent, as exactly as it was given ("95%", "99.9%")."""
    return exact_percent(share)


def pixels_text(count: int) -> str:
    """Return "1 pixel", "2 pixels"."""
    return f"{count} pixel" if count == 1 else f"{count} pixels"


def confidence_text(confidence: float | None) -> str:
    """Return a confidence with three decimals, never rounded up to 1."""
    if confidence is None or math.isnan(confidence):
        return "not a number"
    return "> 0.999" if 0.9995 <= confidence < 1 else f"{confidence:.3f}"  # noqa: PLR2004


def threshold_text(threshold: float) -> str:
    """Return a threshold as exactly as it was given: one just below 1 is not 1."""
    return f"{threshold:.15g}"


def short_name(name: str) -> str:
    """Return a model version as "model, version 3"; anything else by its last part."""
    parts = name.split("/")
    if len(parts) == 6 and parts[4] == "versions":  # noqa: PLR2004  projects/P/models/M/versions/V
        return f"{parts[3]}, version {parts[5]}"
    return parts[-1]


def class_label(index: int, labels: Sequence[str]) -> str:
    """Return a class by its name, or by its number where it has none."""
    return labels[index] if 0 <= index < len(labels) and labels[index] else f"class {index}"


def enumeration(parts: Sequence[str]) -> str:
    """Return "a, b and c"."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
