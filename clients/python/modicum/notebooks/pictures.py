"""A mask as a small picture within HTML. Photographs are on the server, and none is fetched for a picture."""

import struct
import zlib
from base64 import b64encode
from typing import TYPE_CHECKING

import numpy as np

from modicum.notebooks.markup import LINE, text

if TYPE_CHECKING:
    from modicum.findings import Subset

#: Bytes of one picture before base64. The mask of a canvas of 224 pixels takes about 2 KB.
MOST_PICTURE_BYTES = 8_000
#: Pixels of the screen that the longer side of a picture takes.
SIDE = 112
SIGNATURE = b"\x89PNG\r\n\x1a\n"


def mask_png(subset: "Subset") -> bytes:
    """The mask of a subset as PNG, a bit a pixel: white is kept, black is masked."""
    lines = np.packbits(subset.mask, axis=1)
    filtered = np.pad(lines, ((0, 0), (1, 0)))  # each line begins with its filter: none
    header = struct.pack(">IIBBBBB", subset.width, subset.height, 1, 0, 0, 0, 0)  # 1 bit, grey
    data = zlib.compress(filtered.astype(np.uint8).tobytes(), 9)
    return SIGNATURE + b"".join((_chunk(b"IHDR", header), _chunk(b"IDAT", data), _chunk(b"IEND", b"")))


def picture(subset: "Subset", caption: str) -> str:
    """The mask in HTML above its caption; empty where the picture is large."""
    data = mask_png(subset)
    if len(data) > MOST_PICTURE_BYTES:
        return ""
    scale = SIDE / max(subset.height, subset.width)
    width, height = max(1, round(scale * subset.width)), max(1, round(scale * subset.height))
    address = f"data:image/png;base64,{b64encode(data).decode()}"
    alternative = f"the mask: {subset.size} of {subset.height * subset.width} pixels are kept"
    return (
        '<figure style="display:inline-block;vertical-align:top;margin:0 .8em .6em 0;width:9em">'
        f'<img src="{address}" width="{width}" height="{height}" alt="{alternative}"'
        f' style="image-rendering:pixelated;border:{LINE}">'
        f'<figcaption style="font-size:.85em">{text(caption)}</figcaption></figure>'
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
