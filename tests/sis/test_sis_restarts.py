"""A search with passes to spare climbs again from other first sizes, within its budget, alone or among others."""

import torch
from modicum_sis import Limit, MaskOptimization, Reason, find_subsets, log_odds
from modicum_sis.scoring.score_requests import GRADIENT_COST, Scores
from modicum_sis.searches.restarts import FIRST_SIZES, LEAST_LEFT, Restarts
from modicum_sis.searches.shrinking import Shrinker

from tests.sis.sis_models import linear_classifier

PIXELS, STEPS, THRESHOLD = 100, 20, 0.99
WIDE = torch.zeros(PIXELS, dtype=torch.float64)
WIDE[:12] = 0.4
"""Twelve pixels that suffice together."""
NARROW = torch.zeros(PIXELS, dtype=torch.float64)
NARROW[[30, 60, 90]] = 1.6
"""Three that do too, far apart: no gradient at the twelve points to them, and no trade adds all three."""
ENOUGH = 4000


def two_basins(masks):
    """Margins and gradients of masks (m, p) that suffice by either set; the whole image by the narrow one."""
    by_set = torch.stack([masks.double() @ WIDE, masks.double() @ NARROW])
    best = by_set.argmax(dim=0)
    return by_set.amax(dim=0), torch.stack([WIDE, NARROW])[best]


def climbs(steps=STEPS):
    return Restarts(
        pixels=PIXELS,
        whole_margin=4.8,
        bare_margin=0.0,
        steps=steps,
        threshold=THRESHOLD,
        device=torch.device("cpu"),
    )


def shrink(passes, restarts):
    """A shrinker that began with the twelve, and all that it asked."""
    shrinker = Shrinker(WIDE > 0, 4.8, threshold=THRESHOLD, passes=passes, restarts=restarts)
    asking, asked, answer = shrinker.shrink(), [], None
    try:
        while True:
            asked.append(asking.send(answer))
            answer = Scores(*two_basins(asked[-1].part(0, asked[-1].count)))
    except StopIteration:
        return shrinker, asked


def begun_climbs(asked):
    """How many ascents began: each with the gradient at the whole image."""
    return sum(question.with_gradients and bool(question.part(0, 1).all()) for question in asked)


def test_the_premise_either_set_suffices():
    margins, _ = two_basins(torch.stack([WIDE > 0, NARROW > 0, torch.ones(PIXELS) > 0]))

    assert (margins >= log_odds(THRESHOLD)).all()


def test_a_further_climb_leaves_the_basin_that_trades_do_not():
    stayed, _ = shrink(ENOUGH, None)
    left, asked = shrink(ENOUGH, climbs())

    assert stayed.best.size == 12
    assert left.best.mask.nonzero().flatten().tolist() == [30, 60, 90]
    assert begun_climbs(asked) == len(FIRST_SIZES)


def test_an_image_climbs_again_only_where_passes_are_left_for_trades_too():
    removal = 12  # one round: each of the twelve alone
    enough = int(LEAST_LEFT * GRADIENT_COST * STEPS) + removal

    assert begun_climbs(shrink(enough - 1, climbs())[1]) == 0
    assert begun_climbs(shrink(enough, climbs())[1]) == 1


def test_further_climbs_stay_within_the_passes():
    for passes in (100, 222, 223, 271, 272, 273, 331, 400, 650):
        _, asked = shrink(passes, climbs())

        assert sum(question.cost for question in asked) <= passes


def test_a_further_climb_that_finds_nothing_smaller_leaves_the_mask_as_it_is():
    shrinker, _ = shrink(ENOUGH, climbs(steps=1))  # one gradient at the whole image, and no mask

    assert shrinker.best.size == 12


EVIDENCE = torch.randint(-4, 9, (6, 6), generator=torch.Generator().manual_seed(3)) / 8
IMAGES = torch.randint(1, 5, (3, 1, 6, 6), generator=torch.Generator().manual_seed(4)) / 4
"""Sums of these are exact, however they are batched."""
PASSES, GRADIENTS = 450, 31
"""Of which one ascent of such an image takes so many gradients."""


def found(**options):
    search = MaskOptimization(PASSES)
    return list(find_subsets(linear_classifier(EVIDENCE), IMAGES, threshold=0.9, search=search, **options))


def test_an_image_s_further_climbs_owe_nothing_to_its_neighbours():
    alone, together = (found(chunk_size=size) for size in (1, 3))

    assert min(finding.passes.backward for finding in alone) > 2 * GRADIENTS  # each ascended again
    for one, other in zip(alone, together, strict=True):
        assert one.passes == other.passes
        assert torch.equal(one.subset.mask, other.subset.mask)


def test_a_run_stopped_in_a_further_climb_goes_on_within_its_budget():
    stopped = found(should_stop=Limit(passes=200 * len(IMAGES)))

    resumed = found(resume=stopped)

    assert all(finding.reason is Reason.STOPPED and finding.passes.backward > GRADIENTS + 5 for finding in stopped)
    assert not any(finding.reason is Reason.STOPPED for finding in resumed)
    assert max(finding.passes.equivalents for finding in resumed) <= PASSES
    for before, after in zip(stopped, resumed, strict=True):
        assert after.subset.size <= before.subset.size
        assert after.verified_confidence >= 0.9
