"""Judges kept audits anew, by the rule as it is now, from the counts of every source. Runs no model.

A row keeps how often the differences of its sources have each value, so a new rule needs no new audit.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from modicum.gate.spot_rule import FOUND, SpotOutcome, TestedPlace, judge_network, judge_rows
from modicum_sis.spots.trials import MOST_PASTED

from benchmarks.planted.audits import uncounted


def places_of(audit: Mapping[str, Any]) -> list[TestedPlace]:
    """The tested places of an audit; the number of a place's row is its position among the audit's rows."""
    return [
        _place(number, row, place, audit["shown"])
        for number, row in enumerate(audit["rows"])
        for place in row["places"]
    ]


def judged(audit: Mapping[str, Any]) -> dict[str, Any]:
    """The audit with the outcomes of today's rule."""
    outcomes = judge_rows(places_of(audit))
    said = [outcomes.get(number, SpotOutcome.INCONCLUSIVE) for number in range(len(audit["rows"]))]
    rows = [{**row, "outcome": one.value} for row, one in zip(audit["rows"], said, strict=True)]
    flagged = [row["class"] for row, one in zip(rows, said, strict=True) if one in FOUND]
    network = judge_network(dict(enumerate(said))).value
    return {**audit, "rows": rows, "outcome": network, "flagged": flagged}


def _place(number: int, row: Mapping[str, Any], place: Mapping[str, Any], images: int) -> TestedPlace:
    pasted = uncounted(place["pasted"])
    pairs = np.full(len(pasted), pairs_of(row, place, images), dtype=np.int64)
    return TestedPlace(number, place["own"], pasted, uncounted(place["covered"]), pairs)


def pairs_of(row: Mapping[str, Any], place: Mapping[str, Any], images: int) -> int:
    """The least number of pairs of a source of a place.

    Earlier rows do not keep it. Then it follows from how pairs are made: each image of another class is used once in
    its half, and the sources of the half take turns. Where images of all classes are sources, all are others too.
    """
    if "pairs" in place:
        return int(place["pairs"])
    of_class = 0 if row["class"] is None else max(_count(one) for one in row["places"])
    others = min(MOST_PASTED, (images - of_class) // 2)
    half = -(-_count(place) // 2)
    return max(1, others // half) if half else 1


def _count(place: Mapping[str, Any]) -> int:
    return sum(count for _, count in place["pasted"])
