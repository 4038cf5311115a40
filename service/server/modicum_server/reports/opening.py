"""The first screen of a version: what was found, what it means, what to do next, and pictures. Measures nothing.

What is found first among these is told: a shortcut, a loss of accuracy without a cue, a small spot that decides, an
edge that is needed, an open question, nothing found. Where no test of spots ran, the first screen is about the subsets.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from modicum.gate.outcomes import EDGE_FALLS, NO_CLASS_TESTED, NONE_IN_ALL, spot_outcome, unsearched
from modicum.gate.spot_rule import FOUND, SpotOutcome
from modicum.gate.spots import may_show_first
from modicum.gate.tones import NOT_TESTED, Tag, tag_of

from modicum_server.domain.controls import LEAST_SPOT_IMAGES
from modicum_server.domain.searches import Canvas
from modicum_server.domain.spots import LEAST_CLASS_IMAGES
from modicum_server.measures import counterfactuals
from modicum_server.measures.judged_spots import SHORTCUT
from modicum_server.measures.measure import Measured
from modicum_server.measures.spot_words import ONLY_THIS, none_text
from modicum_server.reports.counterfactuals import CounterfactualPage
from modicum_server.reports.open_tests import open_tests
from modicum_server.reports.pictured import Shown, of_pairs, of_subsets
from modicum_server.reports.questions import reading_of, sentence
from modicum_server.reports.sections import Section
from modicum_server.reports.spot_claims import (
    ClassTable,
    Row,
    all_lost_covered,
    decided,
    moved,
    named,
    names,
    quoted,
    table_of,
    turned,
)

LOSES = "ACCURACY_FALLS"
MEND = "train with it covered, or with pictures of the class that lack it, and audit again"
DOES_IT_BELONG = (
    f"Look at the outlined spot: does it belong to the class? If so, the model is right to use it. If not, {MEND}."
)
DO_THEY_BELONG = (
    f"Look at each outlined spot: does it belong to its class? If so, the model is right to use it. If not, {MEND}."
)
OUTSIDE_OBJECTS = f"It lies outside the known objects: {MEND}."
VARY_THE_EDGE = "Say whether that region belongs to the class. If not, vary it or crop it away in training."
TEST_CLASSES = (
    f"Audit more images. A class gets a test of its own if the model predicts it for {LEAST_CLASS_IMAGES} images or "
    "more. More images settle more of these tests."
)
DIED = "the model's process failed"
AUDIT_AGAIN = "Audit again. A test without an outcome says nothing about its class."
ASK_FOR_SPOTS = (
    f"Add the control “spot” and audit at least {LEAST_SPOT_IMAGES} images. It tests whether a small spot decides."
)
MORE_FOR_SPOTS = (
    f"Audit at least {LEAST_SPOT_IMAGES} images in all, of two or more predicted classes. With fewer, this test "
    "cannot tell whether a small spot decides."
)
NEITHER = "Until then this audit neither clears nor blames the model."
NO_OUTCOME = replace(tag_of(NOT_TESTED), text="no outcome")
EDGE_COVERED = "Accuracy lost with the edge or background covered"
NO_SET = replace(tag_of(NOT_TESTED), text="not given")


@dataclass(frozen=True, slots=True)
class Score:
    """The outcome of one test, under a short name."""

    name: str
    tag: Tag


@dataclass(frozen=True, slots=True)
class Opening:
    """What a reader sees first of a version. `classes` is the table of several classes with a spot."""

    model: str
    outcome: str
    claim: str
    sentences: tuple[str, ...]
    classes: ClassTable | None
    next_step: str
    scores: tuple[Score, ...]
    shown: Shown
    canvas: Canvas

    @property
    def tag(self) -> Tag:
        """How its outcome is shown."""
        return NO_OUTCOME if self.outcome == NOT_TESTED else tag_of(self.outcome)


@dataclass(frozen=True, slots=True)
class OpeningFacts:
    """What is known of a version: its section and measures, its spot test and counterfactual set in the document."""

    section: Section
    measured: Measured
    spots: Mapping[str, Any] | None
    pairs: Mapping[str, Any] | None
    spot_asked: bool
    spot_pictures: Shown
    pair_page: CounterfactualPage | None

    def reading(self, control: str) -> Mapping[str, Any] | None:
        """Return the reading of a control under the section's search."""
        return reading_of(self.section.readings, control)

    @property
    def rows(self) -> list[Mapping[str, Any]]:
        """The rows of the spot test that were tested."""
        return [] if self.spots is None else [row for row in self.spots["rows"] if row["reason"] is None]

    @property
    def failed_tests(self) -> int:
        """How many rows of the spot test have no outcome, because the model's process failed."""
        return 0 if self.spots is None else len(self.spots["rows"]) - len(self.rows)

    @property
    def untested_classes(self) -> int:
        """How many classes have too few images for a test of their own."""
        return 0 if self.spots is None else int(self.spots["untested_classes"])


