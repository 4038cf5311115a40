"""The pictures of a swap: two on a canvas, and each with a place that the other has."""

import io
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from modicum_server.domain.findings import Finding
from modicum_server.domain.searches import Canvas
from modicum_server.domain.spots import SpotKind, SpotPlace
from modicum_server.errors import FieldInvalid
from modicum_server.measures.masks import densest_corner, subset_mask

WINDOW_SHARE = 0.25
"""The sides of the window that is proposed, as a share of the canvas."""
LARGEST_VALUES = 2**24
"""Values of a canvas: the four pictures of a swap are stored as arrays, of 64 MiB each with so many."""

Array = NDArray[np.float32]


def check_canvas(canvas: Canvas) -> None:
    """Refuse a canvas on which four pictures would be too large.

    Raises:
        FieldInvalid
    """
    values = canvas.height * canvas.width * canvas.channels
    if values > LARGEST_VALUES:
        raise FieldInvalid(
            "left",
            f"expected an audit whose canvas has at most {LARGEST_VALUES:,} values, got {canvas.height} x "
            f"{canvas.width} pixels with {canvas.channels} channels; audit the version at a smaller size",
        )


def check_place(place: SpotPlace, canvas: Canvas) -> None:
    """Refuse a window that is empty or not inside the canvas.

    Raises:
        FieldInvalid
    """
    for side, start, length, whole in (
        ("height", place.top, place.height, canvas.height),
        ("width", place.left, place.width, canvas.width),
    ):
        if length < 1 or start < 0 or start + length > whole:
            raise FieldInvalid(
                f"place.{side}",
                f"expected a window inside the canvas of {canvas.height} x {canvas.width} pixels, "
                f"got {place.height} x {place.width} at {place.top} from the top and {place.left} from the left",
            )


def proposed_place(found: Finding, canvas: Canvas) -> SpotPlace:
    """Return the window that holds most of the subset of a picture; the middle where it has none."""
    high, wide = (max(1, round(WINDOW_SHARE * side)) for side in (canvas.height, canvas.width))
    if found.subset is None:
        return SpotPlace(SpotKind.WINDOW, high, wide, (canvas.height - high) // 2, (canvas.width - wide) // 2)
    return SpotPlace(SpotKind.WINDOW, high, wide, *densest_corner(subset_mask(found.subset), high, wide))


def composed(source: Array, other: Array, place: SpotPlace) -> Iterator[bytes]:
    """Yield the pictures of a swap as array files, in the order of `VIEWS`. Each is made when it is asked for.

    Args:
        source: the picture with the spot on the canvas, (C, H, W).
        other: the other picture.
        place: a window.
    """
    yield _array_file(source)
    yield _array_file(_with_place(source, other, place))
    yield _array_file(other)
    yield _array_file(_with_place(other, source, place))


def _with_place(into: Array, source: Array, place: SpotPlace) -> Array:
    composed = into.copy()
    rows = slice(place.top, place.top + place.height)
    columns = slice(place.left, place.left + place.width)
    composed[:, rows, columns] = source[:, rows, columns]
    return composed


def _array_file(values: Array) -> bytes:
    written = io.BytesIO()
    np.save(written, np.ascontiguousarray(values.transpose(1, 2, 0)))
    return written.getvalue()
