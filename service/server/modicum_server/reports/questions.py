"""The controls of one search, each under the question that it answers: the conclusion first, then its figures.

Questions that are open for the same reason stand together, so that it is told once, with what would settle them. Knows
no HTML and no rule. What a reading concludes is in the document; older documents have its whole sentence alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modicum.gate.tones import NOT_TESTED, Tag, tag_of

from modicum_server.domain.controls import CONTROLS
from modicum_server.domain.searches import Control
from modicum_server.measures.measure_sets import Titles
from modicum_server.reports.lines import Line, Measures, line, ordered, title_of
from modicum_server.reports.open_reasons import Reason, not_run_reason, open_reason, prefix_of

ELSEWHERE = frozenset({"spot", "counterfactual"})
"""Controls whose readings stand in their own section."""
OPEN = "INCONCLUSIVE"


@dataclass(frozen=True, slots=True)
class Answer:
    """A question, what its control says, and the figures behind it."""

    question: str
    tag: Tag
    conclusion: str
    figures: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Together:
    """Questions that are open for one reason."""

    reason: Reason
    answers: tuple[Answer, ...]

    @property
    def tag(self) -> Tag:
        """That of all of them."""
        return self.answers[0].tag

    @property
    def figures(self) -> tuple[Line, ...]:
        """Those of all of them."""
        return tuple(figure for answer in self.answers for figure in answer.figures)


@dataclass(frozen=True, slots=True)
class Answers:
    """The questions of one search: those with a conclusion of their own, and those that are open for one reason."""

    told: tuple[Answer, ...]
    together: tuple[Together, ...]


def answers(
    readings: Sequence[Mapping[str, Any]],
    measures: Measures,
    known: Titles,
    *,
    planned: Sequence[str] = (),
    has_subsets: bool = True,
) -> Answers:
    """Return the readings as answers, and those that are open together with all others of the same reason.

    Args:
        readings: what the controls say.
        measures: of the search, by name.
        known: titles of measures without one.
        planned: the controls that should have run beside the search. Those without a reading did not run.
        has_subsets: whether any image has a subset. Without one, most controls have nothing to run on.
    """
    shown = [reading for reading in readings if reading["control"] not in ELSEWHERE]
    told: list[Answer] = []
    together: dict[Reason, list[Answer]] = {}
    for reading in shown:
        answer = _answer(reading, measures, known)
        if reading["outcome"] != OPEN:
            told.append(answer)
        else:
            together.setdefault(open_reason(reading["control"], answer.conclusion, measures), []).append(answer)
    for control in _unread(planned, readings):
        reason = not_run_reason(control, measures, has_subsets=has_subsets)
        if reason is not None:
            together.setdefault(reason, []).append(Answer(question_of(control), tag_of(NOT_TESTED), "", ()))
    return Answers(tuple(told), tuple(Together(reason, tuple(group)) for reason, group in together.items()))


def reading_of(readings: Sequence[Mapping[str, Any]], control: str) -> Mapping[str, Any] | None:
    """Return the reading of a control; None where it did not run."""
    return next((reading for reading in readings if reading["control"] == control), None)


def question_of(control: str) -> str:
    """Return the question that a control answers; for an unknown one its name."""
    return CONTROLS[Control(control)].question if control in CONTROLS else control.replace("_", " ").capitalize()


def sentence(text: str) -> str:
    """Return words as a sentence."""
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('.') else '.'}"


def _answer(reading: Mapping[str, Any], measures: Measures, known: Titles) -> Answer:
    names = _names(reading["control"], measures, known)
    return Answer(
        question_of(reading["control"]),
        tag_of(reading["outcome"]),
        sentence(reading.get("conclusion") or reading["text"]),
        tuple(line(measures[name], title_of(name, measures[name], known)) for name in names),
    )


def _names(control: str, measures: Measures, known: Titles) -> list[str]:
    """The names of a control's measures, in their order."""
    return [name for name in ordered(measures, known) if name.startswith(prefix_of(control))]


def _unread(planned: Sequence[str], readings: Sequence[Mapping[str, Any]]) -> list[str]:
    """The planned controls without a reading. Of the transfer the matrix says what did not run."""
    have = {reading["control"] for reading in readings} | ELSEWHERE | {Control.TRANSFER.value}
    return [control for control in planned if control not in have]
