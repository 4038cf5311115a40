"""Temperatures at which members of an ensemble are eligible on as many images as the ensemble.

See docs/method.md, "The ensemble mitigation check". The chosen ones are among the parameters of an audit: they
influence its result.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

TEMPERATURES = "matched_temperatures"
"""Key in the parameters of an audit. Its value: by the index of a matched search, by version."""
JUST_BELOW = 1.001
"""Divides the lowest critical temperature: at that temperature itself, rounding may make the image ineligible."""


def matched_temperature(critical: Sequence[float], *, eligible: int) -> float:
    """Return a temperature at which so many images are eligible.

    It is 1 where 1 does; else it lies between the critical temperature of the last image that is to be eligible and
    the next lower one. More images are eligible where several share the critical temperature of the last. It is 1 where
    no image is wanted, or none has a critical temperature.
    """
    ordered = sorted(critical, reverse=True)
    if not ordered or not eligible:
        return 1.0
    last, following = ordered[min(eligible, len(ordered)) - 1], [*ordered, 0.0][min(eligible, len(ordered))]
    if following < 1 <= last:
        return 1.0
    return math.sqrt(last * following) if following else last / JUST_BELOW


def matched_temperatures(parameters: Mapping[str, Any]) -> dict[int, Mapping[str, float]]:
    """Return the chosen temperatures of an audit by the index of the matched search, by version."""
    return {int(index): chosen for index, chosen in parameters.get(TEMPERATURES, {}).items()}


def temperature_of(parameters: Mapping[str, Any], search_index: int, version: str) -> float:
    """Return the temperature at which a search runs on a version; 1 unless one was chosen."""
    return float(matched_temperatures(parameters).get(search_index, {}).get(version, 1.0))