def opening_of(facts: OpeningFacts) -> Opening:
    """Return the opening of a version."""
    outcome, claim, sentences, next_step = _finding(facts)
    return Opening(
        model=facts.section.model,
        outcome=outcome,
        claim=claim,
        sentences=(*sentences, *_unsearched(facts, outcome)),
        classes=_classes(facts, outcome),
        next_step=" ".join((*facts.section.doubt, next_step)),
        scores=_scores(facts),
        shown=_shown(facts, outcome),
        canvas=facts.section.canvas,
    )


def _unsearched(facts: OpeningFacts, outcome: str) -> tuple[str, ...]:
    """How many images could not be searched, where that is most of them; of all, why, if a test has an outcome."""
    if outcome != NOT_TESTED and facts.section.advice:
        return facts.section.advice[:1]
    share = facts.measured.get("eligible_share")
    if share is None or not share.value:
        return ()
    said = unsearched(share.n - round(share.value * share.n), share.n)
    return (f"{said}.",) if said else ()


Finding = tuple[str, str, tuple[str, ...], str]
"""Outcome, claim, sentences, and what to do next."""


def _finding(facts: OpeningFacts) -> Finding:
    shortcuts = [row for row in facts.rows if row["outcome"] == SHORTCUT]
    found = [row for row in facts.rows if row["outcome"] in FOUND]
    edge = facts.reading("shortcut")
    if shortcuts:
        return _of_shortcuts(shortcuts, facts.rows)
    if facts.pairs is not None and facts.pairs["outcome"] == LOSES:
        return LOSES, "Without the cue, accuracy falls.", _pair_sentences(facts), counterfactuals.NEXT_STEP
    if found:
        return _of_spots(found, facts.rows)
    if edge is not None and edge["outcome"] == SHORTCUT:
        conclusion = sentence(edge.get("conclusion") or edge["text"])
        return SHORTCUT, EDGE_FALLS, (conclusion,), VARY_THE_EDGE
    if facts.rows:
        return _of_nothing(facts)
    return _of_subsets(facts)


def _of_shortcuts(rows: Sequence[Row], tested: Sequence[Row]) -> Finding:
    worst = named(rows)[0]
    why = f"Called a shortcut because {worst['shortcut']}."
    by_loss = worst["shortcut"].startswith("the counterfactual set")
    next_step = f"{ONLY_THIS} If so, {MEND}." if by_loss else OUTSIDE_OBJECTS
    claim = (
        decided(rows, tested, called="shortcut")
        if all_lost_covered(rows)
        else turned(rows, tested, called="a shortcut")
    )
    return SHORTCUT, claim, (*moved(rows), why), next_step


def _of_spots(rows: Sequence[Row], tested: Sequence[Row]) -> Finding:
    outcome, shown = _worst_spots(rows)
    claim = decided(shown, tested) if outcome is SpotOutcome.DECISIVE else turned(shown, tested)
    return outcome.value, claim, moved(shown), DOES_IT_BELONG if len(named(shown)) == 1 else DO_THEY_BELONG


def _worst_spots(rows: Sequence[Row]) -> tuple[SpotOutcome, Sequence[Row]]:
    """The rows that decide; those whose spot is enough where none does."""
    decisive = [row for row in rows if row["outcome"] == SpotOutcome.DECISIVE]
    return (SpotOutcome.DECISIVE, decisive) if decisive else (SpotOutcome.SUFFICIENT, rows)


def _classes(facts: OpeningFacts, outcome: str) -> ClassTable | None:
    """The classes with a spot, where the opening is about several."""
    rows = [row for row in facts.rows if row["outcome"] == outcome]
    return table_of(rows, facts.section.model) if rows and outcome in {*FOUND, SHORTCUT} else None


def _of_nothing(facts: OpeningFacts) -> Finding:
    unsettled = [row for row in facts.rows if row["outcome"] == SpotOutcome.INCONCLUSIVE]
    if unsettled:
        return _of_open(facts.rows, unsettled)
    others = open_tests(facts.reading("shortcut"), facts.measured, facts.pairs)
    outcome, claim, sentences = _of_none(facts)
    untested = [
        step for step, have in ((TEST_CLASSES, facts.untested_classes), (AUDIT_AGAIN, facts.failed_tests)) if have
    ]
    step = " ".join((*untested, *others.steps)) if untested else others.next_step
    return outcome, claim, (*sentences, *others.said), step


def _of_none(facts: OpeningFacts) -> tuple[str, str, tuple[str, ...]]:
    rows = facts.rows
    places = [place for row in rows for place in row["places"] if not place.get("outside")]
    none = none_text(one["kind"] for place in places for one in place["places"])
    said = f"The test looked at {_most_images(rows):,} images. {none}"
    tested = sum(row["target_class"] is not None for row in rows)
    left = _left_untested(facts)
    if not left:
        return SpotOutcome.NONE_FOUND.value, "No small spot was found that decides a class.", (said,)
    if not tested:
        return NONE_IN_ALL, NO_CLASS_TESTED, (*left, said)
    which = "the one class" if tested == 1 else f"any of the {tested} classes"
    claim = f"No small spot was found that decides {which} tested."
    return SpotOutcome.NONE_FOUND.value, claim, (*left, said)


