"""The gallery: what is on each card. Which findings are shown is in `choice`.

When an image is no longer stored, its card has only the mask.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modicum_server.domain.findings import (
    ClassTargetedFinding,
    FillFinding,
    FillRobustFinding,
    Finding,
    FindingReason,
    ScoredVariant,
    Subset,
    TransferFinding,
)
from modicum_server.domain.models import InputSpecification
from modicum_server.domain.searches import Canvas, Fill
from modicum_server.images.pictures import MAX_PIXELS, PictureTooLarge, PictureUnreadable, canvas_array
from modicum_server.measures.masks import subset_mask
from modicum_server.measures.number_words import confidence_text, share_text, short_name, times_text
from modicum_server.reports import panels
from modicum_server.reports.narrowing import Step, steps_of
from modicum_server.reports.wording import class_text, pixels_text, reason_text, variant_text

BLUR = Fill.BLUR.value
LoadImage = Callable[[str], bytes | None]
"""Returns the bytes of an image by its digest; None when they are no longer stored."""


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


def scene_of(
    document: Mapping[str, Any],
    version: str,
    fill: str,
    load_image: LoadImage,
    *,
    inputs: Mapping[str, InputSpecification],
    labels: Mapping[str, Sequence[str]],
) -> Scene:
    """Return the scene of one version of a document under a search with this fill."""
    canvas = Canvas(**document["specification"]["canvas"])
    max_pixels = document["parameters"].get("max_image_pixels", MAX_PIXELS)
    return Scene(canvas, inputs.get(version), labels.get(version, ()), fill, load_image, max_pixels)


@dataclass(frozen=True, slots=True)
class Mark:
    """The result of a subset with another fill, another change, or another version."""

    name: str
    sufficient: bool
    confidence: str

    @property
    def key(self) -> str:
        """By which the gallery can be filtered."""
        return f"{self.name}: {'suffices' if self.sufficient else 'does not suffice'}"


@dataclass(frozen=True, slots=True)
class Facts:
    """By what a card can be found and put in order."""

    label: str
    fraction: float
    confidence: float


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
    saturated: bool
    other: str
    robust: str
    own: tuple[str, ...]
    fills: tuple[Mark, ...]
    variants: tuple[Mark, ...]
    transfers: tuple[Mark, ...]
    photograph: str
    fill_layer: str
    subset: str
    shade: str
    mask: str
    outline: str
    window: panels.Window
    steps: tuple[Step, ...]
    facts: Facts

    @property
    def marks(self) -> tuple[Mark, ...]:
        """Everything that was scored of the subset."""
        return (*self.fills, *self.variants, *self.transfers)

    @property
    def readings(self) -> tuple[str, ...]:
        """By which the gallery can be filtered: what was scored, and what the card says in its own words."""
        return (*(mark.key for mark in self.marks), *self.own)


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


def card(finding: Finding, scene: Scene, anchor: str) -> Card:
    """Return the card of a finding with a subset."""
    subset = finding.subset
    assert subset is not None, "only findings with a subset have cards"
    mask = subset_mask(subset)
    photograph = scene.photograph(finding.image_digest)
    return Card(
        anchor=anchor,
        item=finding.item,
        label=class_text(finding.label, scene.labels) if finding.label is not None else "",
        prediction=_argued_for(finding, scene.labels),
        outcome=_outcome(finding),
        confidence=confidence_text(finding.confidence),
        verified=confidence_text(finding.verified_confidence),
        size=pixels_text(subset.size),
        fraction=share_text(subset.fraction),
        passes=f"{finding.passes.forward:,} forward, {finding.passes.backward:,} backward",
        saturated=finding.saturated,
        other=_other(finding.controls.class_targeted, subset, scene.labels),
        robust=_robust(finding.controls.fill_robust, subset),
        own=tuple(_own_readings(finding)),
        fills=tuple(_mark(fill, fill.fill) for fill in finding.controls.fills),
        variants=tuple(_mark(variant, variant_text(variant.variant)) for variant in finding.controls.variants),
        transfers=tuple(
            _mark(result, short_name(result.model_version))
            for result in finding.controls.transfers
            if result.reason is None
        ),
        photograph="" if photograph is None else panels.photograph_uri(photograph.pixels),
        mask=panels.mask_uri(mask),
        shade=panels.shade_layer_uri(mask),
        outline=panels.outline(mask),
        window=panels.densest_window(mask),
        steps=() if photograph is None or scene.fill == BLUR else steps_of(finding, photograph.fill_colour),
        facts=Facts(class_text(finding.target_class, scene.labels), subset.fraction, finding.confidence),
        **_subset_pictures(photograph, mask, scene.fill),
    )


def remainder(finding: Finding, scene: Scene) -> Remainder:
    """Return the line of an image that has no subset to show."""
    photograph = scene.photograph(finding.image_digest)
    return Remainder(
        item=finding.item,
        label=class_text(finding.label, scene.labels) if finding.label is not None else "",
        prediction=class_text(finding.predicted_class, scene.labels) if finding.predicted_class is not None else "",
        confidence=confidence_text(finding.confidence) if finding.predicted_class is not None else "",
        reason=_why(finding),
        failed=finding.predicted_class is None,
        thumbnail="" if photograph is None else panels.thumbnail_uri(photograph.pixels),
    )


def _subset_pictures(photograph: Photograph | None, mask: NDArray[np.bool_], fill: str) -> dict[str, str]:
    """Return the subset alone. A plain fill is a layer, blur is a separate picture, other fills are shown as grey."""
    if photograph is None:
        return {"fill_layer": "", "subset": ""}
    if fill == BLUR:
        return {"fill_layer": "", "subset": panels.blurred_subset_uri(photograph.pixels, mask)}
    return {"fill_layer": panels.fill_layer_uri(mask, photograph.fill_colour), "subset": ""}


def _argued_for(finding: Finding, labels: Sequence[str]) -> str:
    """Return the class of the subset, with the predicted one if that is another."""
    argued_for = class_text(finding.target_class, labels)
    if finding.target_class == finding.predicted_class:
        return argued_for
    return f"{argued_for} (searched for); predicted {class_text(finding.predicted_class, labels)}"


def _outcome(finding: Finding) -> str:
    """Return whether the prediction is the label; nothing in a search for another class."""
    if finding.label is None or finding.predicted_class is None or finding.predicted_class != finding.target_class:
        return "unlabelled"
    return "correct" if finding.label == finding.predicted_class else "incorrect"


def _other(control: ClassTargetedFinding | None, subset: Subset, labels: Sequence[str]) -> str:
    if control is None:
        return ""
    name = class_text(control.target_class, labels)
    if not control.found:
        return f"{name}: no subset found"
    if not control.size:
        return f"{name}: the bare fill alone suffices"
    ratio = control.size / subset.size if subset.size else math.inf
    found = pixels_text(control.size)
    return f"{name}: {found}" if math.isinf(ratio) else f"{name}: {found}, {times_text(ratio)} the size"


def _robust(control: FillRobustFinding | None, subset: Subset) -> str:
    """Return the result of the fill-robust control; empty if it did not run."""
    if control is None:
        return ""
    outcome, own = _robust_outcome(control), subset.size
    if control.reason is FindingReason.FILL_UNAVAILABLE:
        return f"{outcome} ({control.verifying_donors})"
    if control.reason is not None or control.budget_exhausted:
        return outcome
    held = f"with {control.sufficient_donors} of {control.verifying_donors} other images"
    ratio = f", {times_text(control.size / own)} the size" if own else ""
    return f"{pixels_text(control.size)} suffice {held}{ratio}"


def _own_readings(finding: Finding) -> Iterator[str]:
    """What the card says beside its marks, without figures, so that cards that say the same are found together."""
    other, robust = finding.controls.class_targeted, finding.controls.fill_robust
    if other is not None:
        found = "subset found" if other.size else "the bare fill alone suffices"
        yield f"random other class: {found if other.found else 'no subset found'}"
    if robust is not None:
        yield f"other images as the fill: {_robust_outcome(robust)}"
    if finding.saturated:
        yield "saturated"


def _robust_outcome(control: FillRobustFinding) -> str:
    """What the fill-robust control found on an image, without figures."""
    if control.reason is not None:
        return "too few donors" if control.reason is FindingReason.FILL_UNAVAILABLE else "nothing found"
    return "nothing smaller than the whole image" if control.budget_exhausted else "a part suffices"


def _mark(scored: FillFinding | ScoredVariant | TransferFinding, name: str) -> Mark:
    return Mark(name, scored.sufficient, confidence_text(scored.confidence))


def _why(finding: Finding) -> str:
    if finding.reason is not None:
        return reason_text(finding.reason)
    if finding.baseline_confident:
        return "the bare fill alone reaches the threshold"
    if finding.budget_exhausted:
        return "nothing smaller than the whole image was found within the budget; counts as fraction 1"
    return "no subset"
