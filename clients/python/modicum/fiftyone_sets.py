"""A result as a data set of FiftyOne: pictures as the search saw them, their labels, subsets as masks, spots as boxes.

The form is that of `fiftyone.types.FiftyOneDataset`: `metadata.json`, `samples.json`, pictures in `data/`, and masks in
`fields/`. Without a version in `metadata.json`, FiftyOne takes the types of the fields from the samples. To write it,
FiftyOne is not needed.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from modicum.errors import InvalidArgument
from modicum.exported_files import CanvasImages, Target, picture_name, save_png, written
from modicum.findings import Finding, Subset
from modicum.masked_sets import origin
from modicum.pictures import LARGEST_BYTE, scaled
from modicum.resource_names import short_version
from modicum.results import ModelResult, Result
from modicum.sources.inputs import InputSpecification

FOUND = frozenset({"DECISIVE", "SUFFICIENT", "SHORTCUT"})
"""Outcomes of the spot test at which a place is drawn."""
PATTERN = "PATTERN"
"""A place of some of the pixels within its window."""
WITH_A_POSITION = frozenset({"WINDOW", PATTERN})
"""Kinds of places that a box can show: a ring is none, and an own window lies elsewhere in each picture."""


@dataclass(frozen=True, slots=True)
class FiftyOneSet:
    """Everything that is written except the pictures. `info` is the provenance, and `counts` says what was left out."""

    result: Result = field(repr=False)
    findings: tuple[Finding, ...] = field(repr=False)
    input: InputSpecification
    spots: tuple[Mapping[str, Any], ...] = field(repr=False)
    info: Mapping[str, Any] = field(repr=False)
    counts: Mapping[str, int]


def fiftyone_set(result: Result, model: ModelResult, search: int, specification: InputSpecification) -> FiftyOneSet:
    """The findings of one model and one search that have a subset, of which alone the server sends pictures.

    Raises:
        InvalidArgument: no image has a subset.
    """
    version = model.model_version
    of_search = [one for one in result.findings if (one.model_version, one.search_index) == (version, search)]
    found = tuple(one for one in of_search if one.subset is not None)
    if not found:
        raise InvalidArgument(
            f"nothing to export: search {search} found no subset on any of the {len(of_search)} images of "
            f"{short_version(version)}"
        )
    tests = [one for one in result.document.get("spots", ()) if one["model_version"] == version]
    rows = tuple(row for test in tests if test["search_index"] == search for row in test["rows"])
    counts = {"findings": len(of_search), "exported": len(found)}
    return FiftyOneSet(result, found, specification, rows, origin(result, model, search), counts)


def write(target: Target, labelled: FiftyOneSet, canvas: IO[bytes]) -> None:
    """Write the data set. `canvas` is the archive of images that the server sent.

    Raises:
        DataLoss: the archive lacks an image, or is damaged.
        OutputNotWritten: the disk is full, or permissions are missing.
    """
    with written(target, canvas) as (made, images):
        made.mkdir()
        samples = [_sample(made, labelled, place, images) for place in range(len(labelled.findings))]
        metadata = {"name": made.name, "media_type": "image", "info": {**labelled.info, "counts": labelled.counts}}
        for name, content in {"metadata.json": metadata, "samples.json": {"samples": samples}}.items():
            (made / name).write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _sample(folder: Path, labelled: FiftyOneSet, place: int, images: CanvasImages) -> dict[str, Any]:
    """Write the picture and the masks of a finding, and return what the data set says of it."""
    finding = labelled.findings[place]
    name = picture_name(place, finding.item)
    save_png(folder / "data" / name, scaled(images.of(finding), labelled.input))
    sample = {
        "filepath": f"data/{name}",
        "item": finding.item,
        "image_digest": finding.image_digest,
        **_classes(finding, labelled),
        **_figures(finding),
    }
    for mask, subset in _subsets(finding).items():
        relative = f"fields/{mask}/{name}"
        save_png(folder / relative, subset.mask.astype("uint8") * LARGEST_BYTE)
        sample[mask] = {"_cls": "Segmentation", "mask_path": relative}
    if boxes := list(_boxes(finding, labelled)):
        sample["spots"] = {"_cls": "Detections", "detections": boxes}
    return sample


def _classes(finding: Finding, labelled: FiftyOneSet) -> dict[str, Any]:
    """Labels by their fields. The confidence of a finding is that of the class that the subset argues for."""
    version, named = finding.model_version, labelled.result.class_name
    argued = finding.target_class == finding.predicted_class
    told: dict[str, Any] = {"prediction": _label(named(version, finding.predicted_class))}
    told["prediction"] |= {"confidence": finding.confidence} if argued else {}
    if finding.label is not None:
        told["ground_truth"] = _label(named(version, finding.label))
    if not argued:
        told["target"] = {**_label(named(version, finding.target_class)), "confidence": finding.confidence}
    other = finding.controls.class_targeted
    if other is not None and other.found:
        told["class_targeted_label"] = _label(named(version, other.target_class))
        told["class_targeted_label"]["confidence"] = other.verified_confidence
    return told


def _label(name: str) -> dict[str, Any]:
    return {"_cls": "Classification", "label": name}


def _figures(finding: Finding) -> dict[str, Any]:
    assert finding.subset is not None, "only findings with a subset are exported"
    return {
        "subset_pixels": finding.subset.size,
        "subset_fraction": finding.subset.fraction,
        "subset_confidence": finding.verified_confidence,
        "baseline_confident": finding.baseline_confident,
        "budget_exhausted": finding.budget_exhausted,
    }


def _subsets(finding: Finding) -> dict[str, Subset]:
    """The subsets of a finding that keep a part of the image, by field: the search's, and those of controls."""
    subsets = {"subset": finding.subset, **finding.controls.subsets}
    return {name: one for name, one in subsets.items() if one is not None and one.size}


def _boxes(finding: Finding, labelled: FiftyOneSet) -> Iterator[dict[str, Any]]:
    """The places that the decision follows, for the classes of the finding: those that the summary is about."""
    height, width = labelled.input.height, labelled.input.width
    for row in labelled.spots:
        if row["outcome"] in FOUND and row["target_class"] in (None, finding.target_class):
            for window in _windows(row):
                left, top = window["left"] / width, window["top"] / height
                yield {
                    "_cls": "Detection",
                    "label": row["outcome"],
                    "bounding_box": [left, top, window["width"] / width, window["height"] / height],
                    "row": row["label"],
                    "kind": window["kind"],
                    "pixels": window["size"] if window["kind"] == PATTERN else window["height"] * window["width"],
                }


def _windows(row: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """The windows of both halves at the place that is shown; one where they are equal."""
    places = row["places"]
    shown = row.get("shown")
    halves = places[shown]["places"] if shown is not None and shown < len(places) else ()
    windows = [half for half in halves if half["kind"] in WITH_A_POSITION]
    unique = {tuple(one[key] for key in ("top", "left", "height", "width")): one for one in windows}
    return list(unique.values())
