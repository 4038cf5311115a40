"""The controls of one search, each under the question that it answers: the conclusion first, then its figures.

Knows no HTML and no rule. What a reading concludes is in the document; older documents have its whole sentence alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modicum.gate.tones import Tag, tag_of

from modicum_server.domain.controls import CONTROLS
from modicum_server.domain.searches import Control
from modicum_server.measures.intervals import SMALLEST_SAMPLE
from modicum_server.measures.measure_sets import Titles
from modicum_server.reports.lines import Line, Measures, line, ordered, title_of

PREFIXES = {"fill": "fill_survival_"}
"""How the names of a control's measures begin, where it is not with the control's own name."""
ELSEWHERE = frozenset({"spot", "counterfactual"})
"""Controls whose readings stand in their own section."""
TOO_FEW = f"Fewer than {SMALLEST_SAMPLE} images could be measured for these questions, so they stay open."


@dataclass(frozen=True, slots=True)
class Answer:
    """A question, what its control says, and the figures behind it."""

    question: str
    tag: Tag
    conclusion: str
    figures: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Answers:
    """The questions of one search. `too_few` are those that are open because there were not enough images."""

    told: tuple[Answer, ...]
    too_few: tuple[Answer, ...]


def answers(readings: Sequence[Mapping[str, Any]], measures: Measures, known: Titles) -> Answers:
    """Return the readings as answers; those without enough images apart, since their reason is the same."""
    told: list[Answer] = []
    too_few: list[Answer] = []
    for reading in readings:
        if reading["control"] not in ELSEWHERE:
            answer = _answer(reading, measures, known)
            (too_few if _has_too_few(reading, answer) else told).append(answer)
    return Answers(tuple(told), tuple(too_few))


def reading_of(readings: Sequence[Mapping[str, Any]], control: str) -> Mapping[str, Any] | None:
    """Return the reading of a control; None where it did not run."""
    return next((reading for reading in readings if reading["control"] == control), None)


def sentence(text: str) -> str:
    """Return words as a sentence."""
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('.') else '.'}"


def _answer(reading: Mapping[str, Any], measures: Measures, known: Titles) -> Answer:
    control = reading["control"]
    question = CONTROLS[Control(control)].question if control in CONTROLS else control.replace("_", " ").capitalize()
    names = [name for name in ordered(measures, known) if name.startswith(PREFIXES.get(control, f"{control}_"))]
    return Answer(
        question,
        tag_of(reading["outcome"]),
        sentence(reading.get("conclusion") or reading["text"]),
        tuple(line(measures[name], title_of(name, measures[name], known)) for name in names),
    )


def _has_too_few(reading: Mapping[str, Any], answer: Answer) -> bool:
    """Whether none of its figures has an interval, because of the number of images."""
    return (
        reading["outcome"] == "INCONCLUSIVE"
        and bool(answer.figures)
        and max(figure.n for figure in answer.figures) < SMALLEST_SAMPLE
    )
