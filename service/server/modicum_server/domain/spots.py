"""Spots: small places of the canvas that were copied and covered to see whether the class follows them.

The records of `modicum_sis.spots`, with positions of audit items in place of indices. See docs/method.md, "The spot
test". Nothing is judged here.
"""

from collections.abc import Container
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Any

from modicum_server.domain.findings import FindingReason, Subset
from modicum_server.domain.json_types import Base64

LEAST_CLASS_IMAGES = 8
"""Fewest images of a predicted class for a row of its own. A test compares with the library."""
ALL_CLASSES = 0
"""Number of the row in which every image argues for its own class; that of a class is its index and one."""


class SpotKind(StrEnum):
    """The kind of a place."""

    WINDOW = "WINDOW"
    RING = "RING"
    OWN = "OWN"
    PATTERN = "PATTERN"


@dataclass(frozen=True, slots=True)
class SpotPlace:
    """A place, in pixels: a window, a ring of a width at the edge, each image's own window, or a pattern of pixels.

    Of a pattern, the sides and the position are those of the smallest window that holds it, and `pixels` are a mask of
    that window, packed as in `Subset`.
    """

    kind: SpotKind
    height: int
    width: int
    top: int = 0
    left: int = 0
    pixels: Base64 = b""

    @property
    def size(self) -> int:
        """Pixels of a pattern; 0 for other kinds."""
        return int.from_bytes(self.pixels).bit_count()


@dataclass(frozen=True, slots=True)
class SpotWindow:
    """The upper left corner of the own window of the image at a position."""

    source: int
    top: int
    left: int


@dataclass(frozen=True, slots=True)
class SpotOutcomes:
    """What happened in each pair of images; all tuples have one entry a pair.

    Attributes:
        sources: position of the image whose place is copied or covered.
        others: position of the image that it is copied into, or covered from.
        here: whether the class followed the place.
        elsewhere: the same for the place of comparison; of a pattern, for the same place with what it should not hold.
        tops: of the window of comparison; 0 for a ring and a pattern.
        lefts: of the window of comparison; 0 for a ring and a pattern.
        left_out: further pairs that were drawn, but have nothing to be compared with. None in rows of earlier releases,
            whose comparisons outside objects may have moved fewer pixels.
    """

    sources: tuple[int, ...] = ()
    others: tuple[int, ...] = ()
    here: tuple[bool, ...] = ()
    elsewhere: tuple[bool, ...] = ()
    tops: tuple[int, ...] = ()
    lefts: tuple[int, ...] = ()
    left_out: int | None = None


@dataclass(frozen=True, slots=True)
class SpotObjects:
    """For each image with objects, by position, the share of the smaller of place and objects in the other."""

    sources: tuple[int, ...] = ()
    shares: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class SpotRegion:
    """The pixels that were copied from the image at one position into the image at another."""

    source: int
    other: int
    subset: Subset


@dataclass(frozen=True, slots=True)
class SpotTrial:
    """A place, chosen on one half of the images and tested on the other, `half`.

    Where `outside`, only what lies outside the objects of both images of a pair was copied and covered. The `regions`
    are those of a few pairs in which the class followed the copy, so that they can be shown.
    """

    half: int
    place: SpotPlace
    windows: tuple[SpotWindow, ...] = ()
    pasted: SpotOutcomes = SpotOutcomes()
    covered: SpotOutcomes = SpotOutcomes()
    outside: bool = False
    on_objects: SpotObjects = SpotObjects()
    regions: tuple[SpotRegion, ...] = ()


@dataclass(frozen=True, slots=True)
class SpotRow:
    """What was tested of one class of a version; of all classes together where `target_class` is None.

    With a `reason` nothing was tested, and no other field counts. `sources` are the images that could be copied from.
    """

    target_class: int | None
    sources: int = 0
    trials: tuple[SpotTrial, ...] = ()
    passes: int = 0
    reason: FindingReason | None = None

    @property
    def number(self) -> int:
        """Its number among the rows of its version."""
        return ALL_CLASSES if self.target_class is None else self.target_class + 1


def class_of_row(number: int) -> int | None:
    """Return the class of a row by its number; None of the row of all classes."""
    return None if number == ALL_CLASSES else number - 1


def positions_of(row: SpotRow) -> set[int]:
    """Return the positions of all images of a row."""
    outcomes = [one for trial in row.trials for one in (trial.pasted, trial.covered)]
    windows = {window.source for trial in row.trials for window in trial.windows}
    objects = {source for trial in row.trials for source in trial.on_objects.sources}
    regions = {place for trial in row.trials for one in trial.regions for place in (one.source, one.other)}
    return windows.union(objects, regions, *((*one.sources, *one.others) for one in outcomes))


def without_positions(row: SpotRow, gone: Container[int]) -> SpotRow:
    """Return the row without the images at some positions. A trial goes that has no pair left.

    Places that were chosen over many images stay.
    """
    trials = tuple(_trial_without(trial, gone) for trial in row.trials)
    sources = {place for trial in row.trials for place in (*trial.pasted.sources, *trial.covered.sources)}
    return replace(
        row,
        sources=max(0, row.sources - sum(place in gone for place in sources)),
        trials=tuple(trial for trial in trials if trial.pasted.sources or trial.covered.sources),
    )


def _trial_without(trial: SpotTrial, gone: Container[int]) -> SpotTrial:
    objects = trial.on_objects
    kept = [place for place, source in enumerate(objects.sources) if source not in gone]
    return replace(
        trial,
        windows=tuple(window for window in trial.windows if window.source not in gone),
        pasted=_pairs_without(trial.pasted, gone),
        covered=_pairs_without(trial.covered, gone),
        on_objects=SpotObjects(
            tuple(objects.sources[place] for place in kept), tuple(objects.shares[place] for place in kept)
        ),
        regions=tuple(one for one in trial.regions if one.source not in gone and one.other not in gone),
    )


def _pairs_without(outcomes: SpotOutcomes, gone: Container[int]) -> SpotOutcomes:
    pairs = enumerate(zip(outcomes.sources, outcomes.others, strict=True))
    kept = [place for place, both in pairs if not any(one in gone for one in both)]
    lists: dict[str, Any] = {
        field.name: tuple(value[place] for place in kept)
        for field in fields(outcomes)
        if isinstance(value := getattr(outcomes, field.name), tuple)
    }
    return replace(outcomes, **lists)
