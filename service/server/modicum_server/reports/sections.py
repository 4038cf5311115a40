"""One version under one search: everything that its part of the page shows. Must not know HTML."""

from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from modicum_server.domain.searches import Canvas, Fill, Search, SearchMethod, TargetRule
from modicum_server.measures.measure import Measure, measure_from_json
from modicum_server.measures.observations import Observations, Observer
from modicum_server.measures.overinterpretation import ALPHA
from modicum_server.measures.rows import Row
from modicum_server.measures.words import short_name
from modicum_server.reports import answer, plots
from modicum_server.reports.gallery import Card, Choice, Remainder, Scene, card, choose, remainder
from modicum_server.reports.panels import is_pictured
from modicum_server.reports.wording import budget_text, interval_ends, measure_name, value_text

KEY_FIGURES = (
    ("overinterpretation_rate", "overinterpretation rate"),
    ("overinterpretation_rate_class_targeted", "the same for a random other class"),
    ("subset_fraction_median", "of the pixels in the median subset"),
    ("eligible_share", "of the images eligible"),
    ("accuracy", "accuracy on whole images"),
)
PAIRED = (
    "subset_fraction_ratio",
    "matched_subset_fraction_ratio",
    "accuracy_difference",
    "ood_accuracy_difference",
    "overinterpretation_rate_difference",
)
DESCENT = "pixel_subsets_confidence_mean"
FILLS_SHOWN_ON_GREY = frozenset({Fill.NOISE.value, Fill.MARGINAL.value})


@dataclass(frozen=True, slots=True)
class Figure:
    """A key number. `bar` is (value, low, high) as shares of 1, for a small drawing; None without an interval."""

    name: str
    value: str
    interval: str
    note: str
    bar: tuple[float, float, float] | None


@dataclass(frozen=True, slots=True)
class Line:
    """A measure in the table of all."""

    name: str
    value: str
    interval: str
    method: str
    n: int


@dataclass(frozen=True, slots=True)
class Pair:
    """Two versions under one search, in pairs on the same images."""

    first: str
    second: str
    search: Mapping[str, Any]
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Beside:
    """What stands beside the verdict on an ensemble, for it or one of its members."""

    name: str
    rate: Line
    accuracy: Line
    ood_accuracy: Line | None
    plain_passes: int
    milliseconds: str


@dataclass(frozen=True, slots=True)
class Check:
    """The mitigation check of an ensemble under one search."""

    ensemble: str
    members: tuple[str, ...]
    search: Mapping[str, Any]
    verdict: str
    stamp: str
    reasons: tuple[str, ...]
    lines: tuple[Line, ...]
    temperatures: tuple[tuple[str, str], ...]
    eligibility: tuple[tuple[str, Mapping[str, int]], ...]
    versions: tuple[Beside, ...]
    latency_ratio: str
    second: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Section:
    """What is shown of one version under one search."""

    anchor: str
    model: str
    search: Mapping[str, Any]
    budget: str
    headline: str
    sentences: tuple[str, ...]
    figures: tuple[Figure, ...]
    readings: tuple[Mapping[str, str], ...]
    distribution: plots.Strips | None
    scatter: plots.Scatter | None
    correctness: plots.Strips | None
    descent: plots.Curve | None
    canvas: Canvas
    groups: tuple[tuple[str, tuple[Card, ...]], ...]
    subsets: int
    photograph_note: str
    fill_note: str
    remainder: tuple[Remainder, ...]
    without: int
    lines: tuple[Line, ...]


