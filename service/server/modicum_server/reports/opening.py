"""The first screen of a version: what was found, what it means, what to do next, and pictures. Measures nothing.

What is found first among these is told: a shortcut, a loss of accuracy without a cue, a small place that decides, an
edge that is needed, an open question, nothing found. Where no test of places ran, the subsets are told.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from modicum.gate.spot_rule import FOUND, SpotOutcome

from modicum_server.domain.controls import LEAST_SPOT_IMAGES
from modicum_server.domain.searches import Canvas
from modicum_server.measures import counterfactuals
from modicum_server.measures.judged_spots import SHORTCUT
from modicum_server.measures.number_words import enumeration, part_text
from modicum_server.measures.spot_words import ONLY_THIS, none_text
from modicum_server.reports.counterfactuals import CounterfactualPage
from modicum_server.reports.outcomes import NOT_TESTED, Tag, tag_of
from modicum_server.reports.pictured import Picture, of_pairs, of_subsets
from modicum_server.reports.questions import reading_of, sentence
from modicum_server.reports.sections import Section
from modicum_server.reports.spots import place_text, shown_place

MOST_NAMED = 3
"""Classes that a claim names; of more it gives the number."""
LOSES = "ACCURACY_FALLS"
MEND = "add pictures without it, or cover it in training"
IS_IT_EVIDENCE = f"Look at the pictures: is that place evidence? If not, {MEND}."
OUTSIDE_OBJECTS = f"No object lies there: {MEND}."
VARY_THE_EDGE = "Say whether there is evidence in that region. If not, vary it or crop it away in training."
OTHER_CUES = "Nothing to mend here. A texture or a colour cast has no place; a counterfactual set tests for those."
ASK_FOR_SPOTS = (
    f"Ask for the control spot, with at least {LEAST_SPOT_IMAGES} images: it tests whether a small place decides."
)
MORE_FOR_SPOTS = (
    f"Audit at least {LEAST_SPOT_IMAGES} images of two predicted classes: so many tell whether a small place decides."
)
NO_VERDICT = replace(tag_of(NOT_TESTED), text="no verdict yet")
CLEAREST = "Of the stored examples of this class, this is the one where the place does most beyond another place."


@dataclass(frozen=True, slots=True)
class Score:
    """The outcome of one test, under a short name."""

    name: str
    tag: Tag


@dataclass(frozen=True, slots=True)
class Opening:
    """What a reader sees first of a version."""

    model: str
    outcome: str
    claim: str
    sentences: tuple[str, ...]
    next_step: str
    scores: tuple[Score, ...]
    pictures: tuple[Picture, ...]
    note: str
    canvas: Canvas

    @property
    def tag(self) -> Tag:
        """How its outcome is shown."""
        return NO_VERDICT if self.outcome == NOT_TESTED else tag_of(self.outcome)


@dataclass(frozen=True, slots=True)
class Told:
    """What is known of a version: its section, its spot test and its counterfactual set as the document has them."""

    section: Section
    spots: Mapping[str, Any] | None
    pairs: Mapping[str, Any] | None
    spot_asked: bool
    spot_pictures: tuple[Picture, ...]
    pair_page: CounterfactualPage | None

    def reading(self, control: str) -> Mapping[str, Any] | None:
        """Return the reading of a control under the section's search."""
        return reading_of(self.section.readings, control)

    @property
    def rows(self) -> list[Mapping[str, Any]]:
        """The rows of the spot test that were tested."""
        return [] if self.spots is None else [row for row in self.spots["rows"] if row["reason"] is None]


def opening_of(told: Told) -> Opening:
    """Return the opening of a version."""
    outcome, claim, sentences, next_step = _finding(told)
    pictures = _pictures(told, outcome)
    return Opening(
        model=told.section.model,
        outcome=outcome,
        claim=claim,
        sentences=sentences,
        next_step=next_step,
        scores=_scores(told),
        pictures=pictures,
        note=CLEAREST if pictures and pictures is told.spot_pictures else "",
        canvas=told.section.canvas,
    )


Finding = tuple[str, str, tuple[str, ...], str]
"""Outcome, claim, sentences, and what to do next."""


def _finding(told: Told) -> Finding:
    shortcuts = [row for row in told.rows if row["outcome"] == SHORTCUT]
    found = [row for row in told.rows if row["outcome"] in FOUND]
    edge = told.reading("shortcut")
    if shortcuts:
        return _of_shortcuts(shortcuts)
    if told.pairs is not None and told.pairs["outcome"] == LOSES:
        return LOSES, "Without the cue, accuracy falls.", _pair_sentences(told), counterfactuals.NEXT_STEP
    if found:
        return _of_places(found)
    if edge is not None and edge["outcome"] == SHORTCUT:
        conclusion = sentence(edge.get("conclusion") or edge["text"])
        return SHORTCUT, "The model needs what lies at the edge or outside the objects.", (conclusion,), VARY_THE_EDGE
    if told.rows:
        return _of_nothing(told.rows)
    return _of_subsets(told)


def _of_shortcuts(rows: Sequence[Mapping[str, Any]]) -> Finding:
    row = _named(rows)[0]
    why = f"Called a shortcut because {row['shortcut']}."
    by_loss = row["shortcut"].startswith("the counterfactual set")
    next_step = f"{ONLY_THIS} If so, {MEND}." if by_loss else OUTSIDE_OBJECTS
    return SHORTCUT, f"{_whose(rows)} by a shortcut.", (*_moved(row), why), next_step


def _of_places(rows: Sequence[Mapping[str, Any]]) -> Finding:
    decisive = [row for row in rows if row["outcome"] == SpotOutcome.DECISIVE]
    shown = decisive or rows
    outcome = SpotOutcome.DECISIVE if decisive else SpotOutcome.SUFFICIENT
    return outcome.value, _claim_of(shown, outcome), _moved(_named(shown)[0]), IS_IT_EVIDENCE


