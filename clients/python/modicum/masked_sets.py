"""A masked data set: the images of one search, masked outside their subsets. Uses no network and no files.

The server sends the images as the search saw them: decoded, resized and cropped. The masked pixels are painted here,
which only works for a fill that is one colour.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modicum.errors import InvalidArgument
from modicum.findings import Finding, Subset
from modicum.resource_names import short_version
from modicum.results import ModelResult, Result
from modicum.searches import Fill
from modicum.sources.inputs import InputSpecification

COLOURS = (Fill.MEAN, Fill.BLACK, Fill.WHITE)
SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class Export:
    """A finding and the subset that is exported."""

    finding: Finding
    subset: Subset


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


def masked_set(
    result: Result, model: ModelResult, search: int, fill: Fill, specification: InputSpecification, **facts: Any
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
    exports = tuple(
        Export(finding, finding.subset)
        for finding in findings
        if finding.subset is not None and not finding.baseline_confident
    )
    if not exports:
        raise InvalidArgument(
            f"nothing to export: search {search} found no subset on any of the {len(findings)} images of "
            f"{short_version(model.model_version)}"
        )
    colour = np.array(colour_of(fill, specification), dtype=np.float32)
    manifest = {
        "schema_version": SCHEMA_VERSION,
        **facts,
        **_origin(result, model, search),
        **_looks(fill, chosen_search(result, search)["fill"], colour, specification),
        "counts": {
            "findings": len(findings),
            "exported": len(exports),
            "baseline_confident": sum(finding.baseline_confident for finding in findings),
            "without_subset": sum(finding.subset is None for finding in findings),
        },
    }
    return MaskedSet(exports, specification, colour, tuple(facts.get("classes", ())), manifest)


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


def _origin(result: Result, model: ModelResult, search: int) -> dict[str, Any]:
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
