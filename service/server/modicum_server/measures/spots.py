"""The spot test of a version: does a small place decide, for a class or for all classes together?

The rule is in `spot_rule`. A place that decides need not be wrong: a lesion that is always at the centre decides by
right. So no outcome here calls a place a shortcut; a person must say whether it is evidence. NONE_FOUND is about the
places that were tried.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from modicum.gate.spot_rule import (
    FOUND,
    Floats,
    SpotOutcome,
    TestedPlace,
    by_source,
    high_end,
    judge_network,
    judge_rows,
    low_end,
    sources_needed,
)

from modicum_server.domain.models import ModelVersion
from modicum_server.domain.spots import (
    LEAST_CLASS_IMAGES,
    LEAST_SPOT_IMAGES,
    SpotKind,
    SpotOutcomes,
    SpotPlace,
    SpotRow,
    SpotTrial,
)
from modicum_server.measures.families import Place, Title
from modicum_server.measures.intervals import Interval
from modicum_server.measures.measure import Measure, Measured, Reading
from modicum_server.measures.number_words import enumeration, pixels_text, share_text
from modicum_server.measures.parts import Audited, Part

CONTROL = "spot"
EXAMPLES = 3
"""Pairs of each half that are named, so that they can be shown."""
NAMED = 6
"""Classes that a sentence names; of more it gives the number."""
METHOD = "t over sources, one source added"
TOO_FEW = f"the spot test needs {LEAST_SPOT_IMAGES} images of two predicted classes"


@dataclass(frozen=True, slots=True, eq=False)
class JudgedPlace:
    """One kind of place of a row, from both halves. `measures` are the differences for it."""

    tested: TestedPlace
    trials: tuple[SpotTrial, ...]
    measures: Measured

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values, with the counts of every source, so that it can be judged at another level."""
        return {
            "own": self.tested.own,
            "places": [{"half": trial.half, **_place_json(trial.place)} for trial in self.trials],
            "measures": {name: measure.as_json() for name, measure in self.measures.items()},
            "pasted": _counts([trial.pasted for trial in self.trials]),
            "covered": _counts([trial.covered for trial in self.trials]),
        }


@dataclass(frozen=True, slots=True, eq=False)
class JudgedRow:
    """A row and what it says. `needed` are the sources that would settle it, None where that is not known."""

    row: SpotRow
    label: str
    outcome: SpotOutcome
    places: tuple[JudgedPlace, ...]
    needed: int | None

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "target_class": self.row.target_class,
            "label": self.label,
            "sources": self.row.sources,
            "outcome": self.outcome.value,
            "reason": self.row.reason,
            "sources_needed": self.needed,
            "places": [place.as_json() for place in self.places],
            "examples": _examples(self.strongest.trials) if self.outcome in FOUND and self.strongest else [],
        }

    @property
    def strongest(self) -> JudgedPlace | None:
        """The place whose copies the class follows most surely."""
        return max(self.places, key=lambda place: low_end(place.tested.pasted, 0.05), default=None)


@dataclass(frozen=True, slots=True, eq=False)
class SpotTest:
    """The spot test of one version. `untested` classes were predicted on too few images for a row of their own."""

    model_version: str
    search_index: int
    outcome: SpotOutcome
    rows: tuple[JudgedRow, ...]
    untested: int
    measures: Measured

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "model_version": self.model_version,
            "search_index": self.search_index,
            "outcome": self.outcome.value,
            "untested_classes": self.untested,
            "rows": [row.as_json() for row in self.rows],
            "measures": {name: measure.as_json() for name, measure in self.measures.items()},
        }


def spot_tests_of(audited: Audited) -> list[SpotTest]:
    """Return the spot test of each version that has one, in the specification's order."""
    return [
        _spot_test(version, audited, rows) for version in audited.versions if (rows := audited.spots.get(version.name))
    ]


def spot_reading(_: Audited, tests: Sequence[SpotTest], version: str, search_index: int) -> Reading | None:
    """Return the sentence about a version, beside the search whose subsets chose the places."""
    test = next((one for one in tests if (one.model_version, one.search_index) == (version, search_index)), None)
    if test is None:
        return None
    return Reading(CONTROL, _sentence(test), test.outcome.value)


