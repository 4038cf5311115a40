"""Arrays whose values lie outside the bounds of the input are refused before the upload, with the range that they have.

A few arrays may be broken: each becomes a finding with a reason. The server checks all; the client looks at some.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from modicum.errors import InvalidArgument
from modicum.resource_names import printable
from modicum.sources.images import Image
from modicum.sources.inputs import InputSpecification
from modicum.sources.npy import BOUNDS_SLACK

#: Arrays that are looked at, evenly spaced.
MOST_READ = 100
EIGHT_BITS, ONE = (0.0, 255.0), (-1.0, 1.0)


def refuse_values_outside(
    images: Sequence[Image],
    input_: InputSpecification,
    input_from: str,
    *,
    option: str = "",
    way: str = "give",
) -> None:
    """Refuse arrays of float32 of which most hold values outside the bounds, NaN or infinity.

    `option` is the option that names the images, where it is not the argument. `way` says how an input is named, such
    as "register the models with".

    Raises:
        InvalidArgument: names the range that was found, the bounds and who says so, and what to do.
    """
    read = _read(images)
    unfit = {item: values for item, values in read.items() if not _fits(values, input_)}
    if 2 * len(unfit) <= len(read):
        return
    low, high = input_.lower_bound, input_.upper_bound
    finite = [values for values in unfit.values() if np.isfinite(values).all()]
    named = f"{option}: " if option else ""
    begin = f"{named}expected float32 values from {low:g} to {high:g}, the bounds of {input_from}"
    where = f"in {len(unfit)} of the {len(read)} arrays that were read, the first is {printable(next(iter(unfit)))}"
    if not finite:
        raise InvalidArgument(f"{begin}; found NaN or infinity {where}. Replace such values, or leave these arrays out")
    least, most = min(float(one.min()) for one in finite), max(float(one.max()) for one in finite)
    cure = _cure(least, most, input_, way)
    raise InvalidArgument(f"{begin}; found values from {least:g} to {most:g} {where}. {cure}")


def _read(images: Sequence[Image]) -> dict[str, NDArray[np.float32]]:
    arrays = [(one.item, one.floats) for one in images if one.floats is not None]
    spaced = arrays[:: -(-len(arrays) // MOST_READ)] if arrays else []
    read = {item: values() for item, values in spaced}
    return {item: values for item, values in read.items() if values is not None and values.size}


def _fits(values: NDArray[np.float32], input_: InputSpecification) -> bool:
    low, high = input_.lower_bound, input_.upper_bound
    slack = BOUNDS_SLACK * (high - low)
    return bool(low - slack <= values.min() and values.max() <= high + slack)  # NaN is neither


def _cure(least: float, most: float, input_: InputSpecification, way: str) -> str:
    bounds = input_.lower_bound, input_.upper_bound
    held = next((one for one in (ONE, EIGHT_BITS) if one[0] <= least and most <= one[1] and one != bounds), None)
    if held is None:
        return (
            "Scale them to the bounds. If they are normalised already, undo that: the model's mean and std are applied "
            f"to them. Or {way} an --input FILE.toml whose `bounds` hold them, with `mean` and `std` for such values"
        )
    scale = f"Scale them from {held[0]:g} to {held[1]:g} to {bounds[0]:g} to {bounds[1]:g}"
    if bounds == (0, 1):
        scale = "Divide them by 255" if held == EIGHT_BITS else "Add 1 to them and divide them by 2"
    return (
        f"{scale}, or {way} an --input FILE.toml with `bounds = [{held[0]:g}, {held[1]:g}]`, and with `mean` and `std` "
        "for such values"
    )
