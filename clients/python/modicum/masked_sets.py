"""A masked data set: the images of one search, masked outside their subsets. Uses no network and no files.

The server sends the images as the search saw them: decoded, resized and cropped. The masked pixels are painted here,
which only works for a fill that is one colour.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modicum.errors import InvalidArgument
from modicum.findings import Finding, Subset
from modicum.gate.fills import Fill
from modicum.resource_names import short_version
from modicum.results import ModelResult, Result
from modicum.sources.inputs import InputSpecification

COLOURS = (Fill.MEAN, Fill.BLACK, Fill.WHITE)
SCHEMA_VERSION = 1


class SubsetKind(StrEnum):
    """Which of an image's subsets is exported: the search's, or that of a control with a search of its own."""

    SEARCH = "search"
    CLASS_TARGETED = "class_targeted"
    FILL_ROBUST = "fill_robust"


@dataclass(frozen=True, slots=True)
class Export:
    """A finding, the subset that is exported, and the class that it argues for."""

    finding: Finding
    subset: Subset
    target_class: int | None


@dataclass(frozen=True, slots=True)
class MaskedSet:
    """Everything that is exported except the images. `colour` has a value per channel; `manifest` is the provenance."""

    exports: tuple[Export, ...]
    input: InputSpecification
    colour: NDArray[np.float32]
    classes: tuple[str, ...]
    manifest: Mapping[str, Any] = field(repr=False)

    def masked(self, export: Export, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """The image (C, H, W) with every masked pixel replaced by the colour."""
        painted: NDArray[np.float32] = np.where(export.subset.mask, image, self.colour[:, None, None])
        return painted

    def label_of(self, export: Export) -> int:
        """The true class; -1 if it is unknown."""
        return -1 if export.finding.label is None else export.finding.label


def chosen_model(result: Result, model: str) -> ModelResult:
    """The model of that name: MODEL, MODEL/VERSION or a full name. It may be empty if only one model was audited.

    Raises:
        InvalidArgument: the model was not audited, or several models were audited and none is named.
    """
    names = [each.model_version for each in result.models]
    fitting = [each for each in result.models if not model or model in _names_of(each.model_version)]
    if len(fitting) == 1:
        return fitting[0]
    came = f"got {model!r}" if model else f"{len(names)} were audited, name one of them"
    raise InvalidArgument(f"model: expected one of {', '.join(map(short_version, names))}; {came}")


def chosen_search(result: Result, search: int) -> Mapping[str, Any]:
    """The specification of the search of that number.

    Raises:
        InvalidArgument: the audit has no search of that number.
    """
    searches = result.document["specification"]["searches"]
    if not 0 <= search < len(searches):
        raise InvalidArgument(f"search: expected a number from 0 to {len(searches) - 1}, got {search}")
    entry: Mapping[str, Any] = searches[search]
    return entry


def chosen_fill(own: str, fill: str) -> Fill:
    """The fill to paint: `fill`, or the fill of the search if `fill` is empty.

    Raises:
        InvalidArgument: the fill is not one colour.
    """
    known = ", ".join(COLOURS)
    if fill and fill not in COLOURS:
        raise InvalidArgument(f"fill: expected one of {known}, got {str(fill)!r}")
    if not fill and own not in COLOURS:
        raise InvalidArgument(
            f"fill: the search used {own}, which is not one colour and cannot be exported; choose one of {known}. The "
            "subsets were not verified with the fill that you choose"
        )
    return Fill(fill or own)


def chosen_kind(kind: str) -> SubsetKind:
    """The kind of subsets of that name.

    Raises:
        InvalidArgument: there is no such kind.
    """
    if kind not in tuple(SubsetKind):
        raise InvalidArgument(f"subsets: expected one of {', '.join(SubsetKind)}, got {str(kind)!r}")
    return SubsetKind(kind)


def masked_set(
    result: Result,
    model: ModelResult,
    search: int,
    fill: Fill,
    specification: InputSpecification,
    *,
    kind: SubsetKind = SubsetKind.SEARCH,
    **facts: Any,
) -> MaskedSet:
    """The masked data set of one model and one search. `facts` are copied into the manifest.

    Raises:
        InvalidArgument: no image has a subset.
    """
    findings = [
        finding
        for finding in result.findings
        if finding.model_version == model.model_version and finding.search_index == search
    ]
    exports = tuple(export for finding in findings if (export := _export(finding, kind)) is not None)
    if not exports:
        what = "found no subset" if kind is SubsetKind.SEARCH else f"has no mask of a subset of the control {kind}"
        raise InvalidArgument(
            f"nothing to export: search {search} {what} on any of the {len(findings)} images of "
            f"{short_version(model.model_version)}"
        )
    bare = sum(finding.baseline_confident for finding in findings)
    colour = np.array(colour_of(fill, specification), dtype=np.float32)
    manifest = {
        "schema_version": SCHEMA_VERSION,
        **facts,
        **origin(result, model, search),
        **_looks(fill, _own_fill(result, search, kind), colour, specification),
        "subsets": kind.value,
        "counts": {
            "findings": len(findings),
            "exported": len(exports),
            "baseline_confident": bare,
            "without_subset": len(findings) - len(exports) - bare,
        },
    }
    return MaskedSet(exports, specification, colour, tuple(facts.get("classes", ())), manifest)


def _export(finding: Finding, kind: SubsetKind) -> Export | None:
    """The finding's subset of this kind; None without one that keeps a part of the image."""
    if finding.baseline_confident:
        return None
    if kind is SubsetKind.SEARCH:
        return None if finding.subset is None else Export(finding, finding.subset, finding.target_class)
    other, robust = finding.controls.class_targeted, finding.controls.fill_robust
    if kind is SubsetKind.CLASS_TARGETED:
        if other is None or other.subset is None or not other.size:
            return None
        return Export(finding, other.subset, other.target_class)
    if robust is None or robust.subset is None:
        return None
    return Export(finding, robust.subset, finding.target_class)


def _own_fill(result: Result, search: int, kind: SubsetKind) -> str:
    """The fill under which subsets of this kind were verified; fill-robust ones were under no single one."""
    return "" if kind is SubsetKind.FILL_ROBUST else str(chosen_search(result, search)["fill"])


def colour_of(fill: Fill, specification: InputSpecification) -> tuple[float, ...]:
    """The colour of a fill: a value per channel, before normalisation."""
    match fill:
        case Fill.BLACK:
            return (specification.lower_bound,) * specification.channels
        case Fill.WHITE:
            return (specification.upper_bound,) * specification.channels
    return specification.fill_mean or specification.mean


def _names_of(version: str) -> set[str]:
    short = short_version(version)
    return {version, short, short.partition("/")[0]}


def origin(result: Result, model: ModelResult, search: int) -> dict[str, Any]:
    """Where an export comes from: the audit, the model, the data set and the search, with their digests."""
    document = result.document
    return {
        "audit": document["audit"],
        "model_version": model.model_version,
        "model_digest": model.digest,
        "dataset": document["dataset"]["name"],
        "dataset_digest": document.get("parameters", {}).get("manifest_digest", ""),
        "findings_digest": document["findings"]["digest"],
        "search_index": search,
        "search": chosen_search(result, search),
    }


def _looks(fill: Fill, own: str, colour: NDArray[np.float32], specification: InputSpecification) -> dict[str, Any]:
    return {
        "fill": {"name": fill.value, "values": colour.tolist(), "verified": fill.value == own},
        "bounds": [specification.lower_bound, specification.upper_bound],
        "mean": list(specification.mean),
        "std": list(specification.std),
    }
