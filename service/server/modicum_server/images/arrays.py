"""Bytes of an array file (.npy) -> an array (H, W, C). Numpy only; nothing in the file is run.

An array is (H, W) or (H, W, C): channels come last, always. Its values are uint8, uint16 or float32, of either byte
order. The header is read first, and says what reading the values would cost; there are no pickles here.
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
"""A header that says what is taken here has about 128."""
READERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
LARGEST_VALUES = {"u1": 255, "u2": 65_535}
"""What 1 is, of kinds of whole numbers; float32 is taken as it is."""
FLOAT = "f4"
GREY_AXES, CHANNEL_AXES = 2, 3


@dataclass(frozen=True, slots=True)
class ArrayHeader:
    """What the first bytes say, checked against the number of all. `kind` is a key of LARGEST_VALUES, or FLOAT."""

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
        """Return the array (H, W, C) in the bytes, which are not copied."""
        shape = (self.height, self.width, self.channels)
        flat = np.frombuffer(data, self._dtype, offset=self._offset)
        return flat.reshape(shape, order="F" if self._columns_first else "C")


def is_array(data: bytes) -> bool:
    """Whether the bytes begin as an array file does."""
    return data.startswith(MAGIC)


def array_header(data: bytes) -> ArrayHeader:
    """Read the header of an array file; no value is read and nothing of the array's size allocated.

    Raises:
        ValueError: no array, one of another kind or shape, or as many bytes as it says are not there.
    """
    shape, columns_first, dtype, offset = _header(data)
    kind = dtype.str[1:]
    if kind not in {*LARGEST_VALUES, FLOAT} or dtype.hasobject or dtype.subdtype is not None:
        raise ValueError(f"expected uint8, uint16 or float32; got {dtype}. Convert it with array.astype")
    channels = shape[2] if len(shape) == CHANNEL_AXES else 1
    if len(shape) not in {GREY_AXES, CHANNEL_AXES} or min(shape) < 1 or channels > MOST_CHANNELS:
        raise ValueError(
            f"expected an array (H, W) or (H, W, C) of 1 to {MOST_CHANNELS} channels; got {shape}. Channels come last"
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
    except Exception as error:  # numpy raises anything on hostile bytes
        raise ValueError("expected an array file as numpy.save writes it; its header cannot be read") from error
    return shape, columns_first, dtype, stream.tell()
