"""Images as arrays in .npy files: 1 to 64 channels, 8 or 16 bits, or floating point.

An image is (H, W) or (H, W, C): channels come last. The header is written here, so that equal arrays give equal bytes,
and equal digests, whatever numpy is installed (NumPy enhancement proposal 1, version 1.0 of the format). The server
checks all values. The client reads those of a few arrays before it uploads any.
"""

import io
import struct
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from modicum.errors import InvalidSource
from modicum.sources.files import File

SUFFIX = ".npy"
MAGIC = b"\x93NUMPY\x01\x00"
ALIGNMENT_BYTES = 64
MOST_CHANNELS = 64
KINDS = ("uint8", "uint16", "float32")
FLOAT = "float32"
BOUNDS_SLACK = 1e-5
"""A float may leave the bounds by this share of their distance, as in the searches."""
EXPECTED = f"uint8, uint16 or float32 of shape (H, W) or (H, W, C) with 1 to {MOST_CHANNELS} channels, which come last"
PICTURE_CHANNELS = frozenset({1, 3})
GREY_AXES, CHANNEL_AXES = 2, 3


def encoded(image: NDArray[Any]) -> bytes:
    """The bytes of a .npy file with the image, in little-endian values, row by row."""
    values = np.ascontiguousarray(image, dtype=image.dtype.newbyteorder("<"))
    header_text = f"{{'descr': '{values.dtype.str}', 'fortran_order': False, 'shape': {values.shape}, }}"
    padding = -(len(MAGIC) + 2 + len(header_text) + 1) % ALIGNMENT_BYTES
    header = (header_text + " " * padding + "\n").encode("ascii")
    return MAGIC + struct.pack("<H", len(header)) + header + values.tobytes()


def channels_of(shape: tuple[int, ...], dtype: np.dtype[Any]) -> int | None:
    """Number of channels of an image of that shape and type; None if it is not an image.

    A shape of 1 or 3 rows and many channels is refused: its channels come first.
    """
    channels = shape[2] if len(shape) == CHANNEL_AXES else 1
    turned = len(shape) == CHANNEL_AXES and shape[0] in PICTURE_CHANNELS and channels not in PICTURE_CHANNELS
    fits = len(shape) in {GREY_AXES, CHANNEL_AXES} and min(shape) >= 1 and channels <= MOST_CHANNELS
    return channels if fits and not turned and dtype.name in KINDS else None


def file_channels(file: File) -> int | None:
    """Number of channels of the image in a .npy file, from its header. None if the header cannot be read.

    An unreadable image becomes a finding with a reason on the server.

    Raises:
        InvalidSource: the array is not an image.
    """
    try:
        with file.open() as stream:
            shape, dtype = header_of(stream)
    except (OSError, ValueError, KeyError, SyntaxError, TypeError, EOFError, RecursionError, MemoryError):
        return None
    channels = channels_of(shape, dtype)
    if channels is None:
        raise InvalidSource(f"{file.where}: expected {EXPECTED}; got {dtype} of shape {shape}")
    return channels


def header_of(stream: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and type of the array in a .npy file. The stream is then at its values.

    Raises:
        Exception: the header cannot be read.
    """
    read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}[npy.read_magic(stream)]
    shape, _, dtype = read(stream)
    return shape, dtype


def decoded(data: bytes) -> NDArray[Any]:
    """The image (H, W, C) in the bytes of a .npy file.

    Raises:
        Exception: the bytes cannot be read.
    """
    values: NDArray[Any] = np.load(io.BytesIO(data), allow_pickle=False)
    return values[:, :, None] if values.ndim == GREY_AXES else values


def float_values(file: File) -> NDArray[np.float32] | None:
    """The values of an array of float32 in a .npy file. None for another type, or a file that cannot be read."""
    try:
        with file.open() as stream:
            _, dtype = header_of(stream)
            return np.frombuffer(stream.read(), dtype) if dtype.name == FLOAT else None
    except (OSError, ValueError, KeyError, SyntaxError, TypeError, EOFError, RecursionError, MemoryError):
        return None
