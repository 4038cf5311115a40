"""Controls of an audit: which run unless asked otherwise, and on which images."""

import functools
from collections.abc import Sequence

from modicum_server.domain.audits import AuditSpecification
from modicum_server.domain.controls import AFTER_SEARCHES, ASKING_OTHERS, CONTROLS, EXTRA
from modicum_server.domain.searches import Canvas, Control, ControlPlan, Search, TargetRule
from modicum_server.measures.shortcut import is_large_enough
from modicum_server.usecases.draws import draw_order


def default_controls(version_count: int, canvas: Canvas) -> tuple[ControlPlan, ...]:
    """Return the controls that run by default: all that the number of versions and the canvas allow.

    class_targeted, and fill_robust on its first images, cost another search. The others cost a few forward passes.
    """
    left_out = EXTRA if version_count > 1 else EXTRA | ASKING_OTHERS
    if not is_large_enough(canvas):
        left_out |= {Control.SHORTCUT}
    return tuple(
        ControlPlan(control, facts.default_images) for control, facts in CONTROLS.items() if control not in left_out
    )


def plans_beside(specification: AuditSpecification, search: Search) -> tuple[ControlPlan, ...]:
    """Return the controls that run in the task of a search. The others run in a stage of their own.

    A control with a budget of its own uses no threshold, and runs once: in the tasks of the search that `carrier`
    names.
    """
    if search.matched:
        return ()
    left_out = AFTER_SEARCHES if search == carrier(specification.searches) else AFTER_SEARCHES | EXTRA
    return tuple(plan for plan in specification.controls if plan.control not in left_out)


def carrier(searches: Sequence[Search]) -> Search | None:
    """Return the search whose tasks run the controls with a budget of their own: the first for the predicted class."""
    predicted = (one for one in searches if one.target_rule is TargetRule.PREDICTED and not one.matched)
    return next(predicted, None)


def transfer_plan(specification: AuditSpecification) -> ControlPlan | None:
    """Return the plan of the transfer control, or None where it does not run."""
    return _plan_of(specification, Control.TRANSFER)


def spot_plan(specification: AuditSpecification) -> ControlPlan | None:
    """Return the plan of the spot test, or None where it does not run: it needs subsets of the predicted class."""
    return _plan_of(specification, Control.SPOT) if carrier(specification.searches) else None


def _plan_of(specification: AuditSpecification, control: Control) -> ControlPlan | None:
    return next((plan for plan in specification.controls if plan.control is control), None)


def takes_all(plan: ControlPlan, item_count: int) -> bool:
    """Return whether a control runs on every image of the audit that has a subset."""
    return plan.images == 0 or plan.images >= item_count


def control_positions(plan: ControlPlan, *, seed: int, item_count: int) -> frozenset[int]:
    """Return the positions on which a control runs if they have a subset: the first `images` of a seeded order.

    All controls of an audit use the same order, so a control with more images covers those of one with fewer.
    """
    if takes_all(plan, item_count):
        return frozenset(range(item_count))
    return _first_in_order(plan.images, seed=seed, item_count=item_count)


@functools.lru_cache(maxsize=8)  # every shard asks for those of its audit
def _first_in_order(images: int, *, seed: int, item_count: int) -> frozenset[int]:
    return frozenset(draw_order(seed=seed, item_count=item_count)[:images])
