"""Several versions at a glance: one table and one chart, the versions under short names. Knows no HTML.

The versions stand in the order of the document. The page has pictures of the one with the worst outcome.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from modicum_server.reports import plots
from modicum_server.reports.comparisons import Check
from modicum_server.reports.opening import Opening
from modicum_server.reports.outcomes import Tag, Tone, tag_of
from modicum_server.reports.questions import sentence
from modicum_server.reports.sections import Section

RATE, ACCURACY, FRACTION = "overinterpretation_rate", "accuracy", "subset_fraction_median"
WORST_FIRST = (Tone.BAD, Tone.LOOK, Tone.OPEN, Tone.GOOD)
ENSEMBLE_CLAIMS = {
    "MITIGATED": "The ensemble mitigates overinterpretation.",
    "NOT_MITIGATED": "The ensemble does not mitigate overinterpretation.",
}
ENSEMBLE_STEPS = {
    "MITIGATED": "Nothing to mend here. Each decision of the ensemble costs a pass of every member.",
    "NOT_MITIGATED": "Do not count on this ensemble against overinterpretation.",
}
ENSEMBLE_OPEN_STEP = "Mend what is named above, and check again."
ENSEMBLE_OPEN = "It is not settled whether the ensemble mitigates overinterpretation."
MOST_REASONS = 2


@dataclass(frozen=True, slots=True)
class BoardRow:
    """One version: its short name, where its section is, and what is told of it. Texts are "none" without a value."""

    name: str
    anchor: str
    tag: Tag
    rate: str
    fraction: str
    accuracy: str


@dataclass(frozen=True, slots=True)
class Board:
    """The first screen of several versions. `worst` is the opening whose pictures are shown."""

    tag: Tag
    claim: str
    sentences: tuple[str, ...]
    next_step: str
    rows: tuple[BoardRow, ...]
    chart: plots.Ranges | None
    worst: Opening


def board_of(
    openings: Sequence[Opening], shown: Sequence[Section], checks: Sequence[Check], names: Mapping[str, str]
) -> Board:
    """Return the board of openings, each with the section that it is about; `names` are the short ones."""
    worst = min(openings, key=lambda one: WORST_FIRST.index(one.tag.tone))
    tag, claim, sentences, next_step = _of_check(checks[0]) if checks else _of_worst(openings, worst, names)
    return Board(
        tag=tag,
        claim=claim,
        sentences=sentences,
        next_step=next_step,
        rows=tuple(
            _row(opening, section, names[opening.model]) for opening, section in zip(openings, shown, strict=True)
        ),
        chart=plots.ranges([(names[section.model], _bar(section)) for section in shown]),
        worst=worst,
    )


Head = tuple[Tag, str, tuple[str, ...], str]


def _of_check(check: Check) -> Head:
    claim = ENSEMBLE_CLAIMS.get(check.verdict, ENSEMBLE_OPEN)
    reasons = tuple(sentence(reason) for reason in check.reasons[:MOST_REASONS])
    return tag_of(check.verdict), claim, reasons, ENSEMBLE_STEPS.get(check.verdict) or _open_step(check)


def _open_step(check: Check) -> str:
    if check.images_needed is None:
        return ENSEMBLE_OPEN_STEP
    return f"Audit about {check.images_needed:,.0f} images: that many give a chance of 80% to see a ratio of 1.2."


def _of_worst(openings: Sequence[Opening], worst: Opening, names: Mapping[str, str]) -> Head:
    alike = sum(one.outcome == worst.outcome for one in openings)
    count = f"all {len(openings)} versions" if alike == len(openings) else f"{alike} of {len(openings)} versions"
    said = f"{count[0].upper()}{count[1:]}: {worst.tag.text}. What follows is about {names[worst.model]}."
    return worst.tag, worst.claim, (said, *worst.sentences[:1]), worst.next_step


def _row(opening: Opening, section: Section, name: str) -> BoardRow:
    rate, fraction, accuracy = (
        section.figures[one].value if one in section.figures else "none" for one in (RATE, FRACTION, ACCURACY)
    )
    return BoardRow(name, section.anchor, opening.tag, rate, fraction, accuracy)


def _bar(section: Section) -> tuple[float, float, float] | None:
    figure = section.figures.get(RATE)
    return None if figure is None else figure.bar