def _claim_of(rows: Sequence[Mapping[str, Any]], outcome: SpotOutcome) -> str:
    named = _named(rows)
    if outcome is SpotOutcome.DECISIVE:
        return f"{_whose(rows)} by one small place{' each' if len(named) > 1 else ''}."
    if named[0]["target_class"] is None:
        return "Of all classes together, decisions can be made by one small place."
    places = "One small place turns" if len(named) == 1 else "Small places turn"
    return f"{places} other pictures into {_names(rows)}."


def _of_nothing(rows: Sequence[Mapping[str, Any]]) -> Finding:
    images = max(row["sources"] for row in rows)
    unsettled = [row for row in rows if row["outcome"] == SpotOutcome.INCONCLUSIVE]
    if not unsettled:
        said = f"Over {images:,} images, {none_text()[:1].lower()}{none_text()[1:]}"
        return SpotOutcome.NONE_FOUND.value, "No small place that decides was found.", (said,), OTHER_CUES
    needed = max((row["sources_needed"] or 0 for row in _named(unsettled)), default=0)
    whose = "of a class" if _named(unsettled)[0]["target_class"] is not None else "in all"
    more = f"about {needed:,} {whose}, if they are like these" if needed else f"more than these {images:,}"
    said = f"{images:,} images do not settle it for {_names(unsettled)}."
    return (
        SpotOutcome.INCONCLUSIVE.value,
        "It is not settled whether a small place decides.",
        (said,),
        f"Audit more images: {more}.",
    )


def _of_subsets(told: Told) -> Finding:
    section = told.section
    if section.subsets == 0:
        return NOT_TESTED, section.headline, section.sentences, ""
    next_step = MORE_FOR_SPOTS if told.spot_asked else ASK_FOR_SPOTS
    return NOT_TESTED, section.claim, section.sentences[:1], next_step


def _pair_sentences(told: Told) -> tuple[str, ...]:
    """What the class loses that loses most; all pairs where no class falls by itself."""
    lines = [] if told.pair_page is None else told.pair_page.losses
    fallen = [line for line in lines if line.tag == tag_of(LOSES)]
    if not fallen:
        return ()
    line = next((one for one in fallen if not one.of_all), fallen[0])
    whose = "Over all pairs" if line.of_all else f"On {_quoted(line.label)}"
    return (f"{whose}, accuracy goes from {line.original} to {line.counterfactual}, over {line.pairs:,} pairs.",)


def _moved(row: Mapping[str, Any]) -> tuple[str, ...]:
    """What copying the place does, and what covering it does where that was seen to matter."""
    place = shown_place(row)
    pasted, covered = (place["measures"][f"spot_{name}_difference"] for name in ("pasted", "covered"))
    made = "the class that it came from" if row["target_class"] is None else _quoted(row["label"])
    lost = "their class" if row["target_class"] is None else _quoted(row["label"])
    here, elsewhere = _shares(pasted)
    said = (
        f"Pasted onto {pasted['parameters']['pairs']:,} other pictures, the place ({_where(place)}) makes {here} of "
        f"them {made}; another place makes {elsewhere}."
    )
    if SpotOutcome.DECISIVE not in {row["outcome"], row.get("whole_outcome"), row.get("outside_outcome")}:
        return (said,)
    here, elsewhere = _shares(covered)
    return said, f"Covered, it takes {lost} from {here} of the pictures; another place from {elsewhere}."


def _where(place: Mapping[str, Any]) -> str:
    return " or ".join(dict.fromkeys(place_text(one) for one in place["places"]))


def _shares(measure: Mapping[str, Any]) -> tuple[str, str]:
    told = measure["parameters"]
    here, elsewhere = (part_text(told[name] or 0.0, told["pairs"]) for name in ("here", "elsewhere"))
    return here, elsewhere


def _whose(rows: Sequence[Mapping[str, Any]]) -> str:
    """What is decided, as the beginning of a claim."""
    named = _named(rows)
    if named[0]["target_class"] is None:
        return "Of all classes together, decisions are moved"
    return f"{_names(rows)} {'is' if len(named) == 1 else 'are'} decided"


def _named(rows: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """Rows of single classes; that of all together where there is no other."""
    return [row for row in rows if row["target_class"] is not None] or rows


def _names(rows: Sequence[Mapping[str, Any]]) -> str:
    named = _named(rows)
    if named[0]["target_class"] is None:
        return "all classes together"
    if len(named) > MOST_NAMED:
        return f"{len(named)} classes"
    return enumeration([_quoted(row["label"]) for row in named])


def _quoted(label: str) -> str:
    return f"“{label}”"


def _scores(told: Told) -> tuple[Score, ...]:
    """The outcomes of the tests that speak of the model; NOT_TESTED for one that did not run."""
    edge = told.reading("shortcut")
    spots = NOT_TESTED if not told.rows or told.spots is None else told.spots["outcome"]
    pairs = NOT_TESTED if told.pairs is None else told.pairs["outcome"]
    return (
        Score("Small places", tag_of(spots)),
        Score("Edge, or outside the objects", tag_of(NOT_TESTED if edge is None else edge["outcome"])),
        Score("Without the cue", tag_of(pairs)),
    )


def _pictures(told: Told, outcome: str) -> tuple[Picture, ...]:
    if told.spot_pictures and outcome != LOSES:
        return told.spot_pictures
    if told.pair_page is not None and told.pair_page.shown and outcome == LOSES:
        return of_pairs(told.pair_page.shown)
    return of_subsets(told.section.telling)