@dataclass(slots=True)
class Sketch:
    """A section in the making: takes its rows once for the plots and the choice, and again for the cards."""

    anchor: str
    version: str
    result: Mapping[str, Any]
    scene: Scene
    _observer: Observer = field(init=False)
    _margins: "array[float]" = field(init=False, default_factory=lambda: array("d"))
    _choice: Choice = field(init=False)
    _shown: frozenset[int] = field(init=False)
    _kept: dict[int, Card | Remainder] = field(init=False, default_factory=dict)
    _place: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self._observer = Observer(search_value(self.result["search"]), self.scene.canvas)

    def look(self, row: Row) -> None:
        """Take a row the first time."""
        self._observer.add(row)
        self._margins.append(float("nan") if row["margin"] is None else row["margin"])

    def decide(self) -> Observations:
        """Choose what is shown; to be called between the two times."""
        seen = self._observer.observations()
        self._choice = choose(seen)
        self._shown = frozenset(place for _, places in self._choice.groups for place in places)
        return seen

    def draw(self, row: Row) -> None:
        """Take a row the second time, in the same order."""
        place, self._place = self._place, self._place + 1
        if place in self._shown:
            self._kept[place] = card(row, self.scene, f"{self.anchor}-{place}")
        elif place in self._choice.remainder:
            self._kept[place] = remainder(row, self.scene)

    def section(self, seen: Observations) -> Section:
        """Return what was drawn."""
        measured = {name: measure_from_json(value) for name, value in self.result["measures"].items()}
        search = self.result["search"]
        return Section(
            anchor=self.anchor,
            model=short_name(self.version),
            search=search,
            budget=budget_text(search),
            headline=answer.headline(measured),
            sentences=(*answer.sentences(measured, self.result["counts"], search), *answer.caveats(self.result)),
            figures=_figures(measured),
            readings=tuple(self.result["readings"]),
            distribution=plots.strips(_by_target(seen), ALPHA),
            scatter=plots.scatter(_points(seen, self._margins), seen.search.threshold, ALPHA),
            correctness=plots.strips(_by_correctness(seen), ALPHA) if seen.labelled.any() else None,
            descent=_descent(measured),
            canvas=self.scene.canvas,
            groups=tuple((name, self._cards(places)) for name, places in self._choice.groups),
            subsets=self._choice.subsets,
            photograph_note=photograph_note(self.scene.canvas),
            fill_note=" (the fill is shown as grey)" if search["fill"] in FILLS_SHOWN_ON_GREY else "",
            remainder=self._remainder(),
            without=self._choice.without,
            lines=tuple(_line(name, measure) for name, measure in measured.items()),
        )

    def _cards(self, places: Sequence[int]) -> tuple[Card, ...]:
        return tuple(entry for place in places if isinstance(entry := self._kept[place], Card))

    def _remainder(self) -> tuple[Remainder, ...]:
        return tuple(entry for place in self._choice.remainder if isinstance(entry := self._kept[place], Remainder))


def photograph_note(canvas: Canvas) -> str:
    """Return as what an image that is no picture is shown; empty for grey and RGB, which are shown as they are."""
    if is_pictured(canvas.channels):
        return ""
    return f"the mean of its {canvas.channels} channels, stretched from black to white"


def search_value(document: Mapping[str, Any]) -> Search:
    """Return the search of a result document."""
    known = {name: document[name] for name in ("threshold", "passes", "pixels_per_step", "fraction")}
    return Search(
        method=SearchMethod(document["method"]),
        fill=Fill(document["fill"]),
        target_rule=TargetRule(document["target_rule"]),
        **known,
    )


def sections(sketches: Mapping[tuple[str, int], Sketch], rows: Iterable[Row]) -> list[Section]:
    """Return the sections in the order of the sketches; `rows` is iterated twice."""
    for row in rows:
        sketches[row["model_version"], row["search_index"]].look(row)
    seen = {key: sketch.decide() for key, sketch in sketches.items()}
    for row in rows:
        sketches[row["model_version"], row["search_index"]].draw(row)
    return [sketch.section(seen[key]) for key, sketch in sketches.items()]


def pairs(document: Mapping[str, Any]) -> list[Pair]:
    """Return the document's comparisons, in its order; documents of before have none."""
    return [
        Pair(
            first=short_name(entry["first"]),
            second=short_name(entry["second"]),
            search=document["specification"]["searches"][entry["search_index"]],
            lines=_paired_lines(entry["measures"]),
        )
        for entry in document.get("comparisons", ())
    ]


