"""What a spot test found, in the words of a first screen: a claim, its sentences, and a line for each class.

Judges nothing. Every share stands beside that of what the spot is compared with.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modicum.gate.spot_rule import ALPHA, SpotOutcome

from modicum_server.domain.spots import SpotKind
from modicum_server.measures.measure import measure_from_json
from modicum_server.measures.number_words import asked_text, enumeration, part_text, pixels_text, points_number
from modicum_server.measures.spot_words import COPIED, COVERED, compared_text
from modicum_server.reports.spots import interval_note, more_text, ordered_rows, place_text, shown_place, spot_anchor
from modicum_server.reports.wording import capital

MOST_NAMED = 3
"""Classes that a claim names; of more it gives the number."""
SEVERAL = {"spot": "small spots", "shortcut": "shortcuts"}
MOST_LINES = 5
"""Classes of the table; of more it gives the number."""
HOW_SURE = f"Of models that follow no spot, at most {asked_text(ALPHA)} would be named by mistake."
UNMATCHED = (
    "An earlier release tested this outside the objects, and its comparison may have moved fewer pixels. The class may "
    "then follow the number of pixels and not the spot: audit again."
)

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Effect:
    """How often a spot does it, in brackets what it is compared with, and the ends of the difference's interval."""

    shares: str
    difference: str


@dataclass(frozen=True, slots=True)
class ClassLine:
    """A class with a spot: what the spot does where it is pasted and covered, and from how many pictures.

    `covered` is None where covering was not seen to matter; `anchor` is where the page tells more.
    """

    label: str
    anchor: str
    pasted: Effect
    covered: Effect | None
    pictures: int


@dataclass(frozen=True, slots=True)
class ClassTable:
    """The classes with a spot, worst first, where there are several; `more` of them are not listed."""

    lines: tuple[ClassLine, ...]
    more: int

    @property
    def with_covers(self) -> bool:
        """Whether covering was seen to matter for any of them."""
        return any(line.covered is not None for line in self.lines)


def named(rows: Sequence[Row]) -> Sequence[Row]:
    """Return the rows of single classes, worst first; that of all together where there is no other."""
    ordered = ordered_rows(rows)
    return [row for row in ordered if row["target_class"] is not None] or ordered


def names(rows: Sequence[Row], tested: Sequence[Row] = ()) -> str:
    """Return the classes of rows in words; of many their number, and of how many that were tested."""
    classes = named(rows)
    if classes[0]["target_class"] is None:
        return "all classes together"
    if len(classes) > MOST_NAMED:
        return f"{len(classes)} of {len(named(tested))} classes" if tested else f"{len(classes)} classes"
    return enumeration([quoted(row["label"]) for row in classes])


def decided(rows: Sequence[Row], tested: Sequence[Row], *, called: str = "spot") -> str:
    """Return the claim that these classes, of those that were tested, follow something that is called so."""
    classes = named(rows)
    if len(classes) > 1:
        return f"The decisions for {names(rows, tested)} follow {SEVERAL[called]}."
    (row,) = classes
    pooled = row["target_class"] is None
    subject = "With all classes pooled, decisions" if pooled else f"The decision for {quoted(row['label'])}"
    verb = "follow" if pooled else "follows"
    if called != "spot":
        return f"{subject} {verb} a {called}."
    places = shown_place(row)["places"]
    return f"{subject} {'often ' if _are_own(places) else ''}{verb} {_spots(places)}."


def turned(rows: Sequence[Row], tested: Sequence[Row], *, called: str = "") -> str:
    """Return the claim that a spot is enough, where covering it was not seen to matter, and what that is called."""
    classes, end = named(rows), f": {called}." if called else "."
    places = shown_place(classes[0])["places"]
    spots = SEVERAL["spot"] if len(classes) > 1 else f"{_spots(places)}{',' if _are_own(places) else ''}"
    turn = f"{spots} can turn other pictures"
    if classes[0]["target_class"] is None:
        return f"With all classes pooled, {turn}{end}"
    return f"{turn[0].upper()}{turn[1:]} into {names(rows, tested)}{end}"


def _are_own(places: Sequence[Row]) -> bool:
    return any(place["kind"] == SpotKind.OWN for place in places)


def _spots(places: Sequence[Row]) -> str:
    """What is followed: a spot, those of both halves of the pictures, or a spot of each picture by itself."""
    if _are_own(places):
        return "a small spot, at a place chosen for each picture"
    same = len({place_text(place) for place in places}) == 1
    return "one small spot" if same else SEVERAL["spot"]


def all_lost_covered(rows: Sequence[Row]) -> bool:
    """Return whether covering was seen to matter for the spot of each of these classes."""
    return all(map(_matters_covered, named(rows)))


def moved(rows: Sequence[Row]) -> tuple[str, ...]:
    """Return what copying and covering the spots does, with figures for one class; `table_of` has those of several."""
    classes = named(rows)
    if len(classes) > 1:
        return _of_several(classes)
    return (*_of_one(classes[0]), _how_sure(classes))


def table_of(rows: Sequence[Row], model: str) -> ClassTable | None:
    """Return the table of several classes with a spot of a model; None for one class."""
    classes = named(rows)
    if len(classes) < 2:  # noqa: PLR2004  one class is told in sentences
        return None
    lines = tuple(_line(row, model) for row in classes[:MOST_LINES])
    return ClassTable(lines, len(classes) - len(lines))


