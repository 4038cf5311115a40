"""Controls of an audit: which run unless asked otherwise, and on which images."""

from collections.abc import Mapping, Sequence

from modicum_server.domain.audits import AuditSpecification
from modicum_server.domain.pixel_subsets import FEWEST_PASSES as FEWEST_DESCENT_PASSES
from modicum_server.domain.searches import BY_BUDGET, Canvas, Control, ControlPlan, Search, TargetRule
from modicum_server.measures.shortcut import is_large_enough
from modicum_server.usecases.draws import draw_order
from modicum_server.usecases.rules import FEWEST_PASSES

NEEDS_OTHERS = frozenset({Control.TRANSFER})
"""Controls that ask the other versions of an audit."""
FILL_ROBUST_IMAGES = 64
"""On so many images fill_robust runs unless asked otherwise: it searches once more, and its measures are medians."""

FEWEST_CLIMB_PASSES = 41
"""Of fill_robust: a climb of two steps beside one verification by 32 donors; below it nothing runs. A test compares."""
FEWEST_CONTROL_PASSES: Mapping[Control, int] = {
    Control.CLASS_TARGETED: FEWEST_PASSES,
    Control.FILL_ROBUST: FEWEST_CLIMB_PASSES,
    Control.PIXEL_SUBSETS: FEWEST_DESCENT_PASSES,
}
"""Controls with a search of their own, and the least budget of it; all others have none."""


def default_controls(version_count: int, canvas: Canvas) -> tuple[ControlPlan, ...]:
    """Return what runs unless asked otherwise: all that the number of versions and the canvas allow.

    But for class_targeted, and fill_robust on its first images, which search once more, they cost a few forward passes.
    """
    left_out = BY_BUDGET if version_count > 1 else BY_BUDGET | NEEDS_OTHERS
    if not is_large_enough(canvas):
        left_out |= {Control.SHORTCUT}
    images = {Control.FILL_ROBUST: FILL_ROBUST_IMAGES}
    return tuple(ControlPlan(control, images.get(control, 0)) for control in Control if control not in left_out)


def plans_beside(specification: AuditSpecification, search: Search) -> tuple[ControlPlan, ...]:
    """Return the controls that run in the task of a search: other versions are asked in a stage of their own.

    What is measured by its own budget looks at no threshold, and stands beside the first search that can carry it.
    """
    if search.matched:
        return ()
    left_out = NEEDS_OTHERS if search == carrier(specification.searches) else NEEDS_OTHERS | BY_BUDGET
    return tuple(plan for plan in specification.controls if plan.control not in left_out)


def carrier(searches: Sequence[Search]) -> Search | None:
    """Return the search beside which what has its own budget runs: the first for the predicted class, if there is."""
    predicted = (one for one in searches if one.target_rule is TargetRule.PREDICTED and not one.matched)
    return next(predicted, None)


def transfer_plan(specification: AuditSpecification) -> ControlPlan | None:
    """Return how the transfer control runs; None where it does not."""
    return next((plan for plan in specification.controls if plan.control is Control.TRANSFER), None)


def control_positions(plan: ControlPlan, *, seed: int, item_count: int) -> frozenset[int]:
    """Return the positions on which a control runs if there is a subset: the first `images` of an order drawn by seed.

    Every control of an audit takes its images from the same order, so what one saw the wider ones saw too.
    """
    if plan.images == 0 or plan.images >= item_count:
        return frozenset(range(item_count))
    return frozenset(draw_order(seed=seed, item_count=item_count)[: plan.images])
