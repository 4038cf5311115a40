"""What an audit costs at most, in pass-equivalents, and how its work is cut into shards (docs/method.md, "Words").

All counts are exact integers: exact backward selection at 224x224 takes 1.3e9 passes an image.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from modicum.gate.spot_passes import most_retest_passes, most_spot_passes

from modicum_server.domain.audits import AuditSpecification, NewShard, Stage
from modicum_server.domain.classes import have_same_classes
from modicum_server.domain.controls import CONTROLS, LEAST_SPOT_IMAGES, budget_of, runs_in
from modicum_server.domain.ensembles import checked_together, index_of_matched, searched_by
from modicum_server.domain.models import ModelVersion
from modicum_server.domain.pixel_subsets import DEFAULT_PASSES, STEP_PASSES, Descent, descent_within
from modicum_server.domain.searches import Canvas, Control, ControlPlan, Search, SearchMethod, TargetRule
from modicum_server.domain.spots import LEAST_CLASS_IMAGES
from modicum_server.domain.stopping import look_images
from modicum_server.measures.shortcut import is_large_enough
from modicum_server.usecases.controls import plans_beside, spot_plan, transfer_plan
from modicum_server.usecases.draws import draw_order

PASSES_BESIDE_STEPS = 10
"""Passes for the whole image, the bare fill and at most 8 verifications, of which nearly always one is needed."""
EXACT_PIXELS = 32 * 32
PAPER_PIXELS = 224 * 224
PAPER_PIXELS_PER_STEP = 100
#: Least number of items in a shard, for the slowest model too: about what a search batches on a CPU.
FEWEST_ITEMS = 4
#: Items of a shard whose model was not timed yet.
UNMEASURED_ITEMS = 32
MOST_ITEMS = 4096
#: Time of a shard of an audit that may end early, at most: what has begun is finished first.
STOPPABLE_SECONDS = 4.0
#: Size of the masks in one task that scores subsets: worker and model process hold all of them in memory.
MOST_MASK_BYTES = 4 * 1024 * 1024


def default_pixels_per_step(canvas: Canvas) -> int:
    """Return 1 up to 32x32, the paper's 100 at 224x224, and a proportional number for other sizes."""
    if canvas.pixels <= EXACT_PIXELS:
        return 1
    return max(1, round(PAPER_PIXELS_PER_STEP * canvas.pixels / PAPER_PIXELS))


def search_passes(search: Search, canvas: Canvas) -> int:
    """Return the most pass-equivalents that a search spends on one image."""
    # one more pass finds the predicted class, before a random other one is drawn
    return _method_passes(search, canvas) + (search.target_rule is TargetRule.RANDOM_OTHER)


def _method_passes(search: Search, canvas: Canvas) -> int:
    match search.method:
        case SearchMethod.MASK_OPTIMIZATION:
            return search.passes
        case SearchMethod.BATCHED_GRADIENT:
            return PASSES_BESIDE_STEPS + STEP_PASSES * math.ceil(canvas.pixels / search.pixels_per_step)
        case SearchMethod.BACKSELECT:
            return PASSES_BESIDE_STEPS + _greedy_passes(canvas.pixels, search.fraction)


@lru_cache(maxsize=64)  # needed again for each version and control, and 4 million pixels take a moment
def _greedy_passes(pixels: int, fraction: float) -> int:
    """One pass at the start, one for each candidate of a step, and one more after a step that removes several."""
    if fraction == 0:
        return pixels * (pixels + 1) // 2 + 1
    passes = 1
    while pixels:
        removed = max(1, math.ceil(fraction * pixels))
        passes += pixels + (removed > 1)
        pixels -= removed
    return passes


def control_passes(plan: ControlPlan, search: Search, canvas: Canvas) -> int:
    """Return the most pass-equivalents that a control spends on one image."""
    if not runs_in(search, plan.control):
        return 0
    match plan.control:
        case Control.SHORTCUT if not is_large_enough(canvas):
            return 0
        case Control.CLASS_TARGETED:
            return plan.passes or search_passes(search, canvas)
        case Control.FILL_ROBUST:
            return budget_of(plan.control, plan.passes, search)
        case Control.PIXEL_SUBSETS if plan.method is SearchMethod.MASK_OPTIMIZATION:
            return plan.passes or DEFAULT_PASSES
        case Control.PIXEL_SUBSETS:
            return pixel_subset_descent(plan.passes, canvas).passes
        case _:
            return CONTROLS[plan.control].scoring_passes


def pixel_subset_descent(passes: int, canvas: Canvas) -> Descent:
    """Return the descent of batched_gradient for pixel subsets within a budget; 0 means the method's pixels a step."""
    return descent_within(passes, canvas) if passes else Descent(canvas, default_pixels_per_step(canvas))


