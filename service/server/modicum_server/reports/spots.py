"""The spot test on the page: what each class follows, with pictures of copies that changed the class. Knows no HTML."""

import base64
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from modicum.gate.spot_rule import FOUND, SpotOutcome
from modicum.gate.tones import Tag, tag_of

from modicum_server.domain.findings import Finding
from modicum_server.domain.searches import Canvas
from modicum_server.domain.spots import SpotKind
from modicum_server.measures.judged_spots import SHORTCUT
from modicum_server.measures.masks import mask_of_bits
from modicum_server.measures.measure import Measure, measure_from_json
from modicum_server.measures.number_words import (
    asked_text,
    interval_text,
    pixels_text,
    points_number,
    share_text,
    short_points_text,
)
from modicum_server.reports import panels
from modicum_server.reports.gallery import Photograph, Scene
from modicum_server.reports.questions import reading_of
from modicum_server.reports.wording import class_text

OUTCOMES = (
    SHORTCUT,
    SpotOutcome.DECISIVE,
    SpotOutcome.SUFFICIENT,
    SpotOutcome.INCONCLUSIVE,
    SpotOutcome.NONE_FOUND,
)
"""In the order in which classes are shown."""
UNTESTED = "not tested"
"""Stands in place of shares where there was no pair, as where a pattern could not be covered."""


@dataclass(frozen=True, slots=True)
class CopiedSpot:
    """A copy that changed the class, in three pictures (data: addresses); `outline` is an SVG path on the canvas."""

    source: str
    other: str
    copy: str
    outline: str
    source_class: str
    other_class: str


@dataclass(frozen=True, slots=True)
class SpotPictures:
    """Copies that changed the class of one row; `worked` is the share of its copies that did.

    `why` says why the place is called a shortcut; it is empty where it is not. `anchor` is its address on the page.
    """

    label: str
    anchor: str
    worked: str
    why: str
    copies: tuple[CopiedSpot, ...]


@dataclass(frozen=True, slots=True)
class SpotLine:
    """One class: its outcome, where its places are, and both differences.

    Where the halves of the images chose two places, `pasted` and `covered` have a share for each, in the same order.
    `anchor` is its address on the page; empty where its pictures have it.
    """

    label: str
    anchor: str
    tag: Tag
    found: bool
    place: str
    objects: str
    pasted: str
    covered: str
    sources: int


@dataclass(frozen=True, slots=True)
class SpotPage:
    """The spot test of one version. `conclusion` is what it says, `note` what intervals its table has."""

    model: str
    conclusion: str
    note: str
    lines: tuple[SpotLine, ...]
    pictures: tuple[SpotPictures, ...]
    canvas: Canvas

    @property
    def has_objects(self) -> bool:
        """Whether it is known of a place how much of it lies on objects."""
        return any(line.objects for line in self.lines)


@dataclass(frozen=True, slots=True)
class ExampleImage:
    """An image of an example: its name and digest, and what the model says of it."""

    item: str
    digest: str
    predicted: int | None
    confidence: float


def spot_pages(
    document: Mapping[str, Any],
    images: Mapping[tuple[str, int], "ExampleImage"],
    scenes: Mapping[str, Scene],
    called: Callable[[str], str],
) -> list[SpotPage]:
    """Return the spot tests of a document, in its order. Older documents have none.

    Args:
        document: the result document.
        images: those of the examples (`example_images`).
        scenes: by version, what its pictures need.
        called: names a version.
    """
    return [
        _page(document, test, images, scenes[test["model_version"]], called(test["model_version"]))
        for test in document.get("spots", ())
    ]


def spot_anchor(model: str, row: Mapping[str, Any]) -> str:
    """Return the address on the page of what is told of a class of a model; `model` is its name there."""
    whose = "all" if row["target_class"] is None else row["target_class"]
    return f"spot-{re.sub('[^a-z0-9]+', '-', model.lower())}-{whose}"


