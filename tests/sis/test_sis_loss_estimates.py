"""Estimates of what removing each pixel costs, from removals of many pixels at once."""

import math

import torch
from modicum_sis.numerics.seeding import generator
from modicum_sis.searches.gradient_free_stages.loss_estimates import LARGEST_LOSS, LossEstimates

PIXELS = 20
TRUE_LOSSES = torch.linspace(0, 1.9, PIXELS, dtype=torch.float64)


def some(*pixels: int) -> torch.Tensor:
    return torch.zeros(PIXELS, dtype=torch.bool).index_fill(0, torch.tensor(pixels), value=True)


def every() -> torch.Tensor:
    return torch.ones(PIXELS, dtype=torch.bool)


def test_a_first_loss_is_spread_evenly_and_a_later_one_moves_it_half_way():
    estimates = LossEstimates(PIXELS)

    estimates.learn(some(1, 2), 4.0)
    assert estimates.mean_of(some(1)) == estimates.mean_of(some(2)) == 2.0
    assert estimates.mean_of(some(3)) == 0.0

    estimates.learn(some(1), 0.0)
    assert estimates.mean_of(some(1)) == 1.0
    assert estimates.mean_of(some(2)) == 2.0


def test_pixels_are_ordered_once_nearly_all_were_tried():
    estimates = LossEstimates(PIXELS)
    estimates.learn(some(*range(PIXELS - 2)), 1.0)

    assert not estimates.can_order(every())
    assert estimates.can_order(some(0, 1, 2))
    estimates.learn(some(PIXELS - 2), 1.0)
    assert estimates.can_order(every())


def test_losses_of_random_removals_tell_the_cheap_pixels_from_the_costly_ones():
    estimates, drawn = LossEstimates(PIXELS), generator(0, "", "removals")
    for _ in range(400):
        removed = torch.rand(PIXELS, generator=drawn) < 0.3
        if bool(removed.any()):
            estimates.learn(removed, float(TRUE_LOSSES[removed].sum()))

    cheap = [int(pixel) for _ in range(50) for pixel in estimates.cheapest(every(), 5, drawn)]

    assert sum(pixel < PIXELS // 2 for pixel in cheap) / len(cheap) > 0.8
    assert max(cheap.count(pixel) for pixel in range(PIXELS)) < 50, "the noise lets other pixels be tried, too"


def test_only_kept_pixels_are_named():
    estimates = LossEstimates(PIXELS)
    estimates.learn(every(), 1.0)

    assert sorted(estimates.cheapest(some(4, 7, 9), 3, generator(0, "", "kept")).tolist()) == [4, 7, 9]


def test_an_infinite_loss_counts_as_the_largest_one():
    estimates = LossEstimates(PIXELS)

    estimates.learn(some(0), math.inf)

    assert estimates.mean_of(some(0)) == LARGEST_LOSS


def test_losses_without_a_value_and_infinite_gains_leave_the_estimates_finite():
    estimates = LossEstimates(PIXELS)

    estimates.learn(some(0), math.nan)  # of two infinite margins
    estimates.learn(some(1), -math.inf)

    assert estimates.mean_of(some(0)) == 0.0
    assert estimates.mean_of(some(1)) == -LARGEST_LOSS
