"""Step (a), by a strong search: accuracy on 5% of the pixels that mask_optimization chooses at this size.

The paper removes CIFAR-10's pixels by exact backselect. mask_optimization is the strong search at a price that many
images allow. It stands beside batched_gradient on the same images, and exact backselect on a few.
"""

from collections.abc import Iterator
from typing import Any

from modicum_server.measures.comparisons import difference_of, mean_of
from modicum_server.measures.measure import share
from modicum_sis import BatchedGradient, MaskOptimization

from benchmarks.paper.accuracy import NO_IMAGES
from benchmarks.paper.choice import ByBackselect, ByControl, Chooser, chosen
from benchmarks.paper.descent import BLOCK
from benchmarks.paper.extent import PIXELS_PER_STEP, Extent
from benchmarks.paper.material import Network, Photographs


def planned(extent: Extent) -> Iterator[tuple[Chooser, int, int]]:
    """The searches of a network, each with its images and how many of them are kept together; the slowest last."""
    yield strong(extent), extent.chosen, BLOCK
    yield ByControl(BatchedGradient(PIXELS_PER_STEP)), extent.compared, BLOCK
    for passes in extent.compared_budgets:
        yield ByControl(MaskOptimization(passes)), extent.compared, BLOCK
    if extent.exactly:
        yield ByBackselect(), extent.exactly, 1


def strong(extent: Extent) -> Chooser:
    """The search of many images."""
    return ByControl(MaskOptimization(extent.chosen_passes))


def measure(network: Network, photographs: Photographs, chooser: Chooser, block: int = BLOCK) -> dict[str, Any]:
    """Measure one search on one network. Return JSON values. `seconds` possibly come from an earlier run."""
    choice, labels = chosen(network, photographs, chooser, block), photographs.labels
    full, subsets, by_chance = (each == labels for each in (choice.predicted, choice.chosen, choice.by_chance))
    return {
        "name": network.name,
        "search": chooser.words,
        "n": len(photographs),
        "passes": float(choice.passes.mean()),
        "seconds": round(float(choice.seconds), 1),
        "full": share(full, empty=NO_IMAGES).as_json(),
        "subsets": share(subsets, empty=NO_IMAGES).as_json(),
        "random": share(by_chance, empty=NO_IMAGES).as_json(),
        "same_class": share(choice.chosen == choice.predicted, empty=NO_IMAGES).as_json(),
        "confidence": mean_of(choice.confidence, unit="confidence", empty=NO_IMAGES).as_json(),
        "subsets_less_full": difference_of(subsets.astype(float) - full, empty=NO_IMAGES).as_json(),
        "subsets_less_random": difference_of(subsets.astype(float) - by_chance, empty=NO_IMAGES).as_json(),
    }
