"""The declared input of a classifier: bounds, normalisation, size, and the value of the mean fill.

These are checked values that can be stored and compared. The module is never run here.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from modicum_sis.errors import ParameterError
from modicum_sis.validation import real_number, whole_number

PerChannel = float | Sequence[float]

SLACK = 1e-5
"""The fill may exceed the bounds by this share of their distance, because float32 rounds decimals."""
TOLERANCE = 1e-6
"""Numbers that differ by at most this, absolutely or relatively, count as equal: one was rounded to float32."""


@dataclass(frozen=True, slots=True)
class InputParameters:
    """The declared input of a classifier, in the units of the images.

    Attributes:
        bounds: the lowest and the highest value.
        mean: one value for all channels, or one for each. `std` and `fill_mean` have the same form.
        std: the divisor of the centred image.
        input_size: the height and width of the module's input; None if images are not resized.
        fill_mean: the value of the `mean` fill.
    """

    bounds: tuple[float, float]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    input_size: tuple[int, int] | None
    fill_mean: tuple[float, ...]

    def equivalent_to(self, other: "InputParameters") -> bool:
        """Whether both mean the same. One value for all channels equals that value for each channel."""
        pairs = (
            (self.bounds, other.bounds),
            (self.mean, other.mean),
            (self.std, other.std),
            (self.fill_mean, other.fill_mean),
        )
        return self.input_size == other.input_size and all(_are_same(one, another) for one, another in pairs)


def declared_input(
    *,
    bounds: tuple[float, float],
    mean: PerChannel,
    std: PerChannel,
    input_size: int | tuple[int, int] | None,
    fill_mean: PerChannel | None,
) -> InputParameters:
    """The checked input. `fill_mean` defaults to `mean`.

    Raises:
        ParameterError: a value is invalid, or the fill lies outside the bounds.
    """
    low, high = _bounds(bounds)
    means, deviations = _per_channel(mean, "mean"), _per_channel(std, "std")
    if min(deviations) <= 0:
        raise ParameterError(f"std must be positive in every channel; got {std}")
    fill_values = means if fill_mean is None else _per_channel(fill_mean, "fill_mean")
    slack = SLACK * (high - low)
    if min(fill_values) < low - slack or max(fill_values) > high + slack:
        name, shown = ("mean", mean) if fill_mean is None else ("fill_mean", fill_mean)
        raise ParameterError(
            f"{name} must lie within the bounds {low:g} and {high:g}, because the mean fill shows it; got {shown}. "
            "Give bounds and mean in the same units (bytes have bounds (0, 255)), or set another fill_mean="
        )
    return InputParameters((low, high), means, deviations, _size(input_size), fill_values)


def _bounds(given: object) -> tuple[float, float]:
    values = list(given) if isinstance(given, Sequence) else [given]
    numbers = [number for number in map(real_number, values) if number is not None]
    if len(values) != 2 or len(numbers) != 2 or not numbers[0] < numbers[1]:  # noqa: PLR2004  lowest and highest
        raise ParameterError(f"bounds must be two increasing numbers, for example (0, 1); got {given!r}")
    return numbers[0], numbers[1]


def _per_channel(given: object, name: str) -> tuple[float, ...]:
    try:
        values = torch.as_tensor(given, dtype=torch.float64).flatten().tolist()
    except (TypeError, ValueError, RuntimeError):
        values = []
    if not values or not all(map(math.isfinite, values)):
        raise ParameterError(f"{name} must be one finite number, or one for each channel; got {given!r}")
    return tuple(values)


def _size(given: object) -> tuple[int, int] | None:
    if given is None:
        return None
    sides = list(given) if isinstance(given, Sequence) else [given, given]
    if len(sides) != 2:  # noqa: PLR2004  height and width
        raise ParameterError(f"input_size must be one number, or height and width; got {given!r}")
    height, width = (whole_number("input_size", side, least=1, otherwise=", or two") for side in sides)
    return height, width


def _are_same(one: Sequence[float], another: Sequence[float]) -> bool:
    count = max(len(one), len(another))
    if not {len(one), len(another)} <= {1, count}:
        return False
    spread = (list(values) * (count // len(values)) for values in (one, another))
    return all(math.isclose(a, b, rel_tol=TOLERANCE, abs_tol=TOLERANCE) for a, b in zip(*spread, strict=True))
