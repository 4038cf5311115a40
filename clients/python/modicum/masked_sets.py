"""A masked data set: the images of one search under its masks, chosen from a result. Knows no network and no files.

Images come on the canvas from the server, which decoded and framed them for the search; what stands where the mask is
False is painted here. Only a fill that is one colour can be: noise, blur and other images are not sent.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modicum.errors import InvalidArgument
from modicum.findings import Finding, Subset
from modicum.naming import short_version
from modicum.results import ModelResult, Result
from modicum.searches import Fill
from modicum.sources.inputs import InputSpecification

COLOURS = (Fill.MEAN, Fill.BLACK, Fill.WHITE)
SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class Specimen:
    """A finding with the subset that is exported."""

    finding: Finding
    subset: Subset


@dataclass(frozen=True, slots=True)
class MaskedSet:
    """What is exported, but for the images; `colour` has a value a channel, `manifest` says where all came from."""

    specimens: tuple[Specimen, ...]
    input: InputSpecification
    colour: NDArray[np.float32]
    classes: tuple[str, ...]
    manifest: Mapping[str, Any] = field(repr=False)

    def masked(self, specimen: Specimen, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """The image (C, H, W) where the mask is True, else the colour."""
        painted: NDArray[np.float32] = np.where(specimen.subset.mask, image, self.colour[:, None, None])
        return painted

    def label_of(self, specimen: Specimen) -> int:
        """The true class, -1 where none is known."""
        return -1 if specimen.finding.label is None else specimen.finding.label


def chosen_model(result: Result, model: str) -> ModelResult:
    """The model of that name, full or as MODEL/VERSION or MODEL; with one model in the audit, none need be named.

    Raises:
        InvalidArgument: there is no such model in the audit, or several and none named.
    """
    names = [each.model_version for each in result.models]
    fitting = [each for each in result.models if not model or model in _names_of(each.model_version)]
    if len(fitting) == 1:
        return fitting[0]
    came = f"{model!r}" if model else f"none, and {len(names)} were audited"
    raise InvalidArgument(f"expected a model among {', '.join(map(short_version, names))}; got {came}")


def chosen_search(result: Result, search: int) -> Mapping[str, Any]:
    """The specification of the search of that number, as the audit was asked.

    Raises:
        InvalidArgument: there are fewer.
    """
    searches = result.document["specification"]["searches"]
    if not 0 <= search < len(searches):
        raise InvalidArgument(f"expected a search from 0 to {len(searches) - 1}; got {search}")
    entry: Mapping[str, Any] = searches[search]
    return entry


def chosen_fill(own: str, fill: str) -> Fill:
    """The fill to paint: the one asked for, else the search's own.

    Raises:
        InvalidArgument: it is not one colour.
    """
    known = ", ".join(COLOURS)
    if fill and fill not in COLOURS:
        raise InvalidArgument(f"expected a fill of one colour to paint ({known}); got {str(fill)!r}")
    if not fill and own not in COLOURS:
        raise InvalidArgument(
            f"the subsets of this search were verified under the fill {own}, which is not one colour and is not sent. "
            f"Name one to paint instead ({known}): masks stay as they are, but were not verified under it"
        )
    return Fill(fill or own)


def masked_set(
    result: Result, model: ModelResult, search: int, fill: Fill, specification: InputSpecification, **facts: Any
) -> MaskedSet:
    """The set of one model under one search; `facts` go into the manifest as they are.

    Raises:
        InvalidArgument: the search found no subset on any image.
    """
    findings = [
        finding
        for finding in result.findings
        if finding.model_version == model.model_version and finding.search_index == search
    ]
    specimens = tuple(
        Specimen(finding, finding.subset)
        for finding in findings
        if finding.subset is not None and not finding.baseline_confident
    )
    if not specimens:
        raise InvalidArgument(
            f"none of the {len(findings)} findings of {short_version(model.model_version)} under search {search} has a "
            "subset of pixels to export"
        )
    colour = np.array(colour_of(fill, specification), dtype=np.float32)
    manifest = {
        "schema_version": SCHEMA_VERSION,
        **facts,
        **_origin(result, model, search),
        **_looks(fill, chosen_search(result, search)["fill"], colour, specification),
        "counts": {
            "findings": len(findings),
            "exported": len(specimens),
            "baseline_confident": sum(finding.baseline_confident for finding in findings),
            "without_subset": sum(finding.subset is None for finding in findings),
        },
    }
    return MaskedSet(specimens, specification, colour, tuple(facts.get("classes", ())), manifest)


def colour_of(fill: Fill, specification: InputSpecification) -> tuple[float, ...]:
    """A value for each channel, in canvas values."""
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
