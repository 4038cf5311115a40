"""What the spot test of a version says, and its JSON. Judges nothing: `spots` does.

A place that decides need not be wrong: a lesion that is always at the centre decides by right. It is called a SHORTCUT
only where it lies outside the objects of the images, or where the counterfactual set shows a loss for its class. The
set shows no more than that: whether it changes this spot and nothing else is known to the person who made it.
NONE_FOUND is about the places that were tried.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from modicum.gate.spot_rule import ALPHA, FOUND, SpotOutcome, TestedPlace, low_end

from modicum_server.domain.spots import SpotKind, SpotOutcomes, SpotPlace, SpotRow, SpotTrial
from modicum_server.measures.measure import Measured
from modicum_server.measures.spot_objects import Location

EXAMPLES = 3
"""Pairs of each half that are named, so that they can be shown."""
SHORTCUT = "SHORTCUT"
"""Outcome where a place decides that may be called so (`JudgedRow.shortcut`). It stands before those of the rule."""


@dataclass(frozen=True, slots=True, eq=False)
class JudgedPlace:
    """One kind of place of a row, from both halves.

    Attributes:
        tested: its differences.
        trials: its tests.
        measures: the differences and, where images have objects, how far the place overlaps them.
        location: where it lies; None where no image has objects.
        outcome: what it earned by itself.
    """

    tested: TestedPlace
    trials: tuple[SpotTrial, ...]
    measures: Measured
    location: Location | None = None
    outcome: SpotOutcome = SpotOutcome.INCONCLUSIVE

    @property
    def outside(self) -> bool:
        """Whether only what lies outside the objects was copied and covered."""
        return self.trials[0].outside

    @property
    def matched(self) -> bool:
        """Whether what it is compared with outside the objects moves as many pixels. In older rows it need not."""
        return self.outside and self.left_out is not None

    @property
    def left_out(self) -> int | None:
        """Pairs that were drawn for a copy and have nothing to be compared with; None in older rows."""
        counts = [trial.pasted.left_out for trial in self.trials]
        return None if None in counts else sum(one or 0 for one in counts)

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values, with the counts of every source, so that it can be judged at another level."""
        return {
            "own": self.tested.own,
            "outside": self.outside,
            "matched": self.matched,
            "location": self.location,
            "outcome": self.outcome.value,
            "places": [_trial_json(trial) for trial in self.trials],
            "measures": {name: measure.as_json() for name, measure in self.measures.items()},
            "pasted": [count for trial in self.trials for count in _counts(trial.half, trial.pasted)],
            "covered": [count for trial in self.trials for count in _counts(trial.half, trial.covered)],
        }


@dataclass(frozen=True, slots=True, eq=False)
class JudgedRow:
    """A row and what it says.

    Attributes:
        row: what was tested.
        label: the name of its class.
        outcome: of the places on the whole images.
        places: on the whole images.
        needed: sources that would settle it; None where that is not known.
        outside: the places outside the objects.
        outside_outcome: of those; None where no image has objects.
        lost: what the counterfactual set measured of the class, or of all pairs for the row of all classes; None
            where it shows no loss.
    """

    row: SpotRow
    label: str
    outcome: SpotOutcome
    places: tuple[JudgedPlace, ...]
    needed: int | None
    outside: tuple[JudgedPlace, ...] = ()
    outside_outcome: SpotOutcome | None = None
    lost: Measured | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        shown, places = self.shown, (*self.places, *self.outside)
        return {
            "target_class": self.row.target_class,
            "label": self.label,
            "sources": self.row.sources,
            "outcome": self.verdict,
            "whole_outcome": self.outcome.value,
            "outside_outcome": self.outside_outcome,
            "shortcut": self.why,
            "reason": self.row.reason,
            "sources_needed": self.needed,
            "places": [place.as_json() for place in places],
            "shown": next((index for index, place in enumerate(places) if place is shown), None),
            "examples": _examples(shown.trials) if self.found and shown else [],
        }

    @property
    def tested_outside(self) -> bool:
        """Whether a place outside the objects has enough sources."""
        return any(place.tested.judged for place in self.outside)

    @property
    def shown(self) -> JudgedPlace | None:
        """The place that words and pictures are about: one that earned the row's outcome, if any was found."""
        return self.shortcut or self.strongest

    @property
    def strongest(self) -> JudgedPlace | None:
        """The place on the whole images that the class follows most surely, of those that earned the outcome."""
        return _strongest(self.places, self.outcome)

    @property
    def beside_objects(self) -> JudgedPlace | None:
        """The place outside the objects that decides, if there is one."""
        if self.outside_outcome in FOUND:
            return _strongest(self.outside, self.outside_outcome)
        beside = [place for place in self.places if place.location is Location.OUTSIDE and place.outcome in FOUND]
        decisive = any(place.outcome is SpotOutcome.DECISIVE for place in beside)
        return _strongest(beside, SpotOutcome.DECISIVE if decisive else SpotOutcome.SUFFICIENT)

    @property
    def shortcut(self) -> JudgedPlace | None:
        """The place that decides and is called a shortcut, if there is one."""
        confirmed = self.lost is not None and self.outcome in FOUND
        return self.beside_objects or (self.strongest if confirmed else None)

    @property
    def why(self) -> str:
        """Why the place is called a shortcut; empty where it is not."""
        if self.shortcut is None:
            return ""
        if self.beside_objects is None:
            whose = "over all pairs" if self.row.target_class is None else f"for {self.label}"
            return f"the counterfactual set shows a loss {whose}"
        if self.shortcut.outside:
            return "only what lies outside the objects was copied and covered"
        return "the place lies outside the objects"

    @property
    def found(self) -> bool:
        """Whether a place decides, wherever it lies."""
        return self.outcome in FOUND or self.shortcut is not None

    @property
    def verdict(self) -> str:
        """The outcome with what objects and the counterfactual set say of the place."""
        return SHORTCUT if self.shortcut is not None else self.outcome.value


