"""Input specifications: whether one can be followed, and which one frames the images of an audit."""

from collections.abc import Sequence

from modicum_server.domain.models import Ensemble, InputDropout, InputSpecification, ModelVersion
from modicum_server.domain.searches import Canvas
from modicum_server.errors import FieldInvalid
from modicum_server.usecases.rules import check

LEAST_DISTANCE = 1e-4
"""Least distance of the bounds, as a share of the largest of them and 1: float32 still tells 256 greys apart."""

FILL_SLACK = 1e-5
"""The mean fill may leave the bounds by this share of their distance, because float32 rounds decimals."""


def check_input(field: str, value: InputSpecification) -> None:
    """Refuse a specification that no image could follow.

    Raises:
        FieldInvalid: names the field below `field`.
    """
    _check_size(field, value)
    check(f"{field}.lower_bound", value.lower_bound, "finite")
    check(f"{field}.upper_bound", value.upper_bound, "finite")
    distance = value.upper_bound - value.lower_bound
    if distance < LEAST_DISTANCE * max(1, abs(value.lower_bound), abs(value.upper_bound)):
        raise FieldInvalid(
            f"{field}.upper_bound",
            f"expected a value clearly above `lower_bound` ({value.lower_bound:g}) in float32, "
            f"got {value.upper_bound:g}; the usual bounds are 0 and 1",
        )
    _check_channel_values(f"{field}.mean", value.mean, value.channels, "finite")
    _check_channel_values(f"{field}.std", value.std, value.channels, "positive")
    if value.fill_mean:
        _check_channel_values(f"{field}.fill_mean", value.fill_mean, value.channels, "finite")
    _check_painted(field, value)


def _check_size(field: str, value: InputSpecification) -> None:
    check(f"{field}.channels", value.channels)
    check(f"{field}.height", value.height, "side")
    check(f"{field}.width", value.width, "side")
    check(field, value.height * value.width, "pixels")
    check(field, value.channels * value.height * value.width, "values")
    check(f"{field}.resize", value.resize)
    check(f"{field}.interpolation", value.interpolation)
    if value.stretched and value.resize == 0:
        raise FieldInvalid(f"{field}.stretched", "expected false, because resize 0 stretches already; got true")
    longer = max(value.height, value.width)
    if 0 < value.resize < longer:
        raise FieldInvalid(
            f"{field}.resize",
            f"expected 0, or at least the longer side of the crop ({longer}), got {value.resize}; "
            "otherwise a square image would be smaller than its crop",
        )


def _check_painted(field: str, value: InputSpecification) -> None:
    """Refuse a mean fill outside the bounds. The usual mistake is a mean in bytes with bounds of 0 and 1."""
    name, painted = ("fill_mean", value.fill_mean) if value.fill_mean else ("mean", value.mean)
    slack = FILL_SLACK * (value.upper_bound - value.lower_bound)
    for place, number in enumerate(painted):
        if not value.lower_bound - slack <= number <= value.upper_bound + slack:
            raise FieldInvalid(
                f"{field}.{name}[{place}]",
                f"expected a value from `lower_bound` ({value.lower_bound:g}) to `upper_bound` "
                f"({value.upper_bound:g}), because the mean fill paints it; got {number:g}; give both in the same "
                "units, or another `fill_mean`",
            )


def _check_channel_values(field: str, values: tuple[float, ...], channels: int, rule: str) -> None:
    if len(values) != channels:
        raise FieldInvalid(field, f"expected one number per channel ({channels}), got {len(values)}")
    for place, number in enumerate(values):
        check(f"{field}[{place}]", number, rule)


def framing_of(canvas: Canvas, versions: Sequence[ModelVersion]) -> InputSpecification | None:
    """Return the input specification by which image files become the canvas: one for all versions of an audit.

    It is that of the first version whose input has the size of the canvas, otherwise of the first version that has an
    input. None when no version has one. `versions` are in the audit's order.
    """
    inputs = [version.input for version in versions if version.input is not None]
    own = [given for given in inputs if (given.height, given.width) == (canvas.height, canvas.width)]
    return next(iter((*own, *inputs)), None)


def first_part(version: ModelVersion) -> str:
    """Return the name of a version's first part, whose input the version takes when it has none."""
    match version.source:
        case Ensemble(members=members):
            return members[0]
        case InputDropout(member=member):
            return member
    raise ValueError(f"expected {version.name} to have an input of its own or parts")