def _left_untested(facts: OpeningFacts) -> tuple[str, ...]:
    """Which classes no test speaks of, and why; empty where each has a test of its own."""
    untested, failed = facts.untested_classes, facts.failed_tests
    have = "class has" if untested == 1 else "classes have"
    tests = "The test of 1 class has" if failed == 1 else f"The tests of {failed:,} classes have"
    few = f"{untested:,} predicted {have} too few images for a test of their own."
    died = f"{tests} no outcome, because {DIED}."
    return tuple(text for text, count in ((few, untested), (died, failed)) if count)


def _of_open(rows: Sequence[Row], unsettled: Sequence[Row]) -> Finding:
    images = _most_images(rows)
    needed = max((row["sources_needed"] or 0 for row in named(unsettled)), default=0)
    whose = "of each class" if named(unsettled)[0]["target_class"] is not None else "in all"
    more = (
        f"Audit more images. About {needed:,} {whose} would show that no spot decides, if they are like these."
        if needed
        else f"Audit more than these {images:,} images."
    )
    said = f"These {images:,} images do not settle this for {names(unsettled)}."
    ahead = (more, _first(named(unsettled)), _never(named(unsettled)), NEITHER)
    return (
        SpotOutcome.INCONCLUSIVE.value,
        "It is not settled whether a small spot decides a class.",
        (said,),
        " ".join(text for text in ahead if text),
    )


def _first(unsettled: Sequence[Row]) -> str:
    """For which classes images like these may find a spot before they lead to NONE_FOUND; empty without one."""
    first = [row for row in unsettled if row["sources_needed"] and may_show_first(row)]
    return f"For {names(first)}, more images may instead show that a spot decides." if first else ""


def _never(unsettled: Sequence[Row]) -> str:
    """For which classes no number of images like these leads to NONE_FOUND; empty without one."""
    measured = [row for row in unsettled if any(place["pasted"] for place in row["places"])]
    never = [row for row in measured if row["sources_needed"] is None]
    if not never:
        return ""
    return (
        f"For {names(never)}, more images like these would not show that no spot decides; they may show that one does."
    )


def _most_images(rows: Sequence[Row]) -> int:
    return max(int(row["sources"]) for row in rows)


def _of_subsets(facts: OpeningFacts) -> Finding:
    section = facts.section
    if section.advice:
        return NOT_TESTED, section.headline, section.advice[:1], " ".join(section.advice[1:])
    if section.subsets == 0:
        return NOT_TESTED, section.headline, section.sentences, ""
    of_subsets = (section.claim, *section.sentences[:1])
    if facts.failed_tests:
        return NOT_TESTED, f"Small spots were not tested: {DIED}.", (" ".join(of_subsets),), AUDIT_AGAIN
    if not facts.spot_asked:
        return NOT_TESTED, of_subsets[0], of_subsets[1:], ASK_FOR_SPOTS
    return NOT_TESTED, "Small spots were not tested.", (" ".join(of_subsets),), MORE_FOR_SPOTS


def _pair_sentences(facts: OpeningFacts) -> tuple[str, ...]:
    """What the class loses that loses most; all pairs where no class falls by itself."""
    lines = [] if facts.pair_page is None else facts.pair_page.losses
    fallen = [line for line in lines if line.tag == tag_of(LOSES)]
    if not fallen:
        return ()
    line = next((one for one in fallen if not one.of_all), fallen[0])
    pairs = f"all {line.pairs:,} pairs" if line.of_all else f"the {line.pairs:,} pairs of {quoted(line.label)}"
    return (f"On {pairs}, accuracy falls from {line.original} to {line.counterfactual}.",)


def _scores(facts: OpeningFacts) -> tuple[Score, ...]:
    """The outcomes of the tests that speak of the model; NOT_TESTED for one that did not run."""
    edge = facts.reading("shortcut")
    spots = NOT_TESTED if not facts.rows or facts.spots is None else facts.spots["outcome"]
    return (
        Score("Small spots", tag_of(spot_outcome(spots, facts.rows))),
        Score(EDGE_COVERED, tag_of(NOT_TESTED if edge is None else edge["outcome"])),
        Score("Counterfactual set", NO_SET if facts.pairs is None else tag_of(facts.pairs["outcome"])),
    )


def _shown(facts: OpeningFacts, outcome: str) -> Shown:
    if facts.spot_pictures.pictures and outcome != LOSES:
        return facts.spot_pictures
    if facts.pair_page is not None and facts.pair_page.shown and outcome == LOSES:
        return of_pairs(facts.pair_page.shown)
    return of_subsets(facts.section.telling, facts.measured["overinterpretation_rate"].parameters["alpha"])
