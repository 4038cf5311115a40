"""What the gate's presets say of planted and clean networks, by its own engine from the kept counts. Runs no model.

A row keeps how often the difference of a source has each value, so every source gets pairs with that mean difference.
No measure was kept with its counts, so the rules of a preset that need one are left out, as for any such result.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from functools import cache
from typing import Any

from modicum.gate.judging import judge
from modicum.gate.policy import Policy
from modicum.gate.policy_file import policy_of
from modicum.gate.spot_rule import ALPHA, sources_needed
from modicum_server.measures.intervals import wilson
from modicum_server.measures.number_words import share_text

from benchmarks.planted.audits import THRESHOLD, uncounted
from benchmarks.planted.counting import CIFAR, FOLLOWED, Row, followed, tally, with_audit
from benchmarks.planted.judging import pairs_of, places_of
from benchmarks.tables import table

PRESETS = ("recommended", "strict")
VERDICT_AUDITS = ((300, 150), (1000, 150))
"""Images and passes of the audits that are judged."""
LEAST_PASSED = 0.8
"""Share of the clean networks that the preset `recommended` is to pass."""
DAY = date(2026, 1, 1)
"""Verdicts depend on the day only by waivers, and there are none."""
VERSION = "projects/default/models/network/versions/1"
LEVEL = 1 - ALPHA
UNTOLD = {"kind": "RING", "width": 0}
"""Rows do not keep where a place lies. A verdict names it, but does not depend on it."""


def verdicts(local: Sequence[Row], clean: Sequence[Row]) -> Iterator[str]:
    """What the presets of the gate say of clean networks, and of those with a cue by how many pictures follow it."""
    photographs, digits = ([row for row in clean if (row["pictures"] == CIFAR) is kind] for kind in (True, False))
    groups = {"clean, photographs": photographs, "clean, digits": digits} | {
        f"planted, {name} follow": [row for row in local if low <= followed(row) < high] for name, low, high in FOLLOWED
    }
    yield (
        "The [presets of a policy](policy.md#presets) judge these networks, by the gate's own engine, from the "
        "kept counts of the spot test (150 passes). Counts of other measures were not kept, so rules about these are "
        "left out:\n"
    )
    outcomes = ("PASS", "FAIL", "INCONCLUSIVE")
    yield from table(
        ("preset", "networks", "images", *outcomes),
        [
            (f"`{preset}`", name, f"{audit[0]:,}", *(_judged(rows, audit, preset, one) for one in outcomes))
            for preset in PRESETS
            for name, rows in groups.items()
            if rows
            for audit in VERDICT_AUDITS
        ],
    )
    if photographs:
        yield _bar(photographs, VERDICT_AUDITS[-1])


def _judged(rows: Sequence[Row], audit: tuple[int, int], preset: str, outcome: str) -> str:
    return tally(rows, audit, lambda _, one: verdict_of(one, preset) == outcome)


def _bar(clean: Sequence[Row], audit: tuple[int, int]) -> str:
    """Whether `recommended` passes enough of the clean networks, and what is known of how often it fails one."""
    found = [verdict_of(one, PRESETS[0]) for _, one in with_audit(clean, audit)]
    passed, failed = found.count("PASS"), found.count("FAIL")
    budget = share_text(policy_with(PRESETS[0]).error_budget)
    return (
        f"The bar is that at {audit[0]:,} images `{PRESETS[0]}` passes at least {share_text(LEAST_PASSED)} of the "
        f"clean networks on photographs, and fails at most {budget}. It passed "
        f"{_judged(clean, audit, PRESETS[0], 'PASS')}: the bar is {_met(passed, len(found))}. It failed {failed} of "
        f"{len(found)}. So few networks cannot show {budget}; [the simulation](policy.md#how-sure-a-verdict-is) does.\n"
    )


def _met(passed: int, networks: int) -> str:
    interval = wilson(passed, networks)
    if interval is not None and (interval.low or 0.0) >= LEAST_PASSED:
        return "met"
    if passed >= LEAST_PASSED * networks:
        return "met by these networks, but the interval reaches below it"
    return "missed"


@cache
def policy_with(preset: str) -> Policy:
    """The policy that is this preset alone."""
    return policy_of(f"version: 1\npreset: {preset}", "", today=DAY)


def verdict_of(audit: Mapping[str, Any], preset: str) -> str:
    """Return PASS, FAIL or INCONCLUSIVE: the verdict of a preset on an audit of a planted row."""
    return str(judge(_document(audit), policy_with(preset), today=DAY).outcome)


def _document(audit: Mapping[str, Any]) -> dict[str, Any]:
    search = {"target_rule": "predicted", "threshold": THRESHOLD, "fill": "mean", "passes": audit["search_passes"]}
    counts = {"images": audit["shown"], "failed": 0, "eligible": audit["subsets"]}
    searched = {"search": search, "measures": {}, "readings": [], "counts": counts}
    test = {"model_version": VERSION, "untested_classes": 0, "rows": list(_rows(audit))}
    return {
        "schema_version": 3,
        "audit": "",
        "created": "",
        "specification": {"statistics": {"level": LEVEL}},
        "specification_digest": "",
        "findings": {"digest": ""},
        "dataset": {"name": "", "labelled": audit["shown"]},
        "models": [{"model_version": VERSION, "digest": "", "searches": [searched]}],
        "spots": [test],
        "mitigation": [],
    }


def _rows(audit: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    places = places_of(audit)
    for number, row in enumerate(audit["rows"]):
        together = row["class"] is None
        yield {
            "target_class": row["class"],
            "label": f"class {row['class']}",
            "sources": audit["shown"]
            if together
            else max((_count(one["covered"]) for one in row["places"]), default=0),
            "outcome": row["outcome"],
            "sources_needed": sources_needed([place for place in places if place.row == number]),
            "places": [_place(one, pairs_of(row, one, audit["shown"])) for one in row["places"]],
        }


def _place(place: Mapping[str, Any], pairs: int) -> dict[str, Any]:
    values = uncounted(place["pasted"])
    return {
        "own": place["own"],
        "places": [UNTOLD],
        "measures": {"spot_pasted_difference": {"value": float(values.mean()) if len(values) else None}},
        "pasted": _sources(place["pasted"], pairs),
        "covered": _sources(place["covered"], 1),
    }


def _sources(values: list[tuple[float, int]], pairs: int) -> list[dict[str, float]]:
    """A source for each kept value, with so many pairs whose mean difference it is."""
    return [
        {"source": at, "pairs": pairs, "here": value * pairs, "elsewhere": 0.0}
        for at, value in enumerate(uncounted(values).tolist())
    ]


def _count(values: list[tuple[float, int]]) -> int:
    return sum(count for _, count in values)
