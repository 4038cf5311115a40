"""Controls of an audit: which run unless asked otherwise, and on which images."""

from collections.abc import Mapping, Sequence

from modicum_server.domain.audits import AuditSpecification
from modicum_server.domain.pixel_subsets import FEWEST_PASSES as FEWEST_DESCENT_PASSES
from modicum_server.domain.searches import BY_BUDGET, Canvas, Control, ControlPlan, Search, TargetRule
from modicum_server.measures.shortcut import is_large_enough
from modicum_server.usecases.draws import draw_order
from modicum_server.usecases.rules import FEWEST_PASSES

NEEDS_OTHERS = frozenset({Control.TRANSFER})
"""Controls that need the other versions of an audit."""
FILL_ROBUST_IMAGES = 64
"""Number of images for fill_robust by default: it costs another search, and its measures are medians."""

FEWEST_CLIMB_PASSES = 41
"""Least budget of fill_robust: two steps and one verification by 32 donors. A test compares it with the library."""
FEWEST_CONTROL_PASSES: Mapping[Control, int] = {
    Control.CLASS_TARGETED: FEWEST_PASSES,
    Control.FILL_ROBUST: FEWEST_CLIMB_PASSES,
    Control.PIXEL_SUBSETS: FEWEST_DESCENT_PASSES,
}
"""The least budgets of the controls that search. Other controls have no budget."""


def default_controls(version_count: int, canvas: Canvas) -> tuple[ControlPlan, ...]:
    """Return the controls that run by default: all that the number of versions and the canvas allow.

    class_targeted, and fill_robust on its first images, cost another search. The others cost a few forward passes.
    """
    left_out = BY_BUDGET if version_count > 1 else BY_BUDGET | NEEDS_OTHERS
    if not is_large_enough(canvas):
        left_out |= {Control.SHORTCUT}
    images = {Control.FILL_ROBUST: FILL_ROBUST_IMAGES}
    return tuple(ControlPlan(control, images.get(control, 0)) for control in Control if control not in left_out)


def plans_beside(specification: AuditSpecification, search: Search) -> tuple[ControlPlan, ...]:
    """Return the controls that run in the task of a search. Other versions score subsets in a stage of their own.

    A control with a budget of its own uses no threshold, and runs once: in the tasks of the search that `carrier`
    names.
    """
    if search.matched:
        return ()
    left_out = NEEDS_OTHERS if search == carrier(specification.searches) else NEEDS_OTHERS | BY_BUDGET
    return tuple(plan for plan in specification.controls if plan.control not in left_out)


def carrier(searches: Sequence[Search]) -> Search | None:
    """Return the search whose tasks run the controls with a budget of their own: the first for the predicted class."""
    predicted = (one for one in searches if one.target_rule is TargetRule.PREDICTED and not one.matched)
    return next(predicted, None)


def transfer_plan(specification: AuditSpecification) -> ControlPlan | None:
    """Return the plan of the transfer control, or None where it does not run."""
    return next((plan for plan in specification.controls if plan.control is Control.TRANSFER), None)


def control_positions(plan: ControlPlan, *, seed: int, item_count: int) -> frozenset[int]:
    """Return the positions on which a control runs if they have a subset: the first `images` of a seeded order.

    All controls of an audit use the same order, so a control with more images covers those of one with fewer.
    """
    if plan.images == 0 or plan.images >= item_count:
        return frozenset(range(item_count))
    return frozenset(draw_order(seed=seed, item_count=item_count)[: plan.images])
