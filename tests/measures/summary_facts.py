"""What a summary is made of, by hand: rows of spot tests, measures, and what a counterfactual set says."""

from dataclasses import replace

import numpy as np
from modicum.gate.counterfactual_rule import CounterfactualOutcome
from modicum.gate.spot_rule import SpotOutcome, judge_network
from modicum_server.domain.findings import FindingReason
from modicum_server.domain.spots import SpotKind, SpotObjects, SpotOutcomes, SpotPlace, SpotRow, SpotTrial
from modicum_server.measures.counterfactual_pairs import ClassRow, CounterfactualTest
from modicum_server.measures.intervals import Interval
from modicum_server.measures.judged_spots import JudgedPlace, JudgedRow, SpotTest
from modicum_server.measures.measure import Measure, share
from modicum_server.measures.spots import places_of

RIVAL = SpotPlace(SpotKind.WINDOW, 10, 10, 4, 3)


def row(target_class, label, outcome, *, followed=0.0, needed=None, sources=30, share=None, outside=None) -> JudgedRow:
    here = tuple(place < round(followed * sources) for place in range(sources))
    places = tuple(range(sources))
    outcomes = SpotOutcomes(places, places[::-1], here, (False,) * sources, places, places)
    trial = SpotTrial(0, RIVAL, pasted=outcomes, covered=outcomes)
    on_objects = SpotObjects() if share is None else SpotObjects(places, (share,) * sources)
    tested = SpotRow(target_class, sources, (replace(trial, on_objects=on_objects), replace(trial, outside=True)))
    whole, beside = earning(outcome, tested), earning(outside, tested, outside=True)
    return JudgedRow(tested, label, outcome, whole, needed, beside, outside)


def earning(outcome, tested, *, outside=False) -> tuple[JudgedPlace, ...]:
    """The places of a row, all with an outcome; of places that were not judged there is none."""
    places = places_of(tested, 0.95, outside=outside)
    return tuple(replace(place, outcome=outcome or place.outcome) for place in places)


def failed(target_class, label) -> JudgedRow:
    tested = SpotRow(target_class, reason=FindingReason.MODEL_DIED)
    return JudgedRow(tested, label, SpotOutcome.INCONCLUSIVE, (), None)


def spot_test(*rows: JudgedRow) -> SpotTest:
    outcome = judge_network({one.row.number: one.outcome for one in rows})
    return SpotTest("version", 0, outcome, rows, 0, {})


def rate(successes, count) -> dict[str, Measure]:
    small = share(np.arange(count) < successes, empty="no image is eligible", parameters={"alpha": 0.05})
    return {"overinterpretation_rate": small}


def drop(region) -> dict[str, Measure]:
    interval = Interval(0.3, 0.5, "bootstrap", 100)
    parameters = {"region": region, "elsewhere": 0.04}
    return {
        "shortcut_accuracy_drop": Measure(0.4, "difference", 100, interval, {"region": region}),
        "shortcut_accuracy_excess": Measure(0.36, "difference", 100, interval, parameters),
    }


def paired(outcome: CounterfactualOutcome, *, after: int) -> CounterfactualTest:
    """What the counterfactual set says of a class cat: 95 of 100 originals are right, and `after` counterfactuals."""
    measures = {
        "counterfactual_original_accuracy": share(np.arange(100) < 95, empty=""),
        "counterfactual_accuracy": share(np.arange(100) < after, empty=""),
        "counterfactual_accuracy_loss": Measure((95 - after) / 100, "difference", 100),
        "counterfactual_changed_share": share(np.arange(100) < 95 - after, empty=""),
    }
    cat = ClassRow(3, "cat", 100, outcome, measures)
    return CounterfactualTest(
        "version", 0, outcome, outcome, measures, (cat,), (), (), {"unpaired": 0, "failed": 0, "same_picture": 0}
    )
