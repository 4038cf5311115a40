"""One version under one search: everything that its section of the page shows. Knows no HTML."""

from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from modicum_server.domain.controls import runs_in
from modicum_server.domain.findings import Finding
from modicum_server.domain.searches import Canvas, Control, Fill, Search, SearchMethod, TargetRule
from modicum_server.measures import near_chance, nothing_eligible, registry
from modicum_server.measures.intervals import SMALLEST_SAMPLE
from modicum_server.measures.measure import Measure, measure_from_json
from modicum_server.measures.observation_builder import ObservationBuilder
from modicum_server.measures.observations import Observations
from modicum_server.measures.pictures import Pictures
from modicum_server.reports import plots, summary
from modicum_server.reports.choice import MOST_CARDS, Choice, choose, rule_text
from modicum_server.reports.classes import Classes, classes
from modicum_server.reports.gallery import Card, Remainder, Scene, card, remainder
from modicum_server.reports.lines import Figure, Line, figures, lines
from modicum_server.reports.panels import SHOWN_ON_GREY, is_pictured
from modicum_server.reports.questions import Conclusions, conclusions
from modicum_server.reports.wording import budget_text, class_text

DESCENT = "pixel_subsets_confidence_mean"


@dataclass(frozen=True, slots=True)
class Section:
    """The section of one version under one search. `advice` says why no image is eligible, then what to do.

    `doubt` says that the model is right no more often than guessing, and is empty otherwise.
    """

    anchor: str
    model: str
    search: Mapping[str, Any]
    budget: str
    claim: str
    headline: str
    sentences: tuple[str, ...]
    advice: tuple[str, ...]
    doubt: tuple[str, ...]
    figures: Mapping[str, Figure]
    readings: tuple[Mapping[str, Any], ...]
    conclusions: Conclusions
    distribution: plots.Strips | None
    scatter: plots.Scatter | None
    correctness: plots.Strips | None
    by_class: plots.Rows | None
    descent: plots.Curve | None
    canvas: Canvas
    telling: tuple[Card, ...]
    cards: tuple[Card, ...]
    subsets: int
    which: str
    photograph_note: str
    fill_note: str
    remainder: tuple[Remainder, ...]
    without: int
    lines: tuple[Line, ...]
    classes: Classes | None


@dataclass(slots=True)
class Sketch:
    """A section before it is complete. It takes its rows once for plots and choice, and again for the cards.

    `most` is how many cards it may have; `planned` are the controls that the audit asked for.
    """

    anchor: str
    model: str
    result: Mapping[str, Any]
    scene: Scene
    most: int = MOST_CARDS
    planned: tuple[str, ...] = ()
    _builder: ObservationBuilder = field(init=False)
    _margins: "array[float]" = field(init=False, default_factory=lambda: array("d"))
    _choice: Choice = field(init=False)
    _shown: frozenset[int] = field(init=False)
    _kept: dict[int, Card | Remainder] = field(init=False, default_factory=dict)
    _place: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self._builder = ObservationBuilder(search_value(self.result["search"]), self.scene.canvas)

    def look(self, finding: Finding) -> None:
        """Take a finding the first time."""
        self._builder.add(finding)
        self._margins.append(finding.margin)

    def decide(self) -> Observations:
        """Choose what is shown; call this between the two iterations."""
        seen = self._builder.observations()
        self._choice = choose(seen, self.most)
        self._shown = frozenset(self._choice.places)
        return seen

    def draw(self, finding: Finding) -> None:
        """Take a finding the second time, in the same order."""
        place, self._place = self._place, self._place + 1
        if place in self._shown:
            self._kept[place] = card(finding, self.scene, f"{self.anchor}-{place}")
        elif place in self._choice.remainder:
            self._kept[place] = remainder(finding, self.scene)

    def section(self, seen: Observations) -> Section:
        """Return the complete section."""
        measures, titles = self.result["measures"], registry.measure_titles()
        measured = {name: measure_from_json(value) for name, value in measures.items()}
        search, alpha = self.result["search"], measured["overinterpretation_rate"].parameters["alpha"]
        return Section(
            anchor=self.anchor,
            model=self.model,
            search=search,
            budget=budget_text(search),
            claim=summary.claim(measured),
            headline=summary.headline(measured),
            sentences=(*summary.sentences(measured, self.result["counts"], search), *summary.caveats(self.result)),
            advice=tuple(nothing_eligible.advice(seen)),
            doubt=tuple(near_chance.doubt(seen, len(self.scene.labels))),
            figures=figures(measures, titles),
            readings=tuple(self.result["readings"]),
            conclusions=conclusions(
                self.result["readings"],
                measures,
                titles,
                planned=[control for control in self.planned if runs_in(seen.search, Control(control))],
                has_subsets=self._choice.subsets > 0,
            ),
            distribution=plots.strips(_by_target(seen), alpha),
            scatter=plots.scatter(_points(seen, self._margins), seen.search.threshold, alpha),
            correctness=plots.strips(_by_correctness(seen), alpha),
            by_class=plots.rows(_by_class(seen, self.scene.labels), alpha),
            descent=_descent(measured),
            canvas=self.scene.canvas,
            telling=self._cards(self._choice.telling),
            cards=self._cards(self._choice.places),
            subsets=self._choice.subsets,
            which=rule_text(self._choice),
            photograph_note=photograph_note(self.scene.canvas),
            fill_note=" (the fill is shown as grey)" if search["fill"] in SHOWN_ON_GREY else "",
            remainder=self._remainder(),
            without=self._choice.without,
            lines=lines(measures, titles),
            classes=classes(measures, titles, self.scene.labels),
        )

    def _cards(self, places: Sequence[int]) -> tuple[Card, ...]:
        return tuple(entry for place in places if isinstance(entry := self._kept[place], Card))

    def _remainder(self) -> tuple[Remainder, ...]:
        return tuple(entry for place in self._choice.remainder if isinstance(entry := self._kept[place], Remainder))


