"""The masks on the way from a whole image to its subset: what they are, and where there are none."""

import pytest
import torch
from modicum_sis import BackSelect, BatchedGradient, GradientFree, MaskOptimization, Trace, find_subsets
from modicum_sis.findings import NARROWED

from tests.sis.sis_models import linear_classifier, ones

SIDE, THRESHOLD = 12, 0.9
EVIDENCE = torch.zeros(SIDE, SIDE).index_fill(0, torch.tensor([5]), 1.0)
"""What each pixel adds to the margin. Only the sixth row counts, and three of its pixels suffice."""
SEARCHES = {
    "backselect": BackSelect(fraction=0.05),
    "batched_gradient": BatchedGradient(pixels_per_step=6),
    "mask_optimization": MaskOptimization(passes=300),
    "gradient_free": GradientFree(passes=300),
}


def found_by(search, *, evidence=EVIDENCE):
    classifier = linear_classifier(evidence)
    (found,) = find_subsets(classifier, ones(1, SIDE, SIDE), threshold=THRESHOLD, search=search, fill="black")
    return found


@pytest.mark.parametrize("name", SEARCHES)
def test_masks_become_smaller_down_to_the_subset_and_each_has_its_confidence(name):
    found = found_by(SEARCHES[name])

    sizes = found.narrowing.masks.flatten(1).sum(dim=1)
    assert len(sizes) >= 2
    assert (sizes[1:] <= NARROWED * sizes[:-1]).all()
    assert sizes[0] <= NARROWED * SIDE * SIDE
    assert sizes[-1] > found.subset.size
    margins = (found.narrowing.masks * EVIDENCE).flatten(1).sum(dim=1)
    assert torch.allclose(found.narrowing.confidences, torch.sigmoid(margins.double()))
    assert (found.narrowing.confidences >= THRESHOLD).all()


def test_where_nothing_smaller_than_the_image_suffices_there_are_no_masks():
    found = found_by(SEARCHES["mask_optimization"], evidence=torch.full((SIDE, SIDE), 2.2 / (SIDE * SIDE)))

    assert found.subset.size == SIDE * SIDE
    assert found.narrowing is None


def test_a_trace_that_falls_below_the_threshold_and_comes_back_leaves_out_what_does_not_suffice():
    trace = Trace(
        order=torch.arange(10),
        scores=torch.tensor([0.99, 0.8, 0.95, 0.91, 0.5], dtype=torch.float64),
        kept=torch.tensor([10, 7, 5, 2, 0]),
        start=torch.ones(2, 5, dtype=torch.bool),
    )

    narrowing = trace.narrowing(0.9)

    assert narrowing.masks.flatten(1).sum(dim=1).tolist() == [5, 2]
    assert narrowing.confidences.tolist() == [0.95, 0.91]
    assert narrowing.above(2).confidences.tolist() == [0.95]
    assert narrowing.above(5) is None
