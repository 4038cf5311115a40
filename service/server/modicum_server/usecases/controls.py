"""Controls of an audit: which are served, which run unless asked otherwise, and on which images."""

from modicum_server.domain.searches import Control, ControlPlan
from modicum_server.usecases.draws import draw_order

SERVED = (Control.CLASS_TARGETED, Control.FILL, Control.DILATED, Control.MASK_ONLY, Control.RANDOM)
DEFAULT_CONTROLS = tuple(ControlPlan(control) for control in SERVED)
"""But for the first, which searches once more, they cost a few forward passes an image."""


def control_positions(plan: ControlPlan, *, seed: int, item_count: int) -> frozenset[int]:
    """Return the positions on which a control runs if there is a subset: the first `images` of an order drawn by seed.

    Every control of an audit takes its images from the same order, so what one saw the wider ones saw too.
    """
    if plan.images == 0 or plan.images >= item_count:
        return frozenset(range(item_count))
    return frozenset(draw_order(seed=seed, item_count=item_count)[: plan.images])
