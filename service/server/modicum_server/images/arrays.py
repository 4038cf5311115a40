"""Reads array files (.npy) as arrays (H, W, C). Numpy only; nothing in the file is run, and no pickles are read.

An array is (H, W) or (H, W, C), with channels last. Its values are uint8, uint16 or float32, in either byte order. The
header is read first, so the cost of reading the values is known before.
"""

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from modicum_server.domain.models import MOST_CHANNELS

MAGIC = b"\x93NUMPY"
LARGEST_HEADER_BYTES = 4096
"""Largest header. One of a valid array has about 128 bytes."""
READERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
WHOLE_NUMBERS = frozenset({"u1", "u2"})
"""Kinds of whole numbers, which are scaled to the bounds. float32 is taken unchanged."""
FLOAT = "f4"
GREY_AXES, CHANNEL_AXES = 2, 3


@dataclass(frozen=True, slots=True)
class ArrayHeader:
    """The header, checked against the length of the file. `kind` is one of WHOLE_NUMBERS, or FLOAT."""

    height: int
    width: int
    channels: int
    kind: str
    _dtype: np.dtype[Any]
    _offset: int
    _columns_first: bool

    @property
    def pixels(self) -> int:
        """Height times width."""
        return self.height * self.width

    def values(self, data: bytes) -> NDArray[Any]:
        """Return the array (H, W, C) in the bytes, without copying them."""
        shape = (self.height, self.width, self.channels)
        flat = np.frombuffer(data, self._dtype, offset=self._offset)
        return flat.reshape(shape, order="F" if self._columns_first else "C")


def is_array(data: bytes) -> bool:
    """Return whether the bytes begin like an array file."""
    return data.startswith(MAGIC)


def array_header(data: bytes) -> ArrayHeader:
    """Read the header of an array file, without reading values or allocating memory for them.

    Raises:
        ValueError: it is not an array, has another kind or shape, or its length does not match the header.
    """
    shape, columns_first, dtype, offset = _header(data)
    kind = dtype.str[1:]
    if kind not in {*WHOLE_NUMBERS, FLOAT} or dtype.hasobject or dtype.subdtype is not None:
        raise ValueError(f"expected uint8, uint16 or float32; got {dtype}. Convert it with array.astype")
    channels = shape[2] if len(shape) == CHANNEL_AXES else 1
    if len(shape) not in {GREY_AXES, CHANNEL_AXES} or min(shape) < 1 or channels > MOST_CHANNELS:
        raise ValueError(
            f"expected an array of shape (H, W) or (H, W, C) with 1 to {MOST_CHANNELS} channels; got {shape}. "
            "Channels come last"
        )
    header = ArrayHeader(shape[0], shape[1], channels, kind, dtype, offset, columns_first)
    expected, given = header.pixels * channels * dtype.itemsize, len(data) - offset
    if given != expected:
        raise ValueError(f"expected {expected:,} bytes of values, as the header says; got {given:,}. Save it again")
    return header


def _header(data: bytes) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
    stream = io.BytesIO(data[: LARGEST_HEADER_BYTES + len(MAGIC)])
    try:
        read = READERS[npy.read_magic(stream)]
        shape, columns_first, dtype = read(stream, max_header_size=LARGEST_HEADER_BYTES)
    except Exception as error:  # numpy can raise anything on hostile bytes
        raise ValueError("the array file's header cannot be read; write the file with numpy.save") from error
    return shape, columns_first, dtype, stream.tell()