def _spot_test(version: ModelVersion, audited: Audited, rows: Sequence[SpotRow]) -> SpotTest:
    index = audited.spot_search
    assert index is not None, "a spot test needs a search for the predicted class"
    seen = audited.seen[version.name, index]
    tested = {row.number: _tested_places(row, seen.level) for row in rows}
    outcomes = judge_rows([place.tested for places in tested.values() for place in places])
    judged = tuple(
        JudgedRow(
            row,
            _label(version, row),
            outcomes.get(row.number, SpotOutcome.INCONCLUSIVE),
            tested[row.number],
            sources_needed([place.tested for place in tested[row.number]]),
        )
        for row in rows
    )
    predicted = np.unique(seen.predicted[seen.predicted >= 0])
    own_rows = sum(row.target_class is not None for row in rows)
    return SpotTest(
        version.name,
        index,
        judge_network({row.row.number: row.outcome for row in judged}),
        judged,
        max(0, len(predicted) - own_rows),
        _headline(judged),
    )


def _tested_places(row: SpotRow, level: float) -> tuple[JudgedPlace, ...]:
    """The fixed place and the own window, each with its trials from both halves."""
    places = []
    for own in (False, True):
        trials = tuple(trial for trial in row.trials if (trial.place.kind is SpotKind.OWN) is own)
        if trials:
            pasted, covered = (
                np.concatenate([by_source(one.sources, one.here, one.elsewhere) for one in outcomes])
                for outcomes in ([trial.pasted for trial in trials], [trial.covered for trial in trials])
            )
            tested = TestedPlace(row.number, own, pasted, covered)
            places.append(JudgedPlace(tested, trials, _differences(trials, tested, level)))
    return tuple(places)


def _differences(trials: Sequence[SpotTrial], tested: TestedPlace, level: float) -> Measured:
    return {
        "spot_pasted_difference": _difference(tested.pasted, [trial.pasted for trial in trials], level),
        "spot_covered_difference": _difference(tested.covered, [trial.covered for trial in trials], level),
    }


def _difference(values: Floats, outcomes: Sequence[SpotOutcomes], level: float) -> Measure:
    here = [one for outcome in outcomes for one in outcome.here]
    elsewhere = [one for outcome in outcomes for one in outcome.elsewhere]
    parameters = {
        "pairs": len(here),
        "here": float(np.mean(here)) if here else None,
        "elsewhere": float(np.mean(elsewhere)) if elsewhere else None,
    }
    if not len(values):
        return Measure(None, "difference", 0, parameters=parameters, unavailable="there are no pairs")
    interval = None
    if len(values) >= LEAST_CLASS_IMAGES:
        tail = (1 - level) / 2
        low, high = max(-1.0, low_end(values, tail)), min(1.0, high_end(values, tail))
        interval = Interval(low, high, METHOD, len(values), level)
    return Measure(float(values.mean()), "difference", len(values), interval, parameters)


def _headline(rows: Sequence[JudgedRow]) -> Measured:
    """The measures of the place that the copies follow most surely, with its class."""
    strongest = [(row, place) for row in rows if (place := row.strongest) is not None and place.tested.judged]
    if not strongest:
        nothing = Measure(None, "difference", 0, unavailable=TOO_FEW)
        return {"spot_pasted_difference": nothing, "spot_covered_difference": nothing}
    row, place = max(strongest, key=lambda pair: low_end(pair[1].tested.pasted, 0.05))
    return {
        name: Measure(one.value, one.unit, one.n, one.interval, {**one.parameters, "label": row.label}, one.unavailable)
        for name, one in place.measures.items()
    }


def _counts(outcomes: Sequence[SpotOutcomes]) -> list[dict[str, int]]:
    """For each source: its position, its pairs, and in how many the class followed, here and elsewhere."""
    counts: dict[int, list[int]] = {}
    for outcome in outcomes:
        for source, here, elsewhere in zip(outcome.sources, outcome.here, outcome.elsewhere, strict=True):
            each = counts.setdefault(source, [0, 0, 0])
            for place, value in enumerate((1, here, elsewhere)):
                each[place] += value
    return [
        {"source": source, "pairs": pairs, "here": here, "elsewhere": elsewhere}
        for source, (pairs, here, elsewhere) in sorted(counts.items())
    ]


def _examples(trials: Sequence[SpotTrial]) -> list[dict[str, Any]]:
    """Pairs in which the class followed the copy and not the place of comparison, each with the copied place."""
    shown: list[dict[str, Any]] = []
    for trial in trials:
        corners = {window.source: (window.top, window.left) for window in trial.windows}
        pairs = zip(*(getattr(trial.pasted, name) for name in ("sources", "others", "here", "elsewhere")), strict=True)
        sources: set[int] = set()
        for source, other, here, elsewhere in pairs:
            if here and not elsewhere and source not in sources and len(sources) < EXAMPLES:
                sources.add(source)
                top, left = corners.get(source, (trial.place.top, trial.place.left))
                shown.append({"source": source, "other": other, **asdict(replace(trial.place, top=top, left=left))})
    return shown


