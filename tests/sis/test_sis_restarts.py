"""A search with passes to spare restarts from other first sizes, within its budget, alone or among others."""

import torch
from modicum_sis import Limit, MaskOptimization, Reason, find_subsets, log_odds
from modicum_sis.scoring.score_requests import GRADIENT_COST, Scores
from modicum_sis.searches.mask_optimization_stages.restarts import FIRST_SIZES, LEAST_LEFT, Restarts
from modicum_sis.searches.mask_optimization_stages.shrinking import Shrinker

from tests.sis.sis_models import linear_classifier

PIXELS, STEPS, THRESHOLD = 100, 20, 0.99
WIDE = torch.zeros(PIXELS, dtype=torch.float64)
WIDE[:12] = 0.4
"""Twelve pixels that suffice together."""
NARROW = torch.zeros(PIXELS, dtype=torch.float64)
NARROW[[30, 60, 90]] = 1.61
"""Three other sufficient pixels. No gradient at the twelve points to them, and no trade adds all three."""
WHOLE = 3 * 1.61
"""The margin of the whole image. That of the twelve is 4.8: no rounding decides which set the gradient favours."""
ENOUGH = 4000


def two_basins(masks):
    """Margins and gradients of masks (m, p). Either set suffices; the whole image's gradient favours the narrow one."""
    by_set = torch.stack([masks.double() @ WIDE, masks.double() @ NARROW])
    best = by_set.argmax(dim=0)
    return by_set.amax(dim=0), torch.stack([WIDE, NARROW])[best]


def restarts(steps=STEPS):
    return Restarts(
        pixels=PIXELS,
        whole_margin=WHOLE,
        bare_margin=0.0,
        steps=steps,
        threshold=THRESHOLD,
        device=torch.device("cpu"),
    )


def shrink(passes, restarts):
    """A shrinker that started with the twelve, and all its requests."""
    shrinker = Shrinker(WIDE > 0, WHOLE, threshold=THRESHOLD, passes=passes, restarts=restarts)
    procedure, requests, scores = shrinker.shrink(), [], None
    try:
        while True:
            requests.append(procedure.send(scores))
            scores = Scores(*two_basins(requests[-1].part(0, requests[-1].count)))
    except StopIteration:
        return shrinker, requests


def count_ascents(requests):
    """The number of ascents. Each starts with the gradient at the whole image."""
    return sum(request.with_gradients and bool(request.part(0, 1).all()) for request in requests)


def test_the_premise_either_set_suffices():
    margins, _ = two_basins(torch.stack([WIDE > 0, NARROW > 0, torch.ones(PIXELS) > 0]))

    assert (margins >= log_odds(THRESHOLD)).all()


def test_a_restart_leaves_a_local_optimum_that_trades_cannot_leave():
    stayed, _ = shrink(ENOUGH, None)
    left, requests = shrink(ENOUGH, restarts())

    assert stayed.best.size == 12
    assert left.best.mask.nonzero().flatten().tolist() == [30, 60, 90]
    assert count_ascents(requests) == len(FIRST_SIZES)


def test_an_image_restarts_only_if_passes_are_left_for_trades_too():
    removal = 12  # one round tries each of the twelve alone
    enough = int(LEAST_LEFT * GRADIENT_COST * STEPS) + removal

    assert count_ascents(shrink(enough - 1, restarts())[1]) == 0
    assert count_ascents(shrink(enough, restarts())[1]) == 1


def test_restarts_stay_within_the_passes():
    for passes in (100, 222, 223, 271, 272, 273, 331, 400, 650):
        _, requests = shrink(passes, restarts())

        assert sum(request.cost for request in requests) <= passes


def test_a_restart_that_finds_nothing_smaller_keeps_the_mask():
    shrinker, _ = shrink(ENOUGH, restarts(steps=1))  # one gradient at the whole image, and no mask

    assert shrinker.best.size == 12


EVIDENCE = torch.randint(-4, 9, (6, 6), generator=torch.Generator().manual_seed(3)) / 8
IMAGES = torch.randint(1, 5, (3, 1, 6, 6), generator=torch.Generator().manual_seed(4)) / 4
"""Sums of these are exact, however they are batched."""
PASSES, GRADIENTS = 450, 31
"""With these passes, one ascent of such an image takes this many gradients."""


def found(**options):
    search = MaskOptimization(PASSES)
    return list(find_subsets(linear_classifier(EVIDENCE), IMAGES, threshold=0.9, search=search, **options))


def test_restarts_of_an_image_do_not_depend_on_other_images():
    alone, together = (found(chunk_size=size) for size in (1, 3))

    assert min(finding.passes.backward for finding in alone) > 2 * GRADIENTS  # each image restarted
    for one, other in zip(alone, together, strict=True):
        assert one.passes == other.passes
        assert torch.equal(one.subset.mask, other.subset.mask)


def test_a_run_stopped_in_a_restart_resumes_within_its_budget():
    stopped = found(should_stop=Limit(passes=200 * len(IMAGES)))

    resumed = found(resume=stopped)

    assert all(finding.reason is Reason.STOPPED and finding.passes.backward > GRADIENTS + 5 for finding in stopped)
    assert not any(finding.reason is Reason.STOPPED for finding in resumed)
    assert max(finding.passes.equivalents for finding in resumed) <= PASSES
    for before, after in zip(stopped, resumed, strict=True):
        assert after.subset.size <= before.subset.size
        assert after.verified_confidence >= 0.9
