"""The controls of one search, each under the question that it answers: the conclusion first, then its figures.

Questions that are open for the same reason stand together, below that reason and what would settle them. Knows no HTML
and no rule. What a reading concludes is in the document; older documents have its whole sentence alone.
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
from modicum_server.reports.wording import capital

ELSEWHERE = frozenset({"spot", "counterfactual"})
"""Controls whose readings stand in their own section."""
OPEN = "INCONCLUSIVE"


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What a control concludes on its question, and the figures behind it."""

    question: str
    tag: Tag
    text: str
    figures: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Together:
    """Questions that are open for one reason."""

    reason: Reason
    conclusions: tuple[Conclusion, ...]

    @property
    def tag(self) -> Tag:
        """That of all of them."""
        return self.conclusions[0].tag

    @property
    def figures(self) -> tuple[Line, ...]:
        """Those of all of them."""
        return tuple(figure for one in self.conclusions for figure in one.figures)


@dataclass(frozen=True, slots=True)
class Conclusions:
    """The questions of one search: those with a conclusion of their own, and those that are open for one reason."""

    own: tuple[Conclusion, ...]
    together: tuple[Together, ...]


def conclusions(
    readings: Sequence[Mapping[str, Any]],
    measures: Measures,
    known: Titles,
    *,
    planned: Sequence[str] = (),
    has_subsets: bool = True,
) -> Conclusions:
    """Return the conclusions of the readings. Those that are open for the same reason stand together.

    Args:
        readings: what the controls say.
        measures: of the search, by name.
        known: titles of measures without one.
        planned: the controls that should have run beside the search. Those without a reading did not run.
        has_subsets: whether any image has a subset. Without one, most controls have nothing to run on.
    """
    shown = [reading for reading in readings if reading["control"] not in ELSEWHERE]
    own: list[Conclusion] = []
    together: dict[Reason, list[Conclusion]] = {}
    for reading in shown:
        one = _conclusion(reading, measures, known)
        if reading["outcome"] != OPEN:
            own.append(one)
        else:
            together.setdefault(open_reason(reading["control"], one.text, measures), []).append(one)
    for control in _unread(planned, readings):
        reason = not_run_reason(control, measures, has_subsets=has_subsets)
        if reason is not None:
            together.setdefault(reason, []).append(Conclusion(question_of(control), tag_of(NOT_TESTED), "", ()))
    return Conclusions(tuple(own), tuple(Together(reason, tuple(group)) for reason, group in together.items()))


def reading_of(readings: Sequence[Mapping[str, Any]], control: str) -> Mapping[str, Any] | None:
    """Return the reading of a control; None where it did not run."""
    return next((reading for reading in readings if reading["control"] == control), None)


def question_of(control: str) -> str:
    """Return the question that a control answers; for an unknown one its name."""
    return CONTROLS[Control(control)].question if control in CONTROLS else control.replace("_", " ").capitalize()


def sentence(text: str) -> str:
    """Return words as a sentence."""
    return f"{capital(text)}{'' if text.endswith('.') else '.'}"


def _conclusion(reading: Mapping[str, Any], measures: Measures, known: Titles) -> Conclusion:
    names = _names(reading["control"], measures, known)
    return Conclusion(
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
