"""Arrays as .npy files, for images that are no pictures: any number of channels, 16 bits, floating point.

An image is (H, W) or (H, W, C): channels come last. The header is written here, so that equal arrays give equal bytes
whatever numpy is installed, and so equal digests (NumPy enhancement proposal 1, version 1.0 of the format). Never
reads a value: what is wrong in the values, only the server can tell.
"""

import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from modicum.errors import InvalidSource
from modicum.sources.contents import require_file

SUFFIX = ".npy"
MAGIC = b"\x93NUMPY\x01\x00"
ALIGNMENT_BYTES = 64
MOST_CHANNELS = 64
KINDS = ("uint8", "uint16", "float32")
EXPECTED = f"uint8, uint16 or float32 of shape (H, W) or (H, W, C) with 1 to {MOST_CHANNELS} channels, which come last"
PICTURE_CHANNELS = frozenset({1, 3})
GREY_AXES, CHANNEL_AXES = 2, 3


def encoded(image: NDArray[Any]) -> bytes:
    """The .npy file of an image; it holds little-endian values, row by row."""
    values = np.ascontiguousarray(image, dtype=image.dtype.newbyteorder("<"))
    said = f"{{'descr': '{values.dtype.str}', 'fortran_order': False, 'shape': {values.shape}, }}"
    padding = -(len(MAGIC) + 2 + len(said) + 1) % ALIGNMENT_BYTES
    header = (said + " " * padding + "\n").encode("ascii")
    return MAGIC + struct.pack("<H", len(header)) + header + values.tobytes()


def channels_of(shape: tuple[int, ...], dtype: np.dtype[Any]) -> int | None:
    """Channels of an image of that shape and kind; None if it is none.

    An image of 1 or 3 rows and many channels is none: its channels stand first.
    """
    channels = shape[2] if len(shape) == CHANNEL_AXES else 1
    turned = len(shape) == CHANNEL_AXES and shape[0] in PICTURE_CHANNELS and channels not in PICTURE_CHANNELS
    fits = len(shape) in {GREY_AXES, CHANNEL_AXES} and min(shape) >= 1 and channels <= MOST_CHANNELS
    return channels if fits and not turned and dtype.name in KINDS else None


def file_channels(path: Path) -> int | None:
    """Channels of the image in a .npy file, by its header alone; None where that cannot be read: the server will say.

    Raises:
        InvalidSource: it says something else than an image, or is no file.
    """
    require_file(path)
    try:
        with path.open("rb") as stream:
            read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}[npy.read_magic(stream)]
            shape, _, dtype = read(stream)
    except (OSError, ValueError, KeyError, SyntaxError, TypeError, EOFError, RecursionError, MemoryError):
        return None
    channels = channels_of(shape, dtype)
    if channels is None:
        raise InvalidSource(f"{path}: expected {EXPECTED}; got {dtype} of shape {shape}")
    return channels
