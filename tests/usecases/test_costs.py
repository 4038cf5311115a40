from dataclasses import replace

import pytest
from modicum_server.domain.audits import AuditSpecification, Stage
from modicum_server.domain.models import Ensemble, ModelVersion, VersionState, Weights
from modicum_server.domain.searches import Canvas, Control, ControlPlan, Search, SearchMethod, TargetRule
from modicum_server.usecases.controls import control_positions
from modicum_server.usecases.costs import (
    OtherImages,
    cut_scores,
    cut_shards,
    default_pixels_per_step,
    planned_passes,
    search_passes,
    shard_count,
)
from modicum_server.usecases.draws import draw_order, draw_sample

from tests.usecases.usecases_stage import CHECK, INPUT, PROJECT, now

CIFAR, IMAGENET = Canvas(3, 32, 32), Canvas(3, 224, 224)


def search(method, **changes):
    return replace(Search(method, threshold=0.9), **changes)


@pytest.mark.parametrize(
    ("given", "canvas", "passes"),
    [
        pytest.param(search(SearchMethod.BACKSELECT), CIFAR, 524_800 + 11, id="exact on CIFAR-10"),
        pytest.param(
            search(SearchMethod.BACKSELECT), IMAGENET, 1_258_840_576 + 11, id="exact on ImageNet is past int32 for two"
        ),
        pytest.param(
            search(SearchMethod.BACKSELECT, fraction=0.5), Canvas(1, 1, 4), 10 + 1 + (4 + 1) + 2 + 1, id="by halves"
        ),
        pytest.param(
            search(SearchMethod.BATCHED_GRADIENT, pixels_per_step=100),
            IMAGENET,
            3 * 502 + 10,
            id="the paper's 502 steps",
        ),
        pytest.param(search(SearchMethod.MASK_OPTIMIZATION, passes=600), IMAGENET, 600, id="a budget"),
    ],
)
def test_a_search_costs_what_the_method_says(given, canvas, passes):
    assert search_passes(given, canvas) == passes


def test_pixels_per_step_grow_with_the_canvas():
    assert [default_pixels_per_step(Canvas(3, side, side)) for side in (8, 32, 64, 224, 448)] == [1, 1, 8, 100, 400]


def specification(*, controls=(), searches=None, versions=("v",)):
    return AuditSpecification(
        model_versions=versions,
        dataset="d",
        canvas=CIFAR,
        searches=searches or (search(SearchMethod.MASK_OPTIMIZATION, passes=100),),
        controls=controls,
        seed=0,
        sample=0,
        device="auto",
    )


def test_an_audit_costs_its_searches_and_its_controls_on_each_version():
    controls = (ControlPlan(Control.CLASS_TARGETED, images=4), ControlPlan(Control.FILL))

    # 10 images x 100, 4 more searches of 100, 5 other fills on 10 images; two versions
    assert planned_passes(specification(controls=controls, versions=("v", "w")), [version(1.0)] * 2, 10) == 2 * (
        1000 + 400 + 50
    )


@pytest.mark.parametrize(
    ("requested", "method", "budget", "cost"),
    [
        (0, SearchMethod.MASK_OPTIMIZATION, {"passes": 100}, 100),
        (70, SearchMethod.MASK_OPTIMIZATION, {"passes": 100}, 70),
        (0, SearchMethod.BATCHED_GRADIENT, {"pixels_per_step": 1}, 600),
    ],
)
def test_fill_robust_costs_its_plan_or_the_searchs_passes_or_600_on_its_images(requested, method, budget, cost):
    searches = (search(method, **budget),)
    with_control, without = (
        planned_passes(specification(controls=plans, searches=searches), [version(1.0)], 10)
        for plans in ((ControlPlan(Control.FILL_ROBUST, images=4, passes=requested),), ())
    )

    assert with_control - without == 4 * cost


@pytest.mark.parametrize(
    ("method", "requested", "cost"),
    [
        pytest.param(None, 0, 13 + 3 * 1024, id="an audit of 0.1.0, one pixel a step"),
        pytest.param(SearchMethod.BATCHED_GRADIENT, 16, 16, id="one step"),
        pytest.param(SearchMethod.BATCHED_GRADIENT, 1000, 13 + 3 * 256, id="329 steps of 4 pixels, which take 256"),
        pytest.param(SearchMethod.MASK_OPTIMIZATION, 1000, 1000, id="the optimiser's budget"),
    ],
)
def test_pixel_subsets_cost_their_search_once_a_version(method, requested, cost):
    searches = tuple(search(SearchMethod.MASK_OPTIMIZATION, passes=passes) for passes in (100, 200))
    with_control, without = (
        planned_passes(specification(controls=plans, searches=searches), [version(1.0)], 10)
        for plans in ((ControlPlan(Control.PIXEL_SUBSETS, images=4, passes=requested, method=method),), ())
    )

    assert with_control - without == 4 * cost


