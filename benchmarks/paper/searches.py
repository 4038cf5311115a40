"""Step (e): subset sizes of all searches on the same images, under two fills: `mean`, the paper's, and `marginal`.

`marginal`, another whole image, is the fill furthest from a constant: a subset under it has to stand against real
pixels of another class.
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
    gather_donors,
)

from benchmarks.paper.accuracy import masked, predictions
from benchmarks.paper.descent import last_pixels
from benchmarks.paper.extent import PIXELS_PER_STEP, SEED, THRESHOLD, Extent
from benchmarks.paper.material import Network, Photographs

FILLS = ("mean", "marginal")
NOTHING_SEARCHED = "no image was searched"


@dataclass(frozen=True, slots=True)
class Entry:
    """A search with its setting."""

    method: str
    setting: str
    search: Search


def entries(extent: Extent) -> Iterator[Entry]:
    """Those of the table, the quicker ones first."""
    for passes in extent.budgets:
        yield Entry("mask_optimization", f"{passes:,} passes", MaskOptimization(passes=passes))
    yield Entry("batched_gradient", f"k = {PIXELS_PER_STEP}", BatchedGradient(pixels_per_step=PIXELS_PER_STEP))
    quick, *slow = [Entry("backselect", f"fraction {each:g}", BackSelect(fraction=each)) for each in extent.fractions]
    yield quick
    yield Entry("batched_gradient", "k = 1, as the paper", BatchedGradient(pixels_per_step=1))
    yield from slow


def planned_rows(extent: Extent) -> int:
    """How many rows a whole run has."""
    return len(list(entries(extent))) * len(FILLS)


def measure(
    network: Network, photographs: Photographs, donors: Photographs, extent: Extent
) -> Iterator[dict[str, Any]]:
    """One network; a row for each search and fill, as JSON values, as they are measured."""
    pool = gather_donors(network.classifier, donors.images, seed=SEED)
    for entry in entries(extent):
        for fill in FILLS:
            row = _row(network, photographs, pool, entry, fill)
            print(f"  {entry.method}, {entry.setting}, {fill}: {row['passes']:,.0f} passes an image", flush=True)
            yield row


def _row(network: Network, photographs: Photographs, pool: Donors, entry: Entry, fill: str) -> dict[str, Any]:
    found = find_subsets(
        network.classifier,
        photographs.images,
        threshold=THRESHOLD,
        search=entry.search,
        fill=fill,
        seed=SEED,
        donors=pool if fill == "marginal" else None,
    )
    everything = list(found)
    findings = [each for each in everything if each.subset is not None and not each.baseline_confident]
    fractions = np.array([finding.subset.fraction for finding in findings if finding.subset is not None])
    return {
        "method": entry.method,
        "setting": entry.setting,
        "fill": fill,
        "passes": float(np.mean([finding.passes.equivalents for finding in findings])) if findings else 0.0,
        "fraction": quantile_measure(fractions, 0.5, unit="fraction", empty=NOTHING_SEARCHED).as_json(),
        "rate": share(fractions <= ALPHA, empty=NOTHING_SEARCHED).as_json(),
        "same_class": _same_class(network, photographs, everything) if fill == "mean" else None,
    }


def _same_class(network: Network, photographs: Photographs, findings: Sequence[Finding]) -> dict[str, Any] | None:
    """On what share of the images the last 5% of the pixels keep the prediction; None of a search without an order."""
    traces = [finding.trace for finding in findings if finding.trace is not None and bool(finding.trace.start.all())]
    if len(traces) < len(findings):
        return None
    predicted = predictions(network.classifier, masked(photographs, last_pixels(traces), network))
    same = predicted == np.array([finding.predicted_class for finding in findings])
    return share(same, empty=NOTHING_SEARCHED).as_json()