def _place_json(place: SpotPlace) -> dict[str, Any]:
    described: dict[str, Any] = {"kind": place.kind.value, "width": place.width}
    if place.kind is not SpotKind.RING:
        described["height"] = place.height
    if place.kind is SpotKind.WINDOW:
        described |= {"top": place.top, "left": place.left}
    return described


def _label(version: ModelVersion, row: SpotRow) -> str:
    if row.target_class is None:
        return "all classes together"
    if 0 <= row.target_class < len(version.class_labels):
        return version.class_labels[row.target_class]
    return f"class {row.target_class}"


def _sentence(test: SpotTest) -> str:
    found = [row for row in test.rows if row.outcome in FOUND]
    if found:
        texts = [*(_found_text(row) for row in found[:3]), _more_text(found[3:]), _judgement(found)]
        return " ".join(text for text in texts if text)
    classes = [row for row in test.rows if row.row.target_class is not None]
    looked = "windows of up to 10% of the area, rings at the edge, and each image's own densest window"
    images = max((row.row.sources for row in test.rows), default=0)
    scope = f"{len(classes)} {'class' if len(classes) == 1 else 'classes'}" if classes else "all classes together"
    untested = f" {_untested_text(test.untested)}" if test.untested else ""
    if test.outcome is SpotOutcome.NONE_FOUND:
        return f"No spot was found that decides, in {scope} with {images} images; tried were {looked}.{untested}"
    open_rows = [row for row in test.rows if row.outcome is SpotOutcome.INCONCLUSIVE]
    needed = max((row.needed for row in open_rows if row.needed is not None), default=None)
    more = f" About {needed} images of a class would settle it." if needed is not None else ""
    failed = any(row.row.reason is not None for row in open_rows)
    broken = " Some classes could not be tested because the model's process failed." if failed else ""
    return (
        f"Whether a spot decides is not settled for {_some([row.label for row in open_rows])} "
        f"({images} images; tried were {looked}).{more}{untested}{broken}"
    )


def _untested_text(classes: int) -> str:
    if classes == 1:
        return "1 class has too few images for a test of its own."
    return f"{classes} classes have too few images for a test of their own."


def _some(labels: Sequence[str]) -> str:
    """The first labels, and how many more there are."""
    more = [f"{len(labels) - NAMED} more"] if len(labels) > NAMED else []
    return enumeration([*labels[:NAMED], *more])


def _found_text(row: JudgedRow) -> str:
    place = row.strongest
    assert place is not None, "a row is found at a place"
    pasted, covered = (place.measures[name] for name in ("spot_pasted_difference", "spot_covered_difference"))
    subject = "its class" if row.row.target_class is None else row.label
    whose = "Of all classes together, a decision" if row.row.target_class is None else f"The decision for {row.label}"
    text = (
        f"{whose} follows {place_text(place.trials)}: copied onto other pictures it makes {_here(pasted)} of them "
        f"{subject} ({_elsewhere(pasted)} with a random place of that size)"
    )
    if row.outcome is SpotOutcome.DECISIVE:
        text += (
            f". When it is covered, {_here(covered)} of the pictures lose {subject} ({_elsewhere(covered)} with a "
            "random place)"
        )
    return f"{text}."


def _more_text(rows: Sequence[JudgedRow]) -> str:
    return f"The same is so for {enumeration([row.label for row in rows])}." if rows else ""


def _judgement(found: Sequence[JudgedRow]) -> str:
    what = "this spot is" if len(found) == 1 else "these spots are"
    return f"A person must say whether {what} evidence."


def place_text(trials: Sequence[SpotTrial]) -> str:
    """Return where the place of the first half is, in words."""
    place = trials[0].place
    if place.kind is SpotKind.OWN:
        return f"a spot of {place.height}x{place.width} pixels whose place differs from picture to picture"
    if place.kind is SpotKind.RING:
        return f"the ring of {pixels_text(place.width)} at the edge"
    return f"a spot of {place.height}x{place.width} pixels ({place.top} from the top, {place.left} from the left)"


def _here(measure: Measure) -> str:
    return share_text(measure.parameters["here"] or 0.0)


def _elsewhere(measure: Measure) -> str:
    return share_text(measure.parameters["elsewhere"] or 0.0)


PART = Part(
    "spots",
    spot_tests_of,
    {
        "spot_pasted_difference": Title(
            "Other pictures that take the class of a copied spot, less elsewhere", Place.HEADLINE
        ),
        "spot_covered_difference": Title("Pictures that lose their class under a covered spot, less elsewhere"),
    },
    spot_reading,
)