def test_what_re_scores_a_variant_costs_a_forward_pass_each():
    controls = tuple(ControlPlan(control) for control in (Control.DILATED, Control.MASK_ONLY, Control.RANDOM))

    assert planned_passes(specification(controls=controls), [version(1.0)], 10) == 1000 + 10 * (1 + 2 + 1)


@pytest.mark.parametrize(("images", "scored"), [(0, 10), (4, 4), (99, 10)])
def test_a_transfer_costs_a_pass_for_each_subset_with_each_other_version(images, scored):
    requested = specification(controls=(ControlPlan(Control.TRANSFER, images=images),), versions=("u", "v", "w"))

    assert planned_passes(requested, [version(1.0)] * 3, 10) == 3 * 1000 + 3 * 2 * scored
    assert (
        sum(shard.passes_planned for shard in cut_shards(requested, [version(1.0)] * 3, 10, shard_seconds=60)) == 3000
    )


def test_a_search_for_a_random_other_class_costs_a_pass_more_and_has_no_control_of_the_predicted_class():
    searches = (search(SearchMethod.MASK_OPTIMIZATION, passes=100, target_rule=TargetRule.RANDOM_OTHER),)
    of_predicted = (Control.CLASS_TARGETED, Control.FILL_ROBUST, Control.SHORTCUT, Control.PIXEL_SUBSETS)
    controls = tuple(ControlPlan(control) for control in (*of_predicted, Control.DILATED))
    requested = specification(controls=controls, searches=searches)

    assert planned_passes(requested, [version(1.0)], 10) == 10 * (101 + 1)


@pytest.mark.parametrize(("side", "passes"), [(27, 1000), (28, 1000 + 20)])
def test_the_shortcut_control_costs_two_passes_where_the_canvas_is_large_enough_for_it(side, passes):
    requested = replace(specification(controls=(ControlPlan(Control.SHORTCUT),)), canvas=Canvas(3, side, side))

    assert planned_passes(requested, [version(1.0)], 10) == passes


def test_score_shards_take_about_the_planned_time_and_their_masks_fit_into_memory():
    def sizes(milliseconds, canvas, count=1000):
        requested = replace(specification(versions=("v", "w", "x")), canvas=canvas)
        shards = cut_scores(requested, version(milliseconds), 0, range(5, 5 + count), sources=2, shard_seconds=60)
        assert [position for shard in shards for position in shard.positions] == list(range(5, 5 + count))
        assert {(shard.stage, shard.passes_planned) for shard in shards} == {
            (Stage.SCORE, 2 * len(shard.positions)) for shard in shards
        }
        return [len(shard.positions) for shard in shards]

    # a pass of 100 ms: two a position, 300 positions a minute
    assert sizes(300.0, CIFAR) == [250] * 4
    # two masks of 6,272 bytes a position: 334 in 4 MiB
    assert sizes(0.001, IMAGENET) == [333, 333, 334]
    assert sizes(0.001, IMAGENET, count=0) == []


def test_a_control_may_have_a_budget_of_its_own():
    controls = (ControlPlan(Control.CLASS_TARGETED, passes=7),)

    assert planned_passes(specification(controls=controls), [version(1.0)], 10) == 1000 + 70


def version(milliseconds: float | None, *, gradient: bool = True) -> ModelVersion:
    check = None if milliseconds is None else replace(CHECK, pass_milliseconds=milliseconds, useful_gradient=gradient)
    return ModelVersion(
        f"{PROJECT}/models/m/versions/1", Weights("", ""), INPUT, (), "", VersionState.READY, now(), check
    )


@pytest.mark.parametrize(
    ("milliseconds", "sizes"),
    [
        pytest.param(None, [30, 30, 30], id="not measured: 32 at the most, evenly"),
        pytest.param(300.0, [6] * 15, id="100 passes of 100 ms are 10 s an image, 60 s are 6 images"),
        pytest.param(30.0, [45, 45], id="100 passes of 10 ms are 1 s an image, 60 s are 60 images"),
        pytest.param(0.001, [90], id="fast: one shard"),
    ],
)
def test_shards_take_about_the_planned_time(milliseconds, sizes):
    shards = list(cut_shards(specification(), [version(milliseconds)], 90, shard_seconds=60))

    assert [len(shard.positions) for shard in shards] == sizes
    assert sorted(position for shard in shards for position in shard.positions) == list(range(90))
    assert {shard.stage for shard in shards} == {Stage.SEARCH}


def test_the_first_shards_hold_the_first_images_of_the_seeded_order_and_not_of_the_data_set():
    shards = list(cut_shards(specification(), [version(300.0)], 90, shard_seconds=60))

    order = draw_order(seed=specification().seed, item_count=90)
    expected = [tuple(sorted(order[first : first + 6])) for first in range(0, 90, 6)]
    assert [shard.positions for shard in shards] == expected
    assert shards[0].positions != tuple(range(6))


def test_every_version_and_search_takes_the_images_in_the_same_order():
    searches = (search(SearchMethod.MASK_OPTIMIZATION, passes=9), search(SearchMethod.BACKSELECT, fraction=0.5))
    shards = list(cut_shards(specification(searches=searches), [version(None), version(None)], 32, shard_seconds=60))

    assert len(shards) == 4
    assert len({shard.positions for shard in shards}) == 1


