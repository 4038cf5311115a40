"""Several versions at a glance: one table and one chart, the versions under short names. Knows no HTML.

The versions stand in the order of the document. The page has pictures of the one with the worst outcome.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from modicum.gate.tones import Tag, Tone, tag_of

from modicum_server.reports import plots
from modicum_server.reports.comparisons import Check
from modicum_server.reports.opening import NO_OUTCOME, Opening
from modicum_server.reports.sections import Section
from modicum_server.reports.spot_claims import quoted

RATE, ACCURACY, FRACTION = "overinterpretation_rate", "accuracy", "subset_fraction_median"
SHORTER = "The decision for "
"""Left out of the claim about one of several versions, which has a name before it."""
WORST_FIRST = (Tone.BAD, Tone.LOOK, Tone.OPEN, Tone.GOOD)
ENSEMBLE_CLAIMS = {
    "MITIGATED": "The ensemble {} mitigates overinterpretation.",
    "NOT_MITIGATED": "The ensemble {} does not mitigate overinterpretation.",
}
ENSEMBLE_OPEN = "It is open whether the ensemble {} mitigates overinterpretation."
ENSEMBLE, MEMBER = "the ensemble", "a member"


@dataclass(frozen=True, slots=True)
class BoardRow:
    """One version: its short name, its part in the ensemble that was checked, where its section is, what is told of it.

    Texts of figures are "none" without a value; `part` is empty where no ensemble was checked.
    """

    name: str
    part: str
    anchor: str
    tag: Tag
    rate: str
    fraction: str
    accuracy: str

    @property
    def is_ensemble(self) -> bool:
        """Whether it is the ensemble that was checked."""
        return self.part == ENSEMBLE


@dataclass(frozen=True, slots=True)
class Board:
    """The first screen of several versions. `pictured` is the opening whose pictures are shown, `name` its version."""

    tag: Tag
    claim: str
    sentences: tuple[str, ...]
    next_step: str
    rows: tuple[BoardRow, ...]
    chart: plots.Ranges | None
    pictured: Opening
    name: str

    @property
    def has_check(self) -> bool:
        """Whether an ensemble was checked."""
        return any(row.part for row in self.rows)

    @property
    def has_outcomes(self) -> bool:
        """Whether a test of any version has an outcome."""
        return any(row.tag != NO_OUTCOME for row in self.rows)


def board_of(
    openings: Sequence[Opening], shown: Sequence[Section], checks: Sequence[Check], names: Mapping[str, str]
) -> Board:
    """Return the board of openings, each with the section that it is about; `names` are the short ones."""
    check = checks[0] if checks else None
    worst = min(openings, key=lambda one: (WORST_FIRST.index(one.tag.tone), _part(check, one.model) != ENSEMBLE))
    tag, claim, sentences, next_step = _of_check(check, names) if check else _of_worst(openings, worst, names)
    return Board(
        tag=tag,
        claim=claim,
        sentences=sentences,
        next_step=next_step,
        rows=tuple(
            _row(section, opening.tag, names[opening.model], _part(check, opening.model))
            for opening, section in zip(openings, shown, strict=True)
        ),
        chart=plots.ranges([(names[section.model], _bar(section)) for section in shown]),
        pictured=worst,
        name=names[worst.model],
    )


def _part(check: Check | None, model: str) -> str:
    """What a version is in the ensemble that was checked; empty for others."""
    if check is None:
        return ""
    return ENSEMBLE if model == check.ensemble else MEMBER if model in check.members else ""


Head = tuple[Tag, str, tuple[str, ...], str]


def _of_check(check: Check, names: Mapping[str, str]) -> Head:
    claim = ENSEMBLE_CLAIMS.get(check.verdict, ENSEMBLE_OPEN).format(quoted(names[check.ensemble]))
    reasons = (f"Open: {'; '.join(check.reasons)}.",) if check.reasons else ()
    return tag_of(check.verdict), claim, (check.ratio, *reasons), check.next_step


def _of_worst(openings: Sequence[Opening], worst: Opening, names: Mapping[str, str]) -> Head:
    alike = sum(one.outcome == worst.outcome for one in openings)
    name = names[worst.model]
    subject = f"V{name[1:]}" if name.startswith("version ") else name
    said = f"{_how_many(alike, len(openings))}: {worst.tag.text}. What follows is about {name}."
    return (
        worst.tag,
        f"{subject}: {worst.claim.removeprefix(SHORTER)}",
        (said, *worst.sentences[:1]),
        worst.next_step,
    )


def _how_many(alike: int, versions: int) -> str:
    if alike < versions:
        return f"{alike} of {versions} versions"
    return "Both versions" if versions == 2 else f"All {versions} versions"  # noqa: PLR2004  two are "both"


def _row(section: Section, tag: Tag, name: str, part: str) -> BoardRow:
    rate, fraction, accuracy = (
        section.figures[one].value if one in section.figures else "none" for one in (RATE, FRACTION, ACCURACY)
    )
    return BoardRow(name, part, section.anchor, tag, rate, fraction, accuracy)


def _bar(section: Section) -> tuple[float, float, float] | None:
    figure = section.figures.get(RATE)
    return None if figure is None else figure.bar