def photograph_note(canvas: Canvas) -> str:
    """Return a note on how images with other channels are shown; empty for grey and RGB, which are shown directly."""
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


def sections(sketches: Mapping[tuple[str, int], Sketch], findings: Iterable[Finding]) -> list[Section]:
    """Return the sections in the order of the sketches. `findings` is iterated twice; each picture is shown once."""
    pictures = Pictures()
    for finding in findings:
        if not pictures.is_copy(finding):
            sketches[finding.model_version, finding.search_index].look(finding)
    seen = {key: sketch.decide() for key, sketch in sketches.items()}
    for finding in findings:
        if not pictures.is_copy(finding):
            sketches[finding.model_version, finding.search_index].draw(finding)
    return [sketch.section(seen[key]) for key, sketch in sketches.items()]


def _by_target(seen: Observations) -> list[plots.Values]:
    name = "Predicted class" if seen.search.target_rule is TargetRule.PREDICTED else "Random other class"
    predicted = plots.Values(name, "first", tuple(seen.fraction[seen.measured].tolist()))
    if not seen.other_searched.any():
        return [predicted]
    other = (seen.other_size[seen.other_searched] / seen.canvas.pixels).tolist()
    return [predicted, plots.Values("Random other class", "second", tuple(other))]


def _by_correctness(seen: Observations) -> list[plots.Values]:
    """Empty below ten misclassified images."""
    known = seen.measured & seen.labelled
    if int((known & ~seen.correct).sum()) < SMALLEST_SAMPLE:
        return []
    return [
        plots.Values("Correct predictions", "first", tuple(seen.fraction[known & seen.correct].tolist())),
        plots.Values("Incorrect predictions", "third", tuple(seen.fraction[known & ~seen.correct].tolist())),
    ]


def _by_class(seen: Observations, labels: Sequence[str]) -> list[plots.Values]:
    """The subset fractions of each class searched for, those with most images first."""
    targets = seen.target[seen.measured]
    counted = sorted(zip(*np.unique(targets, return_counts=True), strict=True), key=lambda pair: (-pair[1], pair[0]))
    return [
        plots.Values(
            class_text(int(one), labels), "first", tuple(seen.fraction[seen.measured][targets == one].tolist())
        )
        for one, _ in counted
    ]


def _descent(measured: Mapping[str, Measure]) -> plots.Curve | None:
    """Return the mean curve of the pixel-subsets control, from the document; None if it did not run."""
    if DESCENT not in measured:
        return None
    parameters = measured[DESCENT].parameters
    return plots.curve(parameters.get("curve", ()), parameters["kept_share"])


def _points(seen: Observations, margins: Sequence[float]) -> list[tuple[float, float, str]]:
    wrong = seen.labelled & ~seen.correct
    return [
        (float(seen.fraction[place]), margins[place], "third" if wrong[place] else "first")
        for place in np.flatnonzero(seen.measured).tolist()
    ]