@dataclass(frozen=True, slots=True, eq=False)
class SpotTest:
    """The spot test of one version. `untested` classes were predicted on too few images for a row of their own."""

    model_version: str
    search_index: int
    outcome: SpotOutcome
    rows: tuple[JudgedRow, ...]
    untested: int
    measures: Measured

    @property
    def verdict(self) -> str:
        """The outcome with what objects and the counterfactual set say of the places."""
        return SHORTCUT if any(row.shortcut is not None for row in self.rows) else self.outcome.value

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "model_version": self.model_version,
            "search_index": self.search_index,
            "outcome": self.verdict,
            "untested_classes": self.untested,
            "rows": [row.as_json() for row in self.rows],
            "measures": {name: measure.as_json() for name, measure in self.measures.items()},
        }


def _strongest(places: Sequence[JudgedPlace], outcome: SpotOutcome | None) -> JudgedPlace | None:
    """The place that the class follows most surely; where the outcome is of a place that decides, of those that are.

    Of those that decide, one at one position stands before own windows: they find it too, and say no position.
    """
    earned = [place for place in places if place.outcome is outcome] if outcome in FOUND else places
    fixed = [place for place in earned if not place.tested.own] if outcome in FOUND else []
    return max(fixed or earned, key=lambda place: low_end(place.tested.pasted, ALPHA), default=None)


def _counts(half: int, outcomes: SpotOutcomes) -> list[dict[str, int]]:
    """For each source of a half: its position, its pairs, and in how many the class followed, here and elsewhere."""
    counts: dict[int, list[int]] = {}
    for source, here, elsewhere in zip(outcomes.sources, outcomes.here, outcomes.elsewhere, strict=True):
        each = counts.setdefault(source, [0, 0, 0])
        for place, value in enumerate((1, here, elsewhere)):
            each[place] += value
    return [
        {"half": half, "source": source, "pairs": pairs, "here": here, "elsewhere": elsewhere}
        for source, (pairs, here, elsewhere) in sorted(counts.items())
    ]


def _examples(trials: Sequence[SpotTrial]) -> list[dict[str, Any]]:
    """Pairs in which the class followed the copy and not the place of comparison, each with the copied place.

    Sources that the class follows most often come first. Outside the objects the first pairs do, because the library
    keeps the copied pixels of these.
    """
    found = [one for trial in trials for one in _examples_of(trial)]
    return [example for _, example in sorted(found, key=lambda one: -one[0])]


def _examples_of(trial: SpotTrial) -> list[tuple[float, dict[str, Any]]]:
    """The examples of a trial, at most one of a source, each with how much the class follows its source."""
    counts = _counts(trial.half, trial.pasted)
    follows = {one["source"]: (one["here"] - one["elsewhere"]) / one["pairs"] for one in counts}
    if trial.outside:
        follows = dict.fromkeys(follows, 0.0)
    first: dict[int, int] = {}
    pairs = zip(*(getattr(trial.pasted, name) for name in ("sources", "others", "here", "elsewhere")), strict=True)
    for source, other, here, elsewhere in pairs:
        if here and not elsewhere:
            first.setdefault(source, other)
    corners = {window.source: (window.top, window.left) for window in trial.windows}
    regions = {(region.source, region.other): region.subset for region in trial.regions}
    shown = []
    for source in sorted(first, key=lambda each: -follows[each])[:EXAMPLES]:
        region = regions.get((source, first[source]))
        top, left = corners.get(source, (trial.place.top, trial.place.left))
        moved = {} if region is None else {"mask": _encoded(region.mask)}
        place = _position_json(replace(trial.place, top=top, left=left))
        shown.append((follows[source], {"source": source, "other": first[source], **place, **moved}))
    return shown


def _trial_json(trial: SpotTrial) -> dict[str, Any]:
    """The place of one half with what happened there: pairs, and shares in which the class followed."""
    return {
        "half": trial.half,
        **_place_json(trial.place),
        "pasted": _shares(trial.pasted),
        "covered": _shares(trial.covered),
    }


def _shares(outcomes: SpotOutcomes) -> dict[str, Any]:
    pairs = len(outcomes.here)
    shares = {"here": sum(outcomes.here) / pairs, "elsewhere": sum(outcomes.elsewhere) / pairs} if pairs else {}
    return {"pairs": pairs, "left_out": outcomes.left_out, "here": None, "elsewhere": None, **shares}


def _place_json(place: SpotPlace) -> dict[str, Any]:
    described: dict[str, Any] = {"kind": place.kind.value, "width": place.width}
    if place.kind is not SpotKind.RING:
        described["height"] = place.height
    if place.kind in {SpotKind.WINDOW, SpotKind.PATTERN}:
        described |= {"top": place.top, "left": place.left}
    return described | _pixels_json(place)


def _position_json(place: SpotPlace) -> dict[str, Any]:
    """A place in one picture, where an own window has a position, too."""
    sides = {"kind": place.kind.value, "height": place.height, "width": place.width}
    return {**sides, "top": place.top, "left": place.left, **_pixels_json(place)}


def _pixels_json(place: SpotPlace) -> dict[str, Any]:
    """How many pixels of its window a pattern has, and which, packed; empty for other places."""
    return {"size": place.size, "pixels": _encoded(place.pixels)} if place.kind is SpotKind.PATTERN else {}


def _encoded(packed: bytes) -> str:
    return base64.b64encode(packed).decode()
