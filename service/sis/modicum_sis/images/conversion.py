"""Images as people have them, arrays of numpy and images of PIL, as the tensors (C, H, W) that the library works on.

PIL is not imported: an image of PIL comes from a caller who imported it.
"""

import sys

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from modicum_sis.errors import CanvasMismatch
from modicum_sis.model.input_parameters import InputParameters

CHANNELS = frozenset({1, 3})
"""Numbers of channels by which an array's layout is recognised, unless the classifier declares another one."""
IMAGE_AXES = 3
LARGEST_BYTE = 255
WIDEST_FLOAT = 8
"""Bytes of the widest floating point number that torch has."""


def converted(given: object, name: str, declared: InputParameters) -> object:
    """An array or an image of PIL as a tensor (C, H, W); any other value as it is.

    Bytes are scaled to the declared bounds, and floating point numbers are taken as they are. An image of PIL is
    converted to RGB.

    Args:
        given: an array (H, W, C) or (C, H, W), an image of PIL, a tensor, or something else.
        name: what messages call the image.
        declared: the input of the classifier.

    Raises:
        CanvasMismatch: a path, an image of more than 8 bits, an array of other numbers, or of an unclear layout.
    """
    if isinstance(given, str) or hasattr(given, "__fspath__"):
        raise CanvasMismatch(f"{name} is a path. Open the file first, for example with PIL.Image.open")
    pixels = _pixels_of_pil(given, name)
    if pixels is None:
        return _from_array(given, name, declared) if isinstance(given, np.ndarray) else given
    return _tensor(pixels.transpose(2, 0, 1), name, declared)


def _pixels_of_pil(given: object, name: str) -> NDArray[np.uint8] | None:
    """The bytes (H, W, 3) of an image of PIL; None for any other value."""
    pil = sys.modules.get("PIL.Image")
    if pil is None or not isinstance(given, pil.Image):
        return None
    if given.mode.startswith(("I", "F")):
        raise CanvasMismatch(
            f"{name} has mode {given.mode!r}, which has more than 8 bits. Give it as a float tensor within the bounds"
        )
    return np.asarray(given.convert("RGB"))


def _from_array(array: NDArray[np.generic], name: str, declared: InputParameters) -> Tensor:
    if array.ndim != IMAGE_AXES:
        raise CanvasMismatch(
            f"expected {name} with 3 axes, (H, W, C) or (C, H, W); got an array of shape {array.shape}. "
            "Give many images as an array (N, H, W, C) or (N, C, H, W); a grey image has one channel"
        )
    channels = _channels(declared)
    is_first, is_last = array.shape[0] in channels, array.shape[2] in channels
    if is_first == is_last:
        raise CanvasMismatch(
            f"{name} is an array of shape {array.shape}: the axis of its channels is unclear. "
            "Give a float tensor (N, C, H, W) instead"
        )
    return _tensor(array if is_first else array.transpose(2, 0, 1), name, declared)


def _channels(declared: InputParameters) -> frozenset[int]:
    known = max(len(values) for values in (declared.mean, declared.std, declared.fill_mean))
    return frozenset({known}) if known > 1 else CHANNELS


def _tensor(array: NDArray[np.generic], name: str, declared: InputParameters) -> Tensor:
    """An array (C, H, W) as a tensor of its own memory."""
    if array.dtype == np.uint8:
        low, high = declared.bounds
        shares = array.astype(np.float64) / LARGEST_BYTE
        return torch.from_numpy(np.ascontiguousarray(low + shares * (high - low), dtype=np.float32))
    if array.dtype.kind != "f" or array.dtype.itemsize > WIDEST_FLOAT:
        raise CanvasMismatch(
            f"{name} is an array of {array.dtype}. Give bytes (uint8), or floating point numbers within the bounds"
        )
    return torch.from_numpy(np.array(array, dtype=array.dtype.newbyteorder("="), order="C"))
