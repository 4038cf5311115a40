"""The gallery: which findings are shown, and what is on each card. Its size is bounded for any audit.

It shows the smallest, the middle and the largest subsets, and the first images without one. When an image is no longer
stored, its card has only the mask.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modicum_server.domain.findings import FindingReason
from modicum_server.domain.models import InputSpecification
from modicum_server.domain.searches import Canvas
from modicum_server.images.pictures import PictureTooLarge, PictureUnreadable, canvas_array
from modicum_server.measures.observations import Observations
from modicum_server.measures.observer import unpack_mask
from modicum_server.measures.rows import Row
from modicum_server.measures.words import confidence_text, share_text, short_name, times_text
from modicum_server.reports import panels
from modicum_server.reports.wording import class_text, pixels_text, reason_text, variant_text

LoadImage = Callable[[str], bytes | None]
"""Returns the bytes of an image by its digest; None when they are no longer stored."""

GROUP_SIZE = 10
"""Cards in each of the groups of smallest, middle and largest subsets."""
LARGEST_GALLERY = 3 * GROUP_SIZE
FEW_PIXELS = 64
"""Subsets with at most this many pixels get a bolder outline, so that they can be seen."""
LARGEST_REMAINDER = 60
"""Most images without a subset in the list."""


@dataclass(frozen=True, slots=True)
class Photograph:
    """An image as it is shown, and the colour of the fill."""

    pixels: panels.Pixels
    fill_colour: tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Scene:
    """What the cards of a section need besides their rows: canvas, input, class names, fill, images."""

    canvas: Canvas
    input: InputSpecification | None
    labels: Sequence[str]
    fill: str
    load_image: LoadImage
    max_pixels: int

    def photograph(self, digest: str) -> Photograph | None:
        """Return the image on the canvas; None when it is no longer stored or cannot be decoded."""
        data = self.load_image(digest) if digest and self.input is not None else None
        if data is None or self.input is None:
            return None
        try:
            values = canvas_array(data, self.input, self.canvas, self.max_pixels)
        except (PictureUnreadable, PictureTooLarge, ValueError):
            return None
        toning = panels.toning_of(values, self.input)
        colour = panels.fill_colour(self.fill, self.input, toning) or panels.NEUTRAL
        return Photograph(panels.photograph(values, toning), colour)


@dataclass(frozen=True, slots=True)
class Mark:
    """The result of a subset with another fill, another change, or another version."""

    name: str
    sufficient: bool
    confidence: str


@dataclass(frozen=True, slots=True)
class Card:
    """A finding with a subset, in words and pictures. Pictures are data: addresses, or "" when missing."""

    anchor: str
    item: str
    label: str
    prediction: str
    outcome: str
    confidence: str
    verified: str
    size: str
    fraction: str
    passes: str
    few: bool
    saturated: bool
    other: str
    robust: str
    fills: tuple[Mark, ...]
    variants: tuple[Mark, ...]
    transfers: tuple[Mark, ...]
    photograph: str
    fill_layer: str
    subset: str
    shade: str
    mask: str
    outline: str


@dataclass(frozen=True, slots=True)
class Remainder:
    """An image that has no subset to show, and why."""

    item: str
    label: str
    prediction: str
    confidence: str
    reason: str
    failed: bool
    thumbnail: str


@dataclass(frozen=True, slots=True)
class Choice:
    """The positions that are shown (in the order of the observations), and how many there were."""

    groups: tuple[tuple[str, tuple[int, ...]], ...]
    subsets: int
    remainder: tuple[int, ...]
    without: int


def choose(seen: Observations) -> Choice:
    """Choose what is shown: all subsets, smallest first, or three groups when there are too many."""
    places = np.flatnonzero(seen.with_subset)
    ordered = [int(place) for place in places[np.argsort(seen.size[places], kind="stable")]]
    without = [int(place) for place in np.flatnonzero(~seen.with_subset)]
    return Choice(_groups(ordered), len(ordered), tuple(without[:LARGEST_REMAINDER]), len(without))


def card(row: Row, scene: Scene, anchor: str) -> Card:
    """Return the card of a finding with a subset."""
    mask = unpack_mask(row["subset"])
    photograph = scene.photograph(row["image_digest"])
    return Card(
        anchor=anchor,
        item=row["item"],
        label=class_text(row["label"], scene.labels) if row["label"] is not None else "",
        prediction=_argued_for(row, scene.labels),
        outcome=_outcome(row),
        confidence=confidence_text(row["confidence"]),
        verified=confidence_text(row["verified_confidence"]),
        size=pixels_text(row["subset"]["size"]),
        fraction=share_text(row["subset"]["fraction"]),
        passes=f"{row['passes']['forward']:,} forward, {row['passes']['backward']:,} backward",
        few=row["subset"]["size"] <= FEW_PIXELS and mask.size > panels.COARSE_PIXELS,
        saturated=row["saturated"],
        other=_other(row, scene.labels),
        robust=_robust(row),
        fills=tuple(_mark(fill, fill["fill"]) for fill in row["controls"]["fills"]),
        variants=tuple(_mark(variant, variant_text(variant["variant"])) for variant in row["controls"]["variants"]),
        transfers=tuple(
            _mark(answer, short_name(answer["model_version"]))
            for answer in row["controls"].get("transfers", ())
            if answer["reason"] is None
        ),
        photograph="" if photograph is None else panels.photograph_uri(photograph.pixels),
        mask=panels.mask_uri(mask),
        shade=panels.shade_layer_uri(mask),
        outline=panels.outline(mask),
        **_subset_pictures(photograph, mask, scene.fill),
    )


def remainder(row: Row, scene: Scene) -> Remainder:
    """Return the line of an image that has no subset to show."""
    photograph = scene.photograph(row["image_digest"])
    return Remainder(
        item=row["item"],
        label=class_text(row["label"], scene.labels) if row["label"] is not None else "",
        prediction=class_text(row["predicted_class"], scene.labels) if row["predicted_class"] is not None else "",
        confidence=confidence_text(row["confidence"]) if row["predicted_class"] is not None else "",
        reason=_why(row),
        failed=row["predicted_class"] is None,
        thumbnail="" if photograph is None else panels.thumbnail_uri(photograph.pixels),
    )


def _groups(ordered: list[int]) -> tuple[tuple[str, tuple[int, ...]], ...]:
    if len(ordered) <= LARGEST_GALLERY:
        return (("", tuple(ordered)),) if ordered else ()
    middle = len(ordered) // 2 - GROUP_SIZE // 2
    return (
        (f"The {GROUP_SIZE} smallest subsets", tuple(ordered[:GROUP_SIZE])),
        (f"{GROUP_SIZE} subsets around the median", tuple(ordered[middle : middle + GROUP_SIZE])),
        (f"The {GROUP_SIZE} largest subsets", tuple(ordered[-GROUP_SIZE:])),
    )


def _subset_pictures(photograph: Photograph | None, mask: NDArray[np.bool_], fill: str) -> dict[str, str]:
    """Return the subset alone. A plain fill is a layer, blur is a separate picture, other fills are shown as grey."""
    if photograph is None:
        return {"fill_layer": "", "subset": ""}
    if fill == "blur":
        return {"fill_layer": "", "subset": panels.blurred_subset_uri(photograph.pixels, mask)}
    return {"fill_layer": panels.fill_layer_uri(mask, photograph.fill_colour), "subset": ""}


def _argued_for(row: Row, labels: Sequence[str]) -> str:
    """Return the class of the subset, with the predicted one if that is another."""
    argued_for = class_text(row["target_class"], labels)
    if row["target_class"] == row["predicted_class"]:
        return argued_for
    return f"{argued_for}, argued for; predicted {class_text(row['predicted_class'], labels)}"


def _outcome(row: Row) -> str:
    """Return whether the prediction is the label; nothing in a search for another class."""
    if row["label"] is None or row["predicted_class"] is None or row["predicted_class"] != row["target_class"]:
        return "unlabelled"
    return "correct" if row["label"] == row["predicted_class"] else "incorrect"


def _other(row: Row, labels: Sequence[str]) -> str:
    control = row["controls"]["class_targeted"]
    if control is None:
        return ""
    name = class_text(control["target_class"], labels)
    if not control["found"]:
        return f"{name}: nothing found"
    if not control["size"]:
        return f"{name}: the bare fill alone suffices"
    ratio = control["size"] / row["subset"]["size"] if row["subset"]["size"] else math.inf
    found = pixels_text(control["size"])
    return f"{name}: {found}" if math.isinf(ratio) else f"{name}: {found}, {times_text(ratio)} the size"


def _robust(row: Row) -> str:
    """Return the result of the fill-robust control; empty if it did not run."""
    control = row["controls"].get("fill_robust")
    if control is None:
        return ""
    if control["reason"] is not None:
        too_few = control["reason"] == FindingReason.FILL_UNAVAILABLE
        return f"too few donors ({control['verifying_donors']})" if too_few else "nothing found"
    held = f"with {control['sufficient_donors']} of {control['verifying_donors']} other images"
    if control["budget_exhausted"]:
        return "nothing smaller than the whole image"
    own = row["subset"]["size"]
    ratio = f", {times_text(control['size'] / own)} the size" if own else ""
    return f"{pixels_text(control['size'])} suffice {held}{ratio}"


def _mark(scored: Row, name: str) -> Mark:
    return Mark(name, scored["sufficient"], confidence_text(scored["confidence"]))


def _why(row: Row) -> str:
    if row["reason"] is not None:
        return reason_text(row["reason"])
    if row["baseline_confident"]:
        return "the bare fill alone reaches the threshold"
    if row["budget_exhausted"]:
        return "nothing smaller than the whole image was found within the budget; counts as fraction 1"
    return "no subset"
