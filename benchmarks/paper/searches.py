"""Step (e): subset sizes of all searches on the same images, under two fills: `mean` (the paper's) and `marginal`.

`marginal`, another whole image, is the fill furthest from a constant: a subset has to hold against real pixels of
another class.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from modicum_server.measures.measure import quantile_measure, share
from modicum_server.measures.overinterpretation import ALPHA
from modicum_sis import (
    BackSelect,
    BatchedGradient,
    Donors,
    Finding,
    MaskOptimization,
    Search,
    find_subsets,
)
from numpy.typing import NDArray

from benchmarks.paper.accuracy import masked, predictions
from benchmarks.paper.descent import last_pixels
from benchmarks.paper.extent import PAPER_PIXELS_PER_STEP, PIXELS_PER_STEP, SEED, THRESHOLD, Extent
from benchmarks.paper.material import Network, Photographs
from benchmarks.paper.sufficient import sizes_in

FILLS = ("mean", "marginal")
NOTHING_SEARCHED = "no image was searched"


@dataclass(frozen=True, slots=True)
class Entry:
    """A search with its setting."""

    method: str
    setting: str
    search: Search


def entries(extent: Extent) -> Iterator[Entry]:
    """The searches of the table, the faster ones first."""
    for passes in extent.budgets:
        yield Entry("mask_optimization", f"{passes:,} passes", MaskOptimization(passes=passes))
    yield _batched_gradient(PIXELS_PER_STEP)
    quick, *slow = [Entry("backselect", f"fraction {each:g}", BackSelect(fraction=each)) for each in extent.fractions]
    yield quick
    yield _batched_gradient(PAPER_PIXELS_PER_STEP)
    yield from slow


def _batched_gradient(pixels_per_step: int) -> Entry:
    return Entry("batched_gradient", f"k = {pixels_per_step}", BatchedGradient(pixels_per_step=pixels_per_step))


def planned_rows(extent: Extent) -> int:
    """How many rows a complete run has."""
    return len(list(entries(extent))) * len(FILLS)


def measure(network: Network, photographs: Photographs, pool: Donors, extent: Extent) -> Iterator[dict[str, Any]]:
    """Measure one network. Yield a JSON row for each search and fill."""
    for entry in entries(extent):
        for fill in FILLS:
            row = _row(network, photographs, pool, entry, fill)
            print(f"  {entry.method}, {entry.setting}, {fill}: {row['passes']:,.0f} passes an image", flush=True)
            yield row


def searched(network: Network, photographs: Photographs, pool: Donors, search: Search, fill: str) -> list[Finding]:
    """The findings, in the order of the images."""
    found = find_subsets(
        network.classifier,
        photographs.images,
        threshold=THRESHOLD,
        search=search,
        fill=fill,
        seed=SEED,
        donors=pool if fill == "marginal" else None,
    )
    return list(found)


def row_of(entry: Entry, fill: str, sizes: NDArray[np.float64], *, pixels: int, passes: float) -> dict[str, Any]:
    """A search's row of the table, as JSON values. `sizes`: kept pixels (n,), NaN for an image without a subset."""
    known = sizes[np.isfinite(sizes)]
    return {
        "method": entry.method,
        "setting": entry.setting,
        "fill": fill,
        "passes": passes,
        "sizes": known.astype(int).tolist(),
        "fraction": quantile_measure(known / pixels, 0.5, unit="fraction", empty=NOTHING_SEARCHED).as_json(),
        "rate": share(known <= ALPHA * pixels, empty=NOTHING_SEARCHED).as_json(),
        "same_class": None,
    }


def _row(network: Network, photographs: Photographs, pool: Donors, entry: Entry, fill: str) -> dict[str, Any]:
    findings = searched(network, photographs, pool, entry.search, fill)
    sizes = sizes_in(findings)
    spent = [one.passes.equivalents for one, size in zip(findings, sizes, strict=True) if np.isfinite(size)]
    passes = float(np.mean(spent)) if spent else 0.0
    row = row_of(entry, fill, sizes, pixels=photographs.images[0, 0].numel(), passes=passes)
    return row | {"same_class": _same_class(network, photographs, findings) if fill == "mean" else None}


def _same_class(network: Network, photographs: Photographs, findings: Sequence[Finding]) -> dict[str, Any] | None:
    """The share of images whose last 5% of pixels keep the prediction. None for a search without a removal sequence."""
    traces = [finding.trace for finding in findings if finding.trace is not None and bool(finding.trace.start.all())]
    if len(traces) < len(findings):
        return None
    predicted = predictions(network.classifier, masked(photographs, last_pixels(traces), network))
    same = predicted == np.array([finding.predicted_class for finding in findings])
    return share(same, empty=NOTHING_SEARCHED).as_json()
