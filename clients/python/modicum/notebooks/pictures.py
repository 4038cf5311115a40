"""Masks and photographs as small pictures within HTML. Nothing is fetched for a picture."""

import struct
import zlib
from base64 import b64encode
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from modicum.notebooks.markup import LINE, text
from modicum.sources import png

if TYPE_CHECKING:
    from modicum.findings import Finding, Subset

#: Bytes of one mask before base64. That of a canvas of 224 pixels takes about 2 KB.
MOST_PICTURE_BYTES = 8_000
#: The same of a photograph, of which a card has two at most.
MOST_PHOTOGRAPH_BYTES = 34_000
#: Pixels of the screen that the longer side of a picture takes.
SIDE = 112
#: Of pixels that are not kept, in 0 to 255.
GREY = 128
#: Filters of a line of PNG (its specification, section 9.2).
NO_FILTER, DIFFERENCE_FROM_LEFT = 0, 1


def mask_png(subset: "Subset") -> bytes:
    """The mask of a subset as PNG, a bit a pixel: white is kept, black is masked."""
    return _png(np.packbits(subset.mask, axis=1), (subset.width, subset.height, 1, 0), NO_FILTER)


def photograph_png(pixels: NDArray[np.uint8]) -> bytes:
    """A picture (H, W, 1 or 3) as PNG."""
    height, width, channels = pixels.shape
    left = np.pad(pixels, ((0, 0), (1, 0), (0, 0)))[:, :-1]
    lines = (pixels - left).reshape(height, width * channels)  # modulo 256, as the filter has it
    return _png(lines, (width, height, 8, png.COLOUR_TYPES[channels]), DIFFERENCE_FROM_LEFT)


def kept(pixels: NDArray[np.uint8], subset: "Subset") -> NDArray[np.uint8]:
    """The picture (H, W, C) with every pixel grey that the subset does not keep."""
    masked: NDArray[np.uint8] = np.where(subset.mask[:, :, np.newaxis], pixels, np.uint8(GREY))
    return masked


def picture(subset: "Subset", caption: str) -> str:
    """The mask in HTML above its caption; empty where the picture is large."""
    return _figure(mask_png(subset), subset, caption, f"the mask: {_kept_text(subset)}", most=MOST_PICTURE_BYTES)


def pictures(finding: "Finding") -> str:
    """The photograph of a finding with a subset, and what is kept of it; its mask where there is no photograph.

    The photograph is made smaller where it has more pixels than are shown. What is large is left out.
    """
    assert finding.subset is not None
    mask = picture(finding.subset, "White pixels are kept.")
    if finding.picture is None:
        return mask
    subset, most = finding.subset, MOST_PHOTOGRAPH_BYTES
    whole = _figure(photograph_png(_smaller(finding.picture)), subset, "The image.", "the photograph", most=most)
    data = photograph_png(kept(finding.picture, subset))
    rest = _figure(data, subset, "All that is not kept is grey.", f"the subset: {_kept_text(subset)}", most=most)
    return whole + (rest or mask)


def _figure(data: bytes, subset: "Subset", caption: str, alternative: str, *, most: int) -> str:
    """A PNG in HTML above its caption, in the shape of the canvas; empty where it has more bytes than `most`."""
    if len(data) > most:
        return ""
    scale = SIDE / max(subset.height, subset.width)
    width, height = max(1, round(scale * subset.width)), max(1, round(scale * subset.height))
    address = f"data:image/png;base64,{b64encode(data).decode()}"
    return (
        '<figure style="display:inline-block;vertical-align:top;margin:0 .8em .6em 0;width:9em">'
        f'<img src="{address}" width="{width}" height="{height}" alt="{alternative}"'
        f' style="image-rendering:pixelated;border:{LINE}">'
        f'<figcaption style="font-size:.85em;overflow-wrap:anywhere">{text(caption)}</figcaption></figure>'
    )


def _kept_text(subset: "Subset") -> str:
    return f"{subset.size} of {subset.height * subset.width} pixels are kept"


def _smaller(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture by means of squares of pixels, so that its longer side has at most `SIDE`; what is left is cut."""
    height, width, channels = pixels.shape
    side = max(1, -(-max(height, width) // SIDE))
    side = min(side, height, width)
    squares = pixels[: height // side * side, : width // side * side].reshape(
        height // side, side, width // side, side, channels
    )
    means: NDArray[np.uint8] = np.rint(squares.mean(axis=(1, 3))).astype(np.uint8)
    return means


def _png(lines: NDArray[np.uint8], header: tuple[int, int, int, int], kind: int) -> bytes:
    """PNG of bytes (H, bytes a line) that are filtered. `header` is width, height, bits and the type of colour."""
    filtered = np.pad(lines, ((0, 0), (1, 0)), constant_values=((0, 0), (kind, 0)))
    begin = struct.pack(">IIBBBBB", *header, 0, 0, 0)
    data = zlib.compress(filtered.astype(np.uint8).tobytes(), 9)
    return png.SIGNATURE + b"".join((_chunk(b"IHDR", begin), _chunk(b"IDAT", data), _chunk(b"IEND", b"")))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