def planned_images(specification: AuditSpecification, versions: Sequence[ModelVersion], item_count: int) -> int:
    """Return how many findings there will be."""
    return item_count * sum(len(searched_by(search, versions)) for search in specification.searches)


@dataclass(frozen=True, slots=True)
class OtherImages:
    """Images of an audit beside those that are searched, each predicted once.

    Attributes:
        second_count: items of the out-of-distribution data set, for the versions of a mitigation check.
        pair_count: audited items with a partner in the counterfactual data set, for every version.
        object_count: items of the spot test that have objects, and are tested once more outside them.
    """

    second_count: int = 0
    pair_count: int = 0
    object_count: int = 0


NO_OTHERS = OtherImages()


def planned_passes(
    specification: AuditSpecification,
    versions: Sequence[ModelVersion],
    item_count: int,
    *,
    others: OtherImages = NO_OTHERS,
) -> int:
    """Return the most pass-equivalents of the audit: every image is eligible, and no search ends early."""
    searching = sum(
        _passes_of_search(specification, search, item_count) * len(searched_by(search, versions))
        for search in specification.searches
    )
    predicting = others.second_count * len(checked_together(versions)) + others.pair_count * len(versions)
    transferring = _transfer_passes(specification, versions, item_count)
    return searching + transferring + predicting + _spot_passes(specification, versions, item_count, others)


def _spot_passes(
    specification: AuditSpecification, versions: Sequence[ModelVersion], item_count: int, others: OtherImages
) -> int:
    """Return the most passes of the spot tests: every class with enough images has a row, and so have all together."""
    images = _spot_images(specification, item_count)
    if not images:
        return 0
    most_rows = images // LEAST_CLASS_IMAGES
    rows = [min(most_rows, version.check.class_count if version.check else most_rows) + 1 for version in versions]
    testing = sum(most_spot_passes(images, count, with_objects=others.object_count) for count in rows)
    pairs = (
        count
        for place, (first, count) in enumerate(zip(versions, rows, strict=True))
        for second in versions[place + 1 :]
        if have_same_classes(first, second)
    )
    return testing + sum(most_retest_passes(images, count, with_objects=others.object_count) for count in pairs)


def _spot_images(specification: AuditSpecification, item_count: int) -> int:
    """Return the most images of a spot test; 0 where there are too few."""
    plan = spot_plan(specification)
    if plan is None:
        return 0
    images = min(plan.images, item_count) if plan.images else item_count
    return images if images >= LEAST_SPOT_IMAGES else 0


def _transfer_passes(specification: AuditSpecification, versions: Sequence[ModelVersion], item_count: int) -> int:
    """Return the passes with which every version scores the subsets of all others."""
    images = _transferred_images(specification, item_count)
    searches = sum(not search.matched for search in specification.searches)
    return searches * len(versions) * (len(versions) - 1) * images


def _passes_of_search(specification: AuditSpecification, search: Search, item_count: int) -> int:
    canvas = specification.canvas
    total = item_count * (search_passes(search, canvas) + wants_temperatures(specification, search))
    for plan in plans_beside(specification, search):
        images = min(plan.images, item_count) if plan.images else item_count
        total += images * control_passes(plan, search, canvas)
    return total


def wants_temperatures(specification: AuditSpecification, search: Search) -> bool:
    """Return whether a search measures critical temperatures, one pass an image: a matched search needs them."""
    return index_of_matched(specification.searches, specification.searches.index(search)) is not None


def cut_shards(
    specification: AuditSpecification,
    versions: Sequence[ModelVersion],
    item_count: int,
    *,
    shard_seconds: float,
    matched: bool = False,
) -> Iterator[NewShard]:
    """Cut the SEARCH stage into shards of about `shard_seconds`, each of one version and one search.

    The items of a version and a search are spread evenly, in the seeded order in which controls take them; fewer than 4
    make one shard. So the images of the first shards are drawn at random, whatever the order of the data set. The
    searches of a version follow each other, so that a worker can keep it loaded. Matched searches are cut later, when
    the others have ended.

    An audit that may end early is cut from one look to the next, with all searches of all versions side by side.
    """
    order = draw_order(seed=specification.seed, item_count=item_count)
    works = _works(specification, versions, item_count, shard_seconds)
    parts = (
        (work, order[block.start + part.start : block.start + part.stop])
        for block in _blocks(specification, item_count)
        for work in works
        if work.matched is matched
        for part in _spread(len(block), work.most_items)
    )
    for work, part in parts:
        yield NewShard(
            Stage.SEARCH,
            work.version,
            work.search_index,
            tuple(sorted(part)),
            passes_planned=work.passes * len(part) // item_count,
        )


