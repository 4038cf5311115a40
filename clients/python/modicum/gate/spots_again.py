"""The spot tests of a document, judged again from the counts of every source: what its outcomes and figures must be."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from modicum.gate.differing import Differences, differing, differing_fields
from modicum.gate.spot_rule import SpotOutcome, high_end, judge_network, judge_places, low_end, row_outcomes
from modicum.gate.spots import as_tested, by_source, place_number

Document = Mapping[str, Any]
SHORTCUT = "SHORTCUT"
"""Outcome of a place that decides and is called so; why stands beside it."""
DIFFERENCES = {"spot_pasted_difference": "pasted", "spot_covered_difference": "covered"}
"""Measures of a place, and the counts that they are made of."""


def spots_differing(document: Document) -> Differences:
    """Yield where the spot tests of a document do not say what their counts say."""
    for at, test in enumerate(document.get("spots", ())):
        yield from _test_differing(f"spots[{at}]", test)


def _test_differing(path: str, test: Document) -> Differences:
    rows: Sequence[Document] = test["rows"]
    places = [(number, place) for number, row in enumerate(rows) for place in row["places"]]
    tested = [as_tested(place, place_number(number, place)) for number, place in places]
    judged = judge_places(tested)
    earned, outcomes = iter(judged), row_outcomes(tested, judged)
    whole = {number: outcomes.get(number, SpotOutcome.INCONCLUSIVE) for number in range(len(rows))}
    for number, row in enumerate(rows):
        told = {"whole_outcome": whole[number], "outside_outcome": outcomes.get(~number)}
        for name, outcome in {**told, "outcome": _called(row, whole[number])}.items():
            yield from differing(f"{path}.rows[{number}].{name}", row.get(name), outcome)
        for at, place in enumerate(row["places"]):
            yield from _place_differing(f"{path}.rows[{number}].places[{at}]", place, next(earned))
    called = SHORTCUT if any(row.get("shortcut") for row in rows) else judge_network(whole)
    yield from differing(f"{path}.outcome", test.get("outcome"), called)


def _called(row: Document, outcome: SpotOutcome) -> str:
    return SHORTCUT if row.get("shortcut") else outcome


def _place_differing(path: str, place: Document, earned: SpotOutcome) -> Differences:
    """What a place says that its counts do not. Places of older documents do not say what they earned."""
    yield from differing(f"{path}.outcome", place.get("outcome", earned), earned)
    for name, counts in DIFFERENCES.items():
        if name in place["measures"]:
            measure = place["measures"][name]
            yield from differing_fields(f"{path}.measures.{name}", measure, dict(_difference(place[counts], measure)))


def _difference(counts: Sequence[Document], measure: Document) -> Iterator[tuple[str, Any]]:
    """The fields of the difference of a place, from the counts of its sources."""
    values, interval = by_source(counts), measure.get("interval")
    yield "n", len(values)
    yield "value", float(values.mean()) if len(values) else None
    if interval is not None:
        tail = (1 - interval["level"]) / 2
        yield "interval", {"low": max(-1.0, low_end(values, tail)), "high": min(1.0, high_end(values, tail))}
    pairs = sum(one["pairs"] for one in counts)
    if pairs:
        shares = {side: sum(one[side] for one in counts) / pairs for side in ("here", "elsewhere")}
        yield "parameters", {"pairs": pairs, **shares}
