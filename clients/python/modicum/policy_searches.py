"""What `audit` of a policy asks for, as arguments of `client.audits.create`: for the command and for Python alike."""

from collections.abc import Mapping
from typing import Any

from modicum.gate.fills import Fill
from modicum.searches import DEFAULT_THRESHOLD, SearchMethod, TargetRule, control_plan


def asked_arguments(audit: Mapping[str, Any]) -> dict[str, Any]:
    """The searches, controls and statistics of a policy's `audit`; what it leaves out is as `modicum audit` has it.

    `stopping` is not among them, because it depends on the rules: `modicum.gate.stopping.stopping_of` has it.

    Raises:
        InvalidArgument: a control is unknown.
    """
    controls, pixel_method = audit.get("controls"), audit.get("pixel_subsets_method")
    return {
        "thresholds": tuple(_listed(audit.get("threshold", DEFAULT_THRESHOLD))),
        "method": SearchMethod(audit.get("method", SearchMethod.MASK_OPTIMIZATION)),
        "passes": audit.get("passes", 0),
        "pixels_per_step": audit.get("pixels_per_step", 0),
        "fraction": audit.get("fraction", 0.0),
        "fill": Fill(audit.get("fill", Fill.MEAN)),
        "target_rules": tuple(map(TargetRule, _listed(audit.get("target", TargetRule.PREDICTED)))),
        "seed": audit.get("seed", 0),
        "sample": audit.get("sample", 0),
        "device": audit.get("device", "auto"),
        "controls": None if controls is None else tuple(map(control_plan, controls)),
        "pixel_subsets": audit.get("pixel_subsets"),
        "pixel_subsets_method": None if pixel_method is None else SearchMethod(pixel_method),
        "level": audit.get("level"),
        "alpha": audit.get("alpha"),
    }


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
