"""What stands in the server and in the library alike, and must not part: a cost in passes, and how passes ran."""

import dataclasses

import pytest
from modicum_server.domain import pixel_subsets as pixel_subset_rules
from modicum_server.domain import tasks
from modicum_server.domain.controls import CONTROLS, FINDING_CLIMB_PASSES
from modicum_server.domain.pixel_subsets import KEPT_SHARE
from modicum_server.domain.searches import LEAST_SEARCH_PASSES, Canvas, Control, ControlPlan, Search, SearchMethod
from modicum_server.generated import worker_pb2
from modicum_server.model_process.search_objects import search_method
from modicum_server.usecases.costs import (
    control_passes,
    default_pixels_per_step,
    pixel_subset_descent,
    search_passes,
)
from modicum_server.usecases.rules import RULES
from modicum_sis import Acceleration as SisAcceleration
from modicum_sis import BatchedGradient, MaskOptimization, ParameterError, planned_pixel_subset_passes
from modicum_sis.controls.pixel_subsets import KEPT_SHARE as SIS_KEPT_SHARE
from modicum_sis.controls.robust_search import LEAST_STEPS, can_find, steps_of

CANVASES = [(1, 1, 2), (1, 8, 8), (3, 7, 13), (3, 32, 32), (3, 33, 32), (3, 224, 224), (1, 480, 640)]
SEARCHES = {
    "exact": Search(SearchMethod.BACKSELECT, threshold=0.9),
    "by fractions": Search(SearchMethod.BACKSELECT, threshold=0.9, fraction=0.1),
    "by halves": Search(SearchMethod.BACKSELECT, threshold=0.9, fraction=0.5),
    "one a step": Search(SearchMethod.BATCHED_GRADIENT, threshold=0.9, pixels_per_step=1),
    "seven a step": Search(SearchMethod.BATCHED_GRADIENT, threshold=0.9, pixels_per_step=7),
    "optimised": Search(SearchMethod.MASK_OPTIMIZATION, threshold=0.9, passes=600),
}


@pytest.mark.parametrize("canvas", CANVASES, ids=str)
@pytest.mark.parametrize("search", SEARCHES.values(), ids=SEARCHES)
def test_the_server_s_cost_is_the_library_s_plan(search, canvas):
    assert search_passes(search, Canvas(*canvas)) == search_method(search).planned_passes(canvas)


@pytest.mark.parametrize("canvas", CANVASES, ids=str)
def test_the_server_s_pixels_a_step_are_the_library_s(canvas):
    ours = BatchedGradient(default_pixels_per_step(Canvas(*canvas)))

    assert ours.planned_passes(canvas) == BatchedGradient(None).planned_passes(canvas)


@pytest.mark.parametrize("canvas", CANVASES, ids=str)
@pytest.mark.parametrize("passes", [0, 16, 1000])
def test_the_server_s_descent_is_the_library_s(canvas, passes):
    ours = pixel_subset_descent(passes, Canvas(*canvas))

    search = BatchedGradient(ours.pixels_per_step if passes else None)
    assert ours.passes == planned_pixel_subset_passes(canvas, search)
    assert KEPT_SHARE == SIS_KEPT_SHARE


def test_the_server_s_budget_of_optimised_pixel_subsets_is_the_library_s():
    for passes in (0, pixel_subset_rules.FEWEST_PASSES, 1000):
        plan = ControlPlan(Control.PIXEL_SUBSETS, passes=passes, method=SearchMethod.MASK_OPTIMIZATION)
        ours = control_passes(plan, SEARCHES["optimised"], Canvas(3, 32, 32))

        assert ours == planned_pixel_subset_passes((3, 32, 32), MaskOptimization(passes) if passes else None)


def test_the_server_takes_just_the_budgets_that_the_library_takes():
    assert RULES["passes"].holds(LEAST_SEARCH_PASSES)
    assert MaskOptimization(passes=LEAST_SEARCH_PASSES).passes == LEAST_SEARCH_PASSES
    assert not RULES["passes"].holds(LEAST_SEARCH_PASSES - 1)
    with pytest.raises(ParameterError):
        MaskOptimization(passes=LEAST_SEARCH_PASSES - 1)


def test_the_least_budget_of_the_fill_robust_control_is_that_of_a_climb():
    fewest = CONTROLS[Control.FILL_ROBUST].least_passes

    assert steps_of(fewest) == LEAST_STEPS
    assert steps_of(fewest - 1) < LEAST_STEPS


def test_the_budget_from_which_the_fill_robust_control_finds_anything_is_the_library_s():
    enough = [passes for passes in range(600) if can_find(passes, verifying=32, searching=32)]

    assert set(range(FINDING_CLIMB_PASSES, 600)) <= set(enough)
    assert FINDING_CLIMB_PASSES - 1 not in enough


def test_all_that_the_library_says_of_its_passes_has_a_place_in_the_result():
    fields = [field.name for field in dataclasses.fields(SisAcceleration)]

    assert [field.name for field in dataclasses.fields(tasks.Acceleration)] == fields
    assert [field.name for field in worker_pb2.Acceleration.DESCRIPTOR.fields] == fields
