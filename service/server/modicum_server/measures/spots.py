"""The spot test of a version: does a small place decide, for a class or for all classes together?

The rule is in `spot_rule`. A place that decides need not be wrong: a lesion that is always at the centre decides by
right. It is called a SHORTCUT only where it lies outside the objects (`spot_objects`) or where the counterfactual set
shows a loss for its class; otherwise a person must say whether it is evidence. NONE_FOUND is about the places that were
tried.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from modicum.gate.spot_rule import (
    ALPHA,
    FOUND,
    Floats,
    SpotOutcome,
    TestedPlace,
    by_source,
    high_end,
    judge_network,
    judge_places,
    low_end,
    pairs_by_source,
    row_outcomes,
    sources_needed,
)

from modicum_server.domain.controls import LEAST_SPOT_IMAGES
from modicum_server.domain.models import ModelVersion
from modicum_server.domain.spots import (
    LEAST_CLASS_IMAGES,
    SpotKind,
    SpotOutcomes,
    SpotRow,
    SpotTrial,
)
from modicum_server.measures.counterfactual_pairs import CounterfactualTest, counterfactual_tests_of
from modicum_server.measures.document_lists import Audited, DocumentList
from modicum_server.measures.intervals import Interval
from modicum_server.measures.judged_spots import JudgedPlace, JudgedRow, SpotTest
from modicum_server.measures.measure import Measure, Measured, Reading
from modicum_server.measures.measure_sets import Place, Title
from modicum_server.measures.number_words import class_label
from modicum_server.measures.spot_objects import location_of, object_overlap
from modicum_server.measures.spot_words import spot_sentence

CONTROL = "spot"
METHOD = "t over sources, one source added"
TOO_FEW = f"the spot test needs {LEAST_SPOT_IMAGES} images of two predicted classes"


def spot_tests_of(audited: Audited) -> list[SpotTest]:
    """Return the spot test of each version that has one, in the specification's order."""
    paired = {test.model_version: test for test in counterfactual_tests_of(audited)}
    return [
        _spot_test(version, audited, rows, paired.get(version.name))
        for version in audited.versions
        if (rows := audited.spots.get(version.name))
    ]


def spot_reading(_: Audited, tests: Sequence[SpotTest], version: str, search_index: int) -> Reading | None:
    """Return the sentence about a version, beside the search whose subsets chose the places."""
    test = next((one for one in tests if (one.model_version, one.search_index) == (version, search_index)), None)
    if test is None:
        return None
    return Reading(CONTROL, spot_sentence(test), test.verdict)


def _spot_test(
    version: ModelVersion, audited: Audited, rows: Sequence[SpotRow], paired: CounterfactualTest | None
) -> SpotTest:
    index = audited.spot_search
    assert index is not None, "a spot test needs a search for the predicted class"
    seen = audited.seen[version.name, index]
    whole, outside = ([places_of(row, seen.level, outside=where) for row in rows] for where in (False, True))
    tested = [place.tested for places in (*whole, *outside) for place in places]
    earned = judge_places(tested)
    outcomes, each = row_outcomes(tested, earned), iter(earned)
    whole, outside = ([_with_outcomes(places, each) for places in kind] for kind in (whole, outside))
    judged = tuple(
        JudgedRow(
            row,
            _label(version, row),
            outcomes.get(_key(row, outside=False), SpotOutcome.INCONCLUSIVE),
            places,
            sources_needed([place.tested for place in places]),
            beside,
            outcomes.get(_key(row, outside=True)),
            None if paired is None else paired.lost(row.target_class),
        )
        for row, places, beside in zip(rows, whole, outside, strict=True)
    )
    predicted = np.unique(seen.predicted[seen.predicted >= 0])
    own_rows = sum(row.target_class is not None for row in rows)
    outcome = judge_network({row.row.number: row.outcome for row in judged})
    untested = max(0, len(predicted) - own_rows)
    return SpotTest(version.name, index, outcome, judged, untested, _headline(judged, outcome))


def _with_outcomes(places: Sequence[JudgedPlace], earned: Iterator[SpotOutcome]) -> tuple[JudgedPlace, ...]:
    """The places with the next outcomes, one each."""
    return tuple(replace(place, outcome=next(earned)) for place in places)


def _key(row: SpotRow, *, outside: bool) -> int:
    """The number of what is judged by itself: a row on the whole images, or outside the objects."""
    return 2 * row.number + outside


def places_of(row: SpotRow, level: float, *, outside: bool = False) -> tuple[JudgedPlace, ...]:
    """Return the fixed place and the own window, each with its trials from both halves."""
    trials_there = [trial for trial in row.trials if trial.outside is outside]
    places = []
    for own in (False, True):
        trials = tuple(trial for trial in trials_there if (trial.place.kind is SpotKind.OWN) is own)
        if trials:
            pasted, covered = (
                np.concatenate([by_source(one.sources, one.here, one.elsewhere) for one in outcomes])
                for outcomes in ([trial.pasted for trial in trials], [trial.covered for trial in trials])
            )
            pairs = np.concatenate([pairs_by_source(trial.pasted.sources) for trial in trials])
            tested = TestedPlace(_key(row, outside=outside), own, pasted, covered, pairs)
            measures = _differences(trials, tested, level)
            overlap = object_overlap(trials, level)
            known = {} if overlap.value is None else {"spot_object_overlap": overlap}
            location = None if outside else location_of(overlap)
            places.append(JudgedPlace(tested, trials, {**measures, **known}, location))
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


def _headline(rows: Sequence[JudgedRow], outcome: SpotOutcome) -> Measured:
    """The measures of the place that copies follow most surely, with its class: of the rows found like the network."""
    like = [row for row in rows if row.outcome is outcome] if outcome in FOUND else rows
    strongest = [(row, place) for row in like if (place := row.strongest) is not None and place.tested.judged]
    if not strongest:
        nothing = Measure(None, "difference", 0, unavailable=TOO_FEW)
        return {"spot_pasted_difference": nothing, "spot_covered_difference": nothing}
    row, place = max(strongest, key=lambda pair: low_end(pair[1].tested.pasted, ALPHA))
    return {
        name: Measure(one.value, one.unit, one.n, one.interval, {**one.parameters, "label": row.label}, one.unavailable)
        for name, one in place.measures.items()
    }


def _label(version: ModelVersion, row: SpotRow) -> str:
    if row.target_class is None:
        return "all classes together"
    return class_label(row.target_class, version.class_labels)


DOCUMENT_LIST = DocumentList(
    "spots",
    spot_tests_of,
    {
        "spot_pasted_difference": Title(
            "Other pictures that take the class of a copied spot, less elsewhere", Place.HEADLINE
        ),
        "spot_covered_difference": Title("Pictures that lose their class under a covered spot, less elsewhere"),
        "spot_object_overlap": Title("Overlap of the spot and the objects, as a share of the smaller"),
    },
    spot_reading,
)
