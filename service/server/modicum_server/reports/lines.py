"""Measures as lines of tables, with the titles and the order of the result document. Knows no single measure.

Older documents have neither titles nor an order; those come from the registry.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modicum_server.measures.measure import Measure, measure_from_json
from modicum_server.measures.measure_sets import Place, Titles
from modicum_server.measures.number_words import share_text
from modicum_server.reports.wording import interval_ends, value_text

Measures = Mapping[str, Mapping[str, Any]]
"""Measures of a result document, by name."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A key figure. `bar` is (value, low, high) as shares of 1, for a small drawing; None without an interval."""

    name: str
    value: str
    interval: str
    note: str
    bar: tuple[float, float, float] | None


@dataclass(frozen=True, slots=True)
class Line:
    """A measure in the table of all measures."""

    name: str
    value: str
    interval: str
    method: str
    n: int


@dataclass(frozen=True, slots=True)
class Overview:
    """The key figures of all sections, a row for each. A cell is None where a section lacks the measure."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Figure | None, ...], ...]


def lines(measures: Measures, known: Titles) -> tuple[Line, ...]:
    """Return all measures as lines. `known` has titles for those without one."""
    return tuple(line(measures[name], title_of(name, measures[name], known)) for name in ordered(measures, known))


def line(entry: Mapping[str, Any], title: str) -> Line:
    """Return a measure as a line. Its chance level is with its title."""
    measure = measure_from_json(entry)
    method = "" if measure.interval is None else measure.interval.method
    if "chance" in measure.parameters:
        title += f" (chance level {share_text(measure.parameters['chance'])})"
    return Line(title, value_text(measure), interval_ends(measure), method.capitalize(), measure.n)


def figures(measures: Measures, known: Titles) -> dict[str, Figure]:
    """Return the key figures, by name."""
    return {
        name: _figure(title_of(name, measures[name], known), measure_from_json(measures[name]))
        for name in ordered(measures, known)
        if _place(name, measures[name], known) == Place.HEADLINE
    }


def overview(sections: Sequence[Mapping[str, Figure]]) -> Overview:
    """Return the figures of all sections, with a column for each measure that any section has."""
    columns = {name: figure.name for section in sections for name, figure in section.items()}
    rows = tuple(tuple(section.get(name) for name in columns) for section in sections)
    return Overview(tuple(columns.values()), rows)


def ordered(measures: Measures, known: Titles) -> list[str]:
    """Return the names in the order in which they are shown; unknown ones come last."""
    ranks = {name: rank for rank, name in enumerate(known)}
    return sorted(measures, key=lambda name: measures[name].get("order", ranks.get(name, len(ranks))))


def title_of(name: str, entry: Mapping[str, Any], known: Titles) -> str:
    """Return the title of a measure; without one, its name."""
    if "title" in entry:
        return str(entry["title"])
    return known[name].text if name in known else name.replace("_", " ").capitalize()


def _place(name: str, entry: Mapping[str, Any], known: Titles) -> str:
    return str(entry.get("place", known[name].place if name in known else Place.DETAIL))


def _figure(name: str, measure: Measure) -> Figure:
    bar = None
    if measure.value is not None and measure.interval is not None and measure.unit == "share":
        bar = (
            measure.value,
            measure.interval.low or 0.0,
            1.0 if measure.interval.high is None else measure.interval.high,
        )
    return Figure(name, value_text(measure), interval_ends(measure), f"n = {measure.n:,}", bar)