def checks(document: Mapping[str, Any]) -> list[Check]:
    """Return the document's mitigation checks, in its order; documents of before have none."""
    return [
        Check(
            ensemble=short_name(entry["ensemble"]),
            members=tuple(map(short_name, entry["members"])),
            search=document["specification"]["searches"][entry["search_index"]],
            verdict=entry["verdict"],
            stamp=entry["stamp"],
            reasons=tuple(entry["reasons"]),
            lines=_paired_lines(entry["measures"]),
            temperatures=tuple((short_name(name), f"{value:.3g}") for name, value in entry["temperatures"].items()),
            eligibility=tuple(
                (short_name(name), counted) for name, counted in entry.get("matched_eligibility", {}).items()
            ),
            versions=_beside(entry),
            latency_ratio=_rounded(entry.get("latency_ratio")),
            second=entry.get("out_of_distribution"),
        )
        for entry in document.get("mitigation", ())
    ]


def _beside(entry: Mapping[str, Any]) -> tuple[Beside, ...]:
    """The ensemble first: a stored document has them by name; documents of before have none."""
    told = entry.get("versions", {})
    return tuple(_version_beside(name, told[name]) for name in (entry["ensemble"], *entry["members"]) if name in told)


def _version_beside(name: str, told: Mapping[str, Any]) -> Beside:
    lines = {key: _line(key, measure_from_json(measure)) for key, measure in told["measures"].items()}
    return Beside(
        short_name(name),
        lines["overinterpretation_rate"],
        lines["accuracy"],
        lines.get("ood_accuracy"),
        told["plain_passes"],
        f"{_rounded(told['pass_milliseconds']) or 'not timed'} ({told['timed']})",
    )


def _rounded(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def _paired_lines(measures: Mapping[str, Any]) -> tuple[Line, ...]:
    """In the order in which they are read; a stored document has them by name."""
    return tuple(_line(name, measure_from_json(measures[name])) for name in PAIRED if name in measures)


def _figures(measured: Mapping[str, Measure]) -> tuple[Figure, ...]:
    return tuple(_figure(name, measured[key]) for key, name in KEY_FIGURES if key in measured)


def _figure(name: str, measure: Measure) -> Figure:
    bar = None
    if measure.value is not None and measure.interval is not None and measure.unit == "share":
        bar = (
            measure.value,
            measure.interval.low or 0.0,
            1.0 if measure.interval.high is None else measure.interval.high,
        )
    return Figure(name, value_text(measure), interval_ends(measure), f"n = {measure.n}", bar)


def _line(name: str, measure: Measure) -> Line:
    method = "" if measure.interval is None else measure.interval.method
    title = measure_name(name)
    if "chance" in measure.parameters:
        title += f" (chance level {measure.parameters['chance']:.1%})"
    return Line(title, value_text(measure), interval_ends(measure), method.capitalize(), measure.n)


def _by_target(seen: Observations) -> list[plots.Values]:
    name = "Predicted class" if seen.search.target_rule is TargetRule.PREDICTED else "Random other class"
    predicted = plots.Values(name, "first", tuple(seen.fraction[seen.measured].tolist()))
    if not seen.other_ran.any():
        return [predicted]
    other = (seen.other_size[seen.other_ran] / seen.canvas.pixels).tolist()
    return [predicted, plots.Values("Random other class", "second", tuple(other))]


def _by_correctness(seen: Observations) -> list[plots.Values]:
    known = seen.measured & seen.labelled
    return [
        plots.Values("Correct predictions", "first", tuple(seen.fraction[known & seen.correct].tolist())),
        plots.Values("Incorrect predictions", "third", tuple(seen.fraction[known & ~seen.correct].tolist())),
    ]


def _descent(measured: Mapping[str, Measure]) -> plots.Curve | None:
    """The mean curve of the pixel-subsets control, which is in the document; None where it did not run."""
    if DESCENT not in measured:
        return None
    parameters = measured[DESCENT].parameters
    return plots.curve(parameters["curve"], parameters["kept_share"])


def _points(seen: Observations, margins: Sequence[float]) -> list[tuple[float, float, str]]:
    wrong = seen.labelled & ~seen.correct
    return [
        (float(seen.fraction[place]), margins[place], "third" if wrong[place] else "first")
        for place in np.flatnonzero(seen.measured).tolist()
    ]