def cut_scores(
    specification: AuditSpecification,
    scorer: ModelVersion,
    search_index: int,
    positions: Sequence[int],
    *,
    sources: int,
    shard_seconds: float,
) -> list[NewShard]:
    """Cut what one version scores of one search into SCORE shards of about `shard_seconds`.

    An image has at most `sources` subsets. The masks of a shard fit into MOST_MASK_BYTES.
    """
    if not positions:
        return []
    most = _most_scored(specification, scorer, sources, shard_seconds)
    return [
        NewShard(
            Stage.SCORE,
            scorer.name,
            search_index,
            tuple(positions[part.start : part.stop]),
            passes_planned=len(part) * sources,
        )
        for part in _spread(len(positions), most)
    ]


def shard_count(
    specification: AuditSpecification,
    versions: Sequence[ModelVersion],
    item_count: int,
    *,
    shard_seconds: float,
    others: OtherImages = NO_OTHERS,
) -> int:
    """Return the most shards that an audit is cut into: SEARCH (of matched searches too) and SCORE. Makes none.

    SCORE shards are cut from what was found, after all searches have ended. This counts one subset for each image and
    version.
    """
    works = _works(specification, versions, item_count, shard_seconds)
    searching = sum(
        math.ceil(len(block) / work.most_items) for work in works for block in _blocks(specification, item_count)
    )
    images, sources = _transferred_images(specification, item_count), len(versions) - 1
    searches = sum(not search.matched for search in specification.searches)

    def scoring(scorers: Sequence[ModelVersion], sources: int, count: int) -> int:
        most = (_most_scored(specification, scorer, sources, shard_seconds) for scorer in scorers)
        return sum(math.ceil(count / items) for items in most)

    transferring = searches * scoring(versions, sources, images) if sources else 0
    testing = len(versions) if _spot_images(specification, item_count) else 0
    predicting = scoring(checked_together(versions), 1, others.second_count) + scoring(versions, 1, others.pair_count)
    return searching + transferring + testing + predicting


def _most_scored(specification: AuditSpecification, scorer: ModelVersion, sources: int, shard_seconds: float) -> int:
    """Return the most items of a SCORE shard.

    A slow model gets no fewer than one that was not timed yet, unless the masks are too large. So there are never more
    shards than were counted before.
    """
    mask_bytes = math.ceil(specification.canvas.pixels / 8)
    timely = max(UNMEASURED_ITEMS, _items_in(shard_seconds, sources, scorer))
    return min(timely, max(1, MOST_MASK_BYTES // (mask_bytes * sources)))


def _transferred_images(specification: AuditSpecification, item_count: int) -> int:
    plan = transfer_plan(specification)
    if plan is None:
        return 0
    return min(plan.images, item_count) if plan.images else item_count


@dataclass(frozen=True, slots=True)
class _Work:
    """One search of one version: all its passes, and how many items make a shard."""

    version: str
    search_index: int
    matched: bool
    passes: int
    most_items: int


def _works(
    specification: AuditSpecification, versions: Sequence[ModelVersion], item_count: int, shard_seconds: float
) -> list[_Work]:
    seconds = shard_seconds if specification.stopping is None else min(shard_seconds, STOPPABLE_SECONDS)
    works = []
    for version in versions:
        for index, search in enumerate(specification.searches):
            if version in searched_by(search, versions):
                passes = _passes_of_search(specification, search, item_count)
                most = _items_in(seconds, max(1, passes // item_count), version)
                works.append(_Work(version.name, index, search.matched, passes, most))
    return works


def _items_in(seconds: float, passes_per_item: int, version: ModelVersion) -> int:
    """Return how many items take about this long: 4 to 4,096, and 32 before a pass of the version was timed.

    What is timed is a forward and a backward pass, or a forward pass alone where there is no useful gradient.
    """
    if version.check is None or version.check.pass_milliseconds <= 0:
        return UNMEASURED_ITEMS
    timed_passes = STEP_PASSES if version.check.useful_gradient else 1
    seconds_per_pass = version.check.pass_milliseconds / 1000 / timed_passes
    return min(MOST_ITEMS, max(FEWEST_ITEMS, int(seconds / (passes_per_item * seconds_per_pass))))


def _blocks(specification: AuditSpecification, item_count: int) -> list[range]:
    """Return the places of the order from each look to the next; all in one where the audit may not end early."""
    step = item_count if specification.stopping is None else look_images(item_count)
    return [range(start, min(start + step, item_count)) for start in range(0, item_count, step)]


def _spread(item_count: int, most: int) -> list[range]:
    count = math.ceil(item_count / most)
    bounds = [item_count * place // count for place in range(count + 1)]
    return [range(start, end) for start, end in itertools.pairwise(bounds)]