def quoted(label: str) -> str:
    """Return a class as it stands in a sentence."""
    return f"“{label}”"


def _of_several(classes: Sequence[Row]) -> tuple[str, ...]:
    covers = any(_matters_covered(row) for row in classes)
    lost = " Covered: the share of pictures that lose the class." if covers else ""
    places = [shown_place(row) for row in classes]
    shown = (_does_so(one["kind"], matched=place.get("matched", False)) for place in places for one in place["places"])
    compared = ", or ".join(dict.fromkeys(f"how often {each}" for each in shown))
    return (
        f"Pasted: the share of other pictures that each spot turns into its class.{lost} In brackets: {compared}. "
        f"{interval_note(shown_place(row) for row in classes)}".rstrip(),
        _how_sure(classes),
    )


def _how_sure(classes: Sequence[Row]) -> str:
    """How often the test errs, where it was compared with what moves as many pixels."""
    places = map(shown_place, classes)
    unmatched = any(place.get("outside", False) and not place.get("matched", False) for place in places)
    return UNMATCHED if unmatched else HOW_SURE


def _does_so(kind: str, *, matched: bool) -> str:
    if kind == SpotKind.PATTERN:
        return "the same pattern does so when it is filled from other pictures"
    return f"{compared_text([kind], COPIED, matched=matched)} does so"


def _of_one(row: Row) -> tuple[str, ...]:
    place = shown_place(row)
    pasted, covered = (place["measures"][f"spot_{name}_difference"] for name in ("pasted", "covered"))
    all_classes = row["target_class"] is None
    made, lost = ("the class that it came from", "their class") if all_classes else (quoted(row["label"]),) * 2
    kinds, matched = [one["kind"] for one in place["places"]], place.get("matched", False)
    here, elsewhere = _shares(pasted)
    said = (
        f"Pasted onto {pasted['parameters']['pairs']:,} other pictures, the spot{_one_size(place)} turns {here} of "
        f"them into {made}. {capital(compared_text(kinds, COPIED, matched=matched))} turns {elsewhere}"
        f"{_difference(pasted)}."
    )
    if not _matters_covered(row):
        return said, *_two_sizes(place)
    here, elsewhere = _shares(covered)
    compared = compared_text(kinds, COVERED, matched=matched)
    difference = _difference(covered, f", over {covered['n']:,} pictures")
    loss = f"With the spot covered, {here} of the pictures lose {lost}. With {compared}, {elsewhere} do{difference}."
    return said, loss, *_two_sizes(place)


def _matters_covered(row: Row) -> bool:
    """Whether covering the place that is shown was seen to matter. Older documents say so of the row alone."""
    place = shown_place(row)
    if "outcome" in place:
        return bool(place["outcome"] == SpotOutcome.DECISIVE)
    decisive = SpotOutcome.DECISIVE in {row["outcome"], row.get("whole_outcome"), row.get("outside_outcome")}
    return decisive and place["measures"]["spot_covered_difference"]["value"] is not None


def _line(row: Row, model: str) -> ClassLine:
    measures = shown_place(row)["measures"]
    pasted, covered = (measures[f"spot_{name}_difference"] for name in ("pasted", "covered"))
    cover = _effect(covered) if _matters_covered(row) else None
    return ClassLine(row["label"], spot_anchor(model, row), _effect(pasted), cover, int(pasted["n"]))


def _effect(measure: Row) -> Effect:
    return Effect("{} ({})".format(*_shares(measure)), more_text(measure_from_json(measure)))


def _one_size(place: Row) -> str:
    """The size of the spot, in brackets; empty where the halves of the pictures chose two."""
    sizes = _sizes(place)
    return f" ({sizes[0]})" if len(sizes) == 1 else ""


def _two_sizes(place: Row) -> tuple[str, ...]:
    """A sentence on the two spots that the halves of the pictures chose; none where they chose one."""
    sizes = _sizes(place)
    return (f"Each half of the pictures chose its own spot: {enumeration(sizes)}.",) if len(sizes) > 1 else ()


def _sizes(place: Row) -> list[str]:
    return list(dict.fromkeys(_size(one) for one in place["places"]))


def _size(place: Row) -> str:
    """How large a spot is. Where it lies is in the pictures, and in the table of all classes."""
    if place["kind"] == SpotKind.RING:
        return place_text(place)
    if place["kind"] == SpotKind.PATTERN:
        return f"a pattern of {pixels_text(place['size'])}"
    moves = ", elsewhere in each" if place["kind"] == SpotKind.OWN else ""
    return f"{place['height']} by {place['width']} pixels{moves}"


def _difference(measure: Row, over: str = "") -> str:
    """The interval of the difference, in brackets with what it is taken over; empty without an interval."""
    interval = measure_from_json(measure).interval
    if interval is None or interval.low is None or interval.high is None:
        return ""
    ends = f"{points_number(interval.low)} to {points_number(interval.high)}"
    return f" (difference: {ends} percentage points, {asked_text(interval.level)} interval{over})"


def _shares(measure: Row) -> tuple[str, str]:
    told = measure["parameters"]
    here, elsewhere = (part_text(told[name] or 0.0, told["pairs"]) for name in ("here", "elsewhere"))
    return here, elsewhere
