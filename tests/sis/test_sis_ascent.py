"""How the ascent changes the size of a mask: slowly up, down as fast as the margin allows, in time for the end."""

import itertools

import pytest
import torch
from modicum_sis import MaskOptimization, find_subsets, log_odds
from modicum_sis.searches.mask_optimization_stages.ascent import LARGEST_GROWTH, LATE, MOMENTUM_IF_INSUFFICIENT, Ascent

from tests.sis.sis_models import linear_classifier, ones

PIXELS = 1000


def ascend(margin_of, *, steps, whole_margin=10.0):
    """The sizes of the masks in one image's ascent; `margin_of` returns the margin of a size."""
    ascent = Ascent(1, PIXELS, threshold=0.9, device=torch.device("cpu"))
    ascent.enter(0, whole_margin, -5.0, steps=steps)
    slopes, sizes, done = torch.arange(float(PIXELS)).unsqueeze(0), [], []
    while not done:
        batch = ascent.next_batch()
        sizes += batch.sizes
        margins = torch.tensor([margin_of(size) for size in batch.sizes], dtype=torch.float64)
        done = ascent.apply_gradients(batch, margins, slopes)
    return sizes, ascent.leave(0)


def test_while_no_mask_suffices_the_size_grows_slowly_in_the_first_half_of_the_steps():
    steps = 40

    sizes, _ = ascend(lambda size: -4.0, steps=steps)

    first_half = sizes[1 : int(LATE * steps)]
    assert all(later <= earlier * LARGEST_GROWTH + 1 for earlier, later in itertools.pairwise(first_half))


@pytest.mark.parametrize("steps", [6, 12, 40])
def test_an_image_that_needs_almost_half_its_pixels_has_a_mask_before_the_last_step(steps):
    _, ascended = ascend(lambda size: 10.0 if size >= 0.49 * PIXELS else -4.0, steps=steps)

    assert ascended.whole_or_smaller_suffices
    assert int(ascended.mask.sum()) <= 0.5 * PIXELS


def test_the_size_falls_faster_with_more_spare_margin():
    needed = log_odds(0.9)

    much, _ = ascend(lambda size: needed + 20, steps=5)
    little, _ = ascend(lambda size: needed + 1, steps=5)

    assert much[2] < little[2] < much[1] == little[1]


def test_masks_stay_small_if_the_whole_image_argues_for_another_class():
    sizes, ascended = ascend(lambda size: -8.0, steps=60, whole_margin=-12.0)

    assert max(sizes[1:]) <= 0.3 * PIXELS
    assert not ascended.whole_or_smaller_suffices


@pytest.mark.parametrize(("whole_margin", "kept"), [(10.0, 0.0), (-12.0, MOMENTUM_IF_INSUFFICIENT)])
def test_steps_have_momentum_if_the_whole_image_argues_for_another_class(whole_margin, kept):
    ascent = Ascent(1, 2, threshold=0.9, device=torch.device("cpu"))
    ascent.enter(0, whole_margin, -5.0, steps=4)
    margin = torch.zeros(1, dtype=torch.float64)

    for gradient in ([[1.0, -1.0]], [[1.0, -1.0]], [[-1.0, 1.0]]):
        ascent.apply_gradients(ascent.next_batch(), margin, torch.tensor(gradient))

    second, third = 1 - kept, kept * (1 - kept) - (1 - kept)
    value = 1 + second * 0.75 + third * 0.5  # the rate falls by a quarter in each step
    assert ascent.leave(0).pixel_values.tolist() == pytest.approx([value, -value])


def test_a_small_budget_finds_a_subset_if_half_the_pixels_suffice():
    image_side = 16
    evidence = torch.full((image_side, image_side), log_odds(0.9) / (0.45 * image_side**2))

    (finding,) = find_subsets(
        linear_classifier(evidence), ones(1, image_side, image_side), threshold=0.9, search=MaskOptimization(50)
    )

    assert finding.subset.fraction <= 0.5