def _page(
    document: Mapping[str, Any],
    test: Mapping[str, Any],
    images: Mapping[tuple[str, int], ExampleImage],
    scene: Scene,
    model: str,
) -> SpotPage:
    rows = ordered_rows(test["rows"])
    pictures = tuple(
        SpotPictures(row["label"], spot_anchor(model, row), _worked_text(row), row.get("shortcut", ""), copies)
        for row in rows
        if (copies := _copies(row, images, test, scene))
    )
    pictured = {one.anchor for one in pictures}
    lines = tuple(
        _line(row, "" if (anchor := spot_anchor(model, row)) in pictured else anchor) for row in rows if row["places"]
    )
    note = interval_note(shown_place(row) for row in rows if row["places"])
    return SpotPage(model, _conclusion(document, test), note, lines, pictures, scene.canvas)


def _conclusion(document: Mapping[str, Any], test: Mapping[str, Any]) -> str:
    """What the test says, in the words of the document's reading."""
    searches = next(one["searches"] for one in document["models"] if one["model_version"] == test["model_version"])
    reading = reading_of(searches[test["search_index"]]["readings"], "spot")
    return "" if reading is None else str(reading["text"])


def ordered_rows(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the rows as they are shown: by outcome, and of each the surest first and all classes together last."""
    return sorted(rows, key=_rank)


def _rank(row: Mapping[str, Any]) -> tuple[int, bool, float]:
    surely = _low(shown_place(row)["measures"]["spot_pasted_difference"]) if row["places"] else -1.0
    return OUTCOMES.index(row["outcome"]), row["target_class"] is None, -surely


def example_images(
    tests: Sequence[Mapping[str, Any]], findings: Iterable[Finding]
) -> Mapping[tuple[str, int], ExampleImage]:
    """Return the images of all examples, by version and position."""
    wanted = {
        (test["model_version"], test["search_index"], example[name])
        for test in tests
        for row in test["rows"]
        for example in row["examples"]
        for name in ("source", "other")
    }
    if not wanted:
        return {}
    return {
        (finding.model_version, finding.position): ExampleImage(
            finding.item, finding.image_digest, finding.predicted_class, finding.confidence
        )
        for finding in findings
        if (finding.model_version, finding.search_index, finding.position) in wanted
    }


def _line(row: Mapping[str, Any], anchor: str) -> SpotLine:
    strongest = shown_place(row)
    pasted, covered = (
        measure_from_json(strongest["measures"][name]) for name in ("spot_pasted_difference", "spot_covered_difference")
    )
    return SpotLine(
        label=row["label"],
        anchor=anchor,
        tag=tag_of(row["outcome"]),
        found=row["outcome"] in {*FOUND, SHORTCUT},
        place=" / ".join(dict.fromkeys(place_text(place) for place in strongest["places"])),
        objects=_objects_text(strongest),
        pasted=_difference_text(pasted, _shares_text(strongest, "pasted", pasted)),
        covered=_difference_text(covered, _shares_text(strongest, "covered", covered)),
        sources=pasted.n,
    )


def shown_place(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the place that the row's examples and the summary are about. Older documents do not name it."""
    if row.get("shown") is not None:
        return cast("Mapping[str, Any]", row["places"][row["shown"]])
    shown = [place for place in row["places"] if place.get("outside", False) is _is_outside(row)]
    return max(shown or row["places"], key=lambda place: _low(place["measures"]["spot_pasted_difference"]))


def _worked_text(row: Mapping[str, Any]) -> str:
    pasted = measure_from_json(shown_place(row)["measures"]["spot_pasted_difference"])
    return share_text(pasted.parameters["here"] or 0.0)


def _is_outside(row: Mapping[str, Any]) -> bool:
    """Whether the place that is shown was tested outside the objects."""
    return row.get("outside_outcome") in FOUND


def _objects_text(place: Mapping[str, Any]) -> str:
    if place.get("outside", False):
        return "outside: only what lies outside the objects was copied"
    if place.get("location") is None:
        return ""
    overlap = measure_from_json(place["measures"]["spot_object_overlap"])
    return f"{place['location'].lower()}: {share_text(overlap.value or 0.0)}{interval_text(overlap.interval)}"


def _low(measure: Mapping[str, Any]) -> float:
    return -1.0 if measure["interval"] is None else float(measure["interval"]["low"])


def place_text(place: Mapping[str, Any]) -> str:
    """Return a place in words, as short as a table needs it."""
    sides = f"{place.get('height')} pixels high and {place['width']} wide"
    match place["kind"]:
        case SpotKind.RING:
            return f"a ring of {pixels_text(place['width'])} at the edge"
        case SpotKind.OWN:
            return f"{sides}, where each picture's own evidence is densest"
        case SpotKind.PATTERN:
            sides = f"a pattern of {pixels_text(place['size'])}, {sides}"
    return f"{sides}, {place['top']} from the top, {place['left']} from the left"


def _shares_text(strongest: Mapping[str, Any], kind: str, together: Measure) -> str:
    """The share at each place and, in brackets, elsewhere. Older documents have none of each place alone."""
    places = strongest["places"]
    several = len({place_text(place) for place in places}) > 1 and all(kind in place for place in places)
    shares = [place[kind] for place in places] if several else [together.parameters]
    return " / ".join(map(_both_shares_text, shares))


def _both_shares_text(shares: Mapping[str, Any]) -> str:
    if shares["here"] is None or shares["elsewhere"] is None:
        return UNTESTED
    return f"{share_text(shares['here'])} ({share_text(shares['elsewhere'])})"


def _difference_text(measure: Measure, shares: str) -> str:
    if measure.value is None:
        return UNTESTED
    more = more_text(measure)
    return f"{shares}; {more}" if more else shares


def more_text(measure: Measure) -> str:
    """Return the interval of a difference as a table has it ("by 4.0 to 18 points more"); empty without one."""
    if measure.interval is None or measure.interval.low is None or measure.interval.high is None:
        return ""
    return f"by {points_number(measure.interval.low)} to {short_points_text(measure.interval.high)} more"


def interval_note(places: Iterable[Mapping[str, Any]]) -> str:
    """Return what intervals a table of these places has, with their level; empty without one."""
    found = (measure_from_json(place["measures"]["spot_pasted_difference"]).interval for place in places)
    level = next((interval.level for interval in found if interval is not None), None)
    return "" if level is None else f"“By … points more” is the {asked_text(level)} interval of the difference."


def _copies(
    row: Mapping[str, Any], images: Mapping[tuple[str, int], ExampleImage], test: Mapping[str, Any], scene: Scene
) -> tuple[CopiedSpot, ...]:
    copies = []
    for example in row["examples"]:
        source, other = (images.get((test["model_version"], example[name])) for name in ("source", "other"))
        if source is None or other is None:
            continue
        pictures = scene.photograph(source.digest), scene.photograph(other.digest)
        if pictures[0] is not None and pictures[1] is not None:
            labels = tuple(class_text(one.predicted, scene.labels) for one in (source, other))
            copies.append(_copy(example, pictures[0], pictures[1], labels))
    return tuple(copies)


def _copy(example: Mapping[str, Any], source: Photograph, other: Photograph, labels: Sequence[str]) -> CopiedSpot:
    region = copied_region(example, source.pixels.shape[:2])
    return CopiedSpot(
        source=panels.photograph_uri(source.pixels),
        other=panels.photograph_uri(other.pixels),
        copy=panels.photograph_uri(pasted(region, source.pixels, other.pixels)),
        outline=panels.outline(region),
        source_class=labels[0],
        other_class=labels[1],
    )


def pasted(region: panels.Mask, above: panels.Pixels, below: panels.Pixels) -> panels.Pixels:
    """Return a picture (H, W, 3) with the region taken from another."""
    return np.where(region[..., None], above, below)


def copied_region(example: Mapping[str, Any], canvas: tuple[int, ...]) -> panels.Mask:
    """Return the place of an example as a mask (H, W)."""
    height, width = canvas
    if "mask" in example:
        return mask_of_bits(base64.b64decode(example["mask"]), height, width)
    if example["kind"] == SpotKind.RING:
        ring = example["width"]
        region = np.ones((height, width), dtype=np.bool_)
        region[ring : height - ring, ring : width - ring] = False
        return region
    region = np.zeros((height, width), dtype=np.bool_)
    top, left, rows, columns = (example[name] for name in ("top", "left", "height", "width"))
    is_pattern = "pixels" in example
    held = mask_of_bits(base64.b64decode(example["pixels"]), rows, columns) if is_pattern else True
    region[top : top + rows, left : left + columns] = held
    return region
