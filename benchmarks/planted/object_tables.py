"""The tables of spots among objects, from the rows of `planted.run`. Measures nothing."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from modicum_server.measures.number_words import share_text
from modicum_server.measures.spot_objects import INSIDE_LIMIT, OUTSIDE_LIMIT

from benchmarks.planted.objects import DRAWS, TIGHT
from benchmarks.tables import table

Row = dict[str, Any]
OUTSIDE_LIMITS = (0.05, 0.10, 0.15, 0.20, 0.30)
INSIDE_LIMITS = (0.3, 0.4, 0.5, 0.6, 0.7)
KINDS = ("set aside", "others")


def spots_among_objects(rows: Sequence[Row]) -> Iterator[str]:
    """How often a place is said to lie where its cue lies, and how often where it does not, at several limits."""
    yield (
        f"Spots among objects. The cue of {len(rows)} networks has a known place in each picture. Boxes were drawn on "
        f"the same pictures, {DRAWS} times for each network and area: in some of these data sets each box contains "
        "the cue, in the others no box touches it. The tables count the place whose copies change the class most "
        "surely, whether it was found or not. It is larger than the cue, so it may lie across the edge of a box. "
        "Data sets of one network are not independent, so there is no interval.\n"
    )
    yield (
        "This table shows how many places are said to lie outside, for limits of the interval's upper end (the rule's "
        f"limit is {OUTSIDE_LIMIT:g}):\n"
    )
    yield from _by_limit(rows, OUTSIDE_LIMITS, lambda ends, limit: ends[1] < limit)
    yield (
        "This table shows how many places are said to lie inside, for limits of the interval's lower end (the rule's "
        f"limit is {INSIDE_LIMIT:g}):\n"
    )
    yield from _by_limit(rows, INSIDE_LIMITS, lambda ends, limit: ends[0] > limit)
    yield "This table has the same at the rule's limits, by the area of the boxes:\n"
    yield from _by_area(rows)


def _by_limit(
    rows: Sequence[Row], limits: Sequence[float], holds: Callable[[Sequence[float], float], bool]
) -> Iterator[str]:
    yield from table(
        ("limit", *(f"cue {where}, {kinds}" for where in ("outside", "inside") for kinds in KINDS)),
        [
            (
                f"{limit:g}",
                *(
                    _counted(_ends(rows, inside=inside, kinds=kinds), lambda ends, at=limit: holds(ends, at))
                    for inside in (False, True)
                    for kinds in KINDS
                ),
            )
            for limit in limits
        ],
    )


def _by_area(rows: Sequence[Row]) -> Iterator[str]:
    areas = sorted({place["area"] for row in rows for place in row["places"]})
    yield from table(
        ("boxes", "cue", "said inside", "said outside", "neither"),
        [
            (
                "the cue itself" if area == TIGHT else share_text(area),
                "inside" if inside else "outside",
                _counted(ends, _inside),
                _counted(ends, _outside),
                _counted(ends, lambda one: not _inside(one) and not _outside(one)),
            )
            for area in areas
            for inside in (True, False)
            if (ends := _ends(rows, inside=inside, area=area))
        ],
    )


def _inside(ends: Sequence[float]) -> bool:
    return ends[0] > INSIDE_LIMIT


def _outside(ends: Sequence[float]) -> bool:
    return ends[1] < OUTSIDE_LIMIT


def _ends(rows: Sequence[Row], *, inside: bool, kinds: str = "", area: float | None = None) -> list[Sequence[float]]:
    return [
        ends
        for row in rows
        for place in row["places"]
        for ends in place["ends"]
        if place["inside"] is inside
        and (not kinds or row["set_aside"] is (kinds == "set aside"))
        and (area is None or place["area"] == area)
    ]


def _counted(ends: Sequence[Sequence[float]], holds: Callable[[Sequence[float]], bool]) -> str:
    return f"{share_text(sum(map(holds, ends)) / len(ends))} of {len(ends):,}" if ends else "none"