def test_a_shard_of_a_very_slow_model_has_four_items_all_the_same():
    shards = list(cut_shards(specification(), [version(3000.0)], 88, shard_seconds=60))

    assert [len(shard.positions) for shard in shards] == [4] * 22


def test_a_time_without_a_gradient_is_that_of_a_forward_pass():
    shards = list(cut_shards(specification(), [version(100.0, gradient=False)], 90, shard_seconds=60))

    # 100 passes of 100 ms are 10 s an image
    assert [len(shard.positions) for shard in shards] == [6] * 15


def test_no_shard_has_more_than_4096_items():
    shards = list(cut_shards(specification(), [version(1e-9)], 10_000, shard_seconds=60))

    assert [len(shard.positions) for shard in shards] == [3333, 3333, 3334]


@pytest.mark.parametrize("items", [1, 4, 33, 4097])
def test_shards_are_counted_without_cutting_them(items):
    searches = (search(SearchMethod.MASK_OPTIMIZATION, passes=9), search(SearchMethod.BACKSELECT, fraction=0.5))
    versions = [version(None), version(300.0)]

    cut = list(cut_shards(specification(searches=searches), versions, items, shard_seconds=60))

    assert shard_count(specification(searches=searches), versions, items, shard_seconds=60) == len(cut)


@pytest.mark.parametrize("milliseconds", [None, 0.001, 300.0, 1e6])
@pytest.mark.parametrize("canvas", [CIFAR, IMAGENET, Canvas(3, 4096, 1024)])
@pytest.mark.parametrize(("images", "scored"), [(0, 1000), (70, 70)])
def test_shards_that_score_are_counted_before_anybody_has_measured_a_version(milliseconds, canvas, images, scored):
    controls = (ControlPlan(Control.TRANSFER, images=images),)
    requested = replace(specification(controls=controls, versions=("u", "v", "w")), canvas=canvas)
    search_shards = shard_count(replace(requested, controls=()), [version(None)] * 3, 1000, shard_seconds=60)

    counted = shard_count(requested, [version(None)] * 3, 1000, shard_seconds=60) - search_shards

    later = version(milliseconds)
    cut = [len(cut_scores(requested, later, 0, range(scored), sources=sources, shard_seconds=60)) for sources in (1, 2)]
    assert max(cut) * 3 <= counted
    measured = shard_count(requested, [later] * 3, 1000, shard_seconds=60)
    assert measured - shard_count(replace(requested, controls=()), [later] * 3, 1000, shard_seconds=60) == cut[1] * 3


def test_shards_that_predict_the_out_of_distribution_data_set_are_counted():
    members = [replace(version(None), name=name) for name in ("u", "v")]
    together = replace(version(None), name="w", source=Ensemble(("u", "v")))
    versions = [*members, together]

    without, beside, paired = (
        shard_count(specification(), versions, 10, shard_seconds=60, others=others)
        for others in (OtherImages(), OtherImages(second_count=100), OtherImages(pair_count=100))
    )

    assert beside - without == paired - without == 3 * 4


def test_each_version_and_search_has_shards_of_its_own():
    searches = (search(SearchMethod.MASK_OPTIMIZATION, passes=9), search(SearchMethod.BACKSELECT, fraction=0.5))
    shards = list(cut_shards(specification(searches=searches), [version(None), version(None)], 2, shard_seconds=60))

    assert [shard.search_index for shard in shards] == [0, 1, 0, 1]
    assert shards[0].passes_planned == 18


def draw(seed, digest="d", count=1000, sample=10):
    return draw_sample(seed=seed, manifest_digest=digest, item_count=count, sample=sample)


def test_a_sample_is_drawn_by_seed_and_data_set_and_sorted():
    assert draw(1) == draw(1) == tuple(sorted(set(draw(1))))
    assert len(draw(1)) == 10
    assert len({draw(1), draw(2), draw(1, "e")}) == 3


@pytest.mark.parametrize("sample", [0, 5, 6])
def test_a_sample_of_at_least_all_items_is_the_whole_data_set(sample):
    assert draw(1, count=5, sample=sample) == (0, 1, 2, 3, 4)


def test_a_sample_stays_what_it_was_in_earlier_releases():
    assert draw(7, "ab", 100, 5) == GOLDEN_SAMPLE


GOLDEN_SAMPLE = (2, 37, 57, 72, 80)


def test_a_control_runs_on_the_first_images_of_one_seeded_order():
    def positions(images, control=Control.FILL, seed=3):
        return control_positions(ControlPlan(control, images=images), seed=seed, item_count=50)

    assert positions(5) < positions(9) < positions(0) == frozenset(range(50))
    assert positions(5) == positions(5, Control.CLASS_TARGETED)
    assert positions(5) != positions(5, seed=4)
    assert len(positions(5)) == 5
    assert positions(50) == positions(60) == frozenset(range(50))
