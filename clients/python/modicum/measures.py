"""Measures of an audit as values that print like a sentence. What they mean is the method's; none is computed here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from modicum.gate.numbers import exact_percent, number, percent, points

#: Of intervals that are printed without their level.
USUAL_LEVEL = 0.95
#: Units of shares, which people read in percent.
SHARES = frozenset({"share", "pixels share"})
#: Place of the measures that are read first.
HEADLINE = "headline"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One measure. `value` is None where it is unavailable, and `unavailable` says why.

    `low` and `high` are the interval at `level`, None where that end is open; `method` is empty where there is no
    interval (fewer than 10 images). `n` is the number of images behind it. `beside` are measures that must be read
    with it, e.g. class-targeted, and print with it. `groups` are the same measure of each class, by class index.
    `title` is what it is called in tables; those of the `headline` are read first, and `order` is its rank.
    """

    name: str
    value: float | None
    unit: str
    n: int
    low: float | None = None
    high: float | None = None
    method: str = ""
    level: float = USUAL_LEVEL
    parameters: Mapping[str, Any] = field(default_factory=dict)
    unavailable: str = ""
    beside: Mapping[str, "Measure"] = field(default_factory=dict)
    groups: Mapping[str, "Measure"] = field(default_factory=dict)
    title: str = ""
    headline: bool = False
    order: int = 0

    def __float__(self) -> float:
        """The value; not a number where there is none."""
        return float("nan") if self.value is None else self.value

    def __str__(self) -> str:
        """E.g. 0.62 (0.55 to 0.69), class-targeted 0.58 (0.51 to 0.65)."""
        others = [f"{label} {measure}" for label, measure in self.beside.items()]
        return ", ".join([self._alone(), *others])

    def _alone(self) -> str:
        if self.value is None:
            return f"unavailable: {self.unavailable}" if self.unavailable else "unavailable"
        if not self.method:
            return f"{self._number(self.value)} (n = {self.n}, no interval)"
        level = "" if self.level == USUAL_LEVEL else f"{exact_percent(self.level)} interval "
        return f"{self._number(self.value)} ({level}{self._number(self.low)} to {self._number(self.high)})"

    def _number(self, value: float | None) -> str:
        """The value or an end of the interval. Images are counted in whole ones."""
        return number(value, "open") if value is None or self.unit != "images" else f"{value:,.0f}"


def value_text(measure: Measure) -> str:
    """The value with its unit: 62%, 1.20 times, 28 pixels; a difference of shares in percentage points: 12 points."""
    return "unavailable" if measure.value is None else _with_unit(measure.value, measure.unit, end=False)


def interval_text(measure: Measure) -> str:
    """The ends of the interval, or why there is none."""
    if measure.value is None:
        return measure.unavailable
    if not measure.method:
        return "none: too few images"
    low, high = (
        "open" if one is None else _with_unit(one, measure.unit, end=True) for one in (measure.low, measure.high)
    )
    return f"{low} to {high}"


def _with_unit(value: float, unit: str, *, end: bool) -> str:
    """A number with its unit. The end of an interval shows only the unit %."""
    if unit in SHARES:
        return percent(value)
    if unit == "confidence":
        return f"{value:.3f}"
    if unit == "difference":
        return points(value) if end else f"{points(value)} points"
    text = f"{value:,.0f}" if unit == "pixels" and value == int(value) else number(value)
    return text if end or not unit else f"{text} {'times' if unit == 'ratio' else unit}"


def measure_of(name: str, entry: Mapping[str, Any]) -> Measure:
    """The measure of that name as the result document has it."""
    interval = entry.get("interval") or {}
    return Measure(
        name=name,
        value=entry.get("value"),
        unit=entry.get("unit", ""),
        n=entry.get("n", 0),
        low=interval.get("low"),
        high=interval.get("high"),
        method=interval.get("method", ""),
        level=interval.get("level", USUAL_LEVEL),
        parameters=entry.get("parameters") or {},
        unavailable=entry.get("unavailable") or "",
        groups={index: measure_of(name, group) for index, group in entry.get("groups", {}).items()},
        title=entry.get("title") or name.replace("_", " ").capitalize(),
        headline=entry.get("place") == HEADLINE,
        order=entry.get("order", 0),
    )


def measures_of(entries: Mapping[str, Mapping[str, Any]]) -> dict[str, Measure]:
    """The measures of a part of the result document, in the order in which they are shown.

    Documents of older versions have neither order nor title; the name of the measure is used.
    """
    measures = (measure_of(name, entry) for name, entry in entries.items())
    return {measure.name: measure for measure in sorted(measures, key=lambda measure: measure.order)}
