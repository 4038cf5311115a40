"""Whether a row of the spot test can be true of its task: it comes from a model's process, which is not trusted."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from modicum_server.domain.finding_claims import are_passes
from modicum_server.domain.searches import Canvas
from modicum_server.domain.spots import (
    SpotKind,
    SpotObjects,
    SpotOutcomes,
    SpotPlace,
    SpotRow,
    SpotTrial,
    positions_of,
)
from modicum_server.domain.tasks import SpotWork

MOST_REGIONS: Final = 3
"""Of a trial: pairs whose copied pixels are shown. A test compares with the library."""
PLACELESS: Final = frozenset({SpotKind.RING, SpotKind.PATTERN})
"""Kinds whose comparison has no window of its own."""


def impossible_row(row: SpotRow, work: SpotWork) -> str | None:
    """Return in words what the row says that cannot be; None if there is no such thing."""
    return next((words for words, is_wrong in _CLAIMS if is_wrong(row, work)), None)


def _other_images(row: SpotRow, work: SpotWork) -> bool:
    return not positions_of(row) <= {item.position for item in work.items}


def _uneven_lists(row: SpotRow, _: SpotWork) -> bool:
    listed = (one for trial in row.trials for one in (trial.pasted, trial.covered, trial.on_objects))
    return not all(len({len(value) for value in _lists_of(one)}) == 1 for one in listed)


def _lists_of(record: SpotOutcomes | SpotObjects) -> Iterator[tuple[object, ...]]:
    if isinstance(record, SpotObjects):
        yield from (record.sources, record.shares)
    else:
        yield from (record.sources, record.others, record.here, record.elsewhere, record.tops, record.lefts)


def _impossible_places(row: SpotRow, work: SpotWork) -> bool:
    return not all(_is_place(trial.place, work.canvas) for trial in row.trials)


def _is_place(place: SpotPlace, canvas: Canvas) -> bool:
    if not _has_its_pixels(place):
        return False
    if place.kind is SpotKind.RING:
        return 0 < place.height == place.width < min(canvas.height, canvas.width) and place.top == place.left == 0
    if place.kind is SpotKind.OWN and not place.top == place.left == 0:
        return False
    return _holds(canvas, place, place.top, place.left)


def _has_its_pixels(place: SpotPlace) -> bool:
    """Whether a pattern has pixels, all of them of its window, and another place has none."""
    if place.kind is not SpotKind.PATTERN:
        return not place.pixels
    beyond = -place.height * place.width % 8
    whole = len(place.pixels) == -(-place.height * place.width // 8)
    return whole and place.size > 0 and int.from_bytes(place.pixels) % 2**beyond == 0


def _holds(canvas: Canvas, place: SpotPlace, top: int, left: int) -> bool:
    """Whether a window of the place's size lies on the canvas."""
    return 0 <= top < top + place.height <= canvas.height and 0 <= left < left + place.width <= canvas.width


def _impossible_windows(row: SpotRow, work: SpotWork) -> bool:
    """Whether an own place lacks the window of a source, has one twice, or a window leaves the canvas."""
    return not all(_are_windows(trial, work.canvas) for trial in row.trials)


def _are_windows(trial: SpotTrial, canvas: Canvas) -> bool:
    if trial.place.kind is not SpotKind.OWN:
        return not trial.windows
    held = [window.source for window in trial.windows]
    return (
        len(set(held)) == len(held)
        and {*trial.pasted.sources, *trial.covered.sources} <= set(held)
        and all(_holds(canvas, trial.place, window.top, window.left) for window in trial.windows)
    )


def _impossible_comparisons(row: SpotRow, work: SpotWork) -> bool:
    """Whether a window of comparison leaves the canvas, or a place has one that needs none."""
    return not all(
        (top, left) == (0, 0) if trial.place.kind in PLACELESS else _holds(work.canvas, trial.place, top, left)
        for trial in row.trials
        for one in (trial.pasted, trial.covered)
        for top, left in zip(one.tops, one.lefts, strict=True)
    )


def _impossible_pairs(row: SpotRow, work: SpotWork) -> bool:
    """Whether a source is not of the row's class, both images of a pair are of one class, or a pair is told twice."""
    predicted = {item.position: one for item, one in zip(work.items, work.predicted, strict=True)}
    for trial in row.trials:
        for one in (trial.pasted, trial.covered):
            pairs = list(zip(one.sources, one.others, strict=True))
            if len(set(pairs)) < len(pairs):
                return True
            if any(predicted[source] == predicted[other] for source, other in pairs):
                return True
            if any(row.target_class not in {None, predicted[source]} for source in one.sources):
                return True
    return False


def _impossible_counts(row: SpotRow, work: SpotWork) -> bool:
    outcomes = [one for trial in row.trials for one in (trial.pasted, trial.covered)]
    sources = {source for one in outcomes for source in one.sources}
    most = len(work.items) ** 2
    return not (
        len(sources) <= row.sources <= len(work.items)
        and all(0 <= (one.left_out or 0) <= most for one in outcomes)
        and are_passes(row.passes)
    )


def _places_twice(row: SpotRow, _: SpotWork) -> bool:
    """Whether a half has more than one fixed place, or own window, on whole images or outside their objects."""
    places = [(trial.half, trial.place.kind is SpotKind.OWN, trial.outside) for trial in row.trials]
    return not {half for half, *_ in places} <= {0, 1} or len(set(places)) < len(places)


def _impossible_objects(row: SpotRow, work: SpotWork) -> bool:
    """Whether objects are told of images that have none, twice of one, or with a share that is none."""
    with_objects = {item.position for item in work.items if item.boxes_digest or item.mask_digest}
    for trial in row.trials:
        told = trial.on_objects
        moved = {*trial.pasted.sources, *trial.pasted.others, *trial.covered.sources, *trial.covered.others}
        if trial.outside and not moved <= with_objects:
            return True
        if not set(told.sources) <= with_objects or len(set(told.sources)) < len(told.sources):
            return True
        if not all(0 <= share <= 1 for share in told.shares):
            return True
    return False


def _impossible_regions(row: SpotRow, work: SpotWork) -> bool:
    """Whether pixels are told that were not copied in a pair of the trial, or that are no mask of the canvas."""
    return not all(_are_regions(trial, work.canvas) for trial in row.trials)


def _are_regions(trial: SpotTrial, canvas: Canvas) -> bool:
    pairs = set(zip(trial.pasted.sources, trial.pasted.others, strict=True))
    masks = [region.subset for region in trial.regions]
    return (
        len(trial.regions) <= (MOST_REGIONS if trial.outside else 0)
        and {(region.source, region.other) for region in trial.regions} <= pairs
        and all(
            (one.height, one.width) == (canvas.height, canvas.width)
            and len(one.mask) == -(-canvas.pixels // 8)
            and one.size == int.from_bytes(one.mask).bit_count()
            for one in masks
        )
    )


_CLAIMS: Final[Sequence[tuple[str, Callable[[SpotRow, SpotWork], bool]]]] = (
    ("pairs of other images", _other_images),
    ("pairs without results", _uneven_lists),
    ("places outside the canvas", _impossible_places),
    ("own windows outside the canvas, or sources without one", _impossible_windows),
    ("windows of comparison outside the canvas", _impossible_comparisons),
    ("pairs of images of one class, or of another class than the row's", _impossible_pairs),
    ("impossible counts", _impossible_counts),
    ("more places than a half has", _places_twice),
    ("objects of images that have none", _impossible_objects),
    ("copied pixels that are not those of a pair", _impossible_regions),
)
