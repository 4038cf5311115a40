"""The worst spot of a verdict on a page and in Markdown: what the model says, where the spot is, and its pictures.

GitHub removes data: addresses from Markdown, so there the words and the drawing of the place must suffice.
"""

from base64 import b64decode
from collections.abc import Iterator
from html import escape
from math import ceil, floor

import numpy as np
from numpy.typing import NDArray

from modicum.gate.rendering.words import Document
from modicum.gate.verdict import class_words
from modicum.resource_names import printable

CELLS = 16
"""Cells of the longer side of the drawing."""
SPOT, ELSEWHERE = "🟥", "⬜"


def spot_title(spot: Document) -> str:
    """Return what is shown, as a heading."""
    return f"The worst spot, for {class_words(spot['subject'])} ({spot['outcome']})"


def spot_figures(spot: Document) -> str:
    """Return the pictures in HTML, each with what the model says."""
    return f'<div class="spot">{"".join(_figure(spot, picture) for picture in spot["pictures"])}</div>'


def _figure(spot: Document, picture: Document) -> str:
    box = f"0 0 {spot['canvas']['width']:d} {spot['canvas']['height']:d}"
    outline = f'<svg viewBox="{box}" aria-hidden="true"><path d="{escape(spot["outline"])}"/></svg>'
    title, text = escape(printable(picture["title"])), escape(printable(picture["text"]))
    return (
        f'<figure><div><img src="{escape(picture["uri"])}" alt="{title}">{outline}</div>'
        f"<figcaption><b>{title}</b><br>{text}</figcaption></figure>"
    )


def drawn_place(spot: Document) -> Iterator[str]:
    """Yield the lines of a drawing of the canvas in which the cells that the spot touches are red."""
    region = _region(spot["place"], spot["canvas"])
    height, width = region.shape
    side = max(height, width) / min(CELLS, max(height, width))
    for row in range(max(1, round(height / side))):
        line = region[floor(row * side) : ceil((row + 1) * side)]
        cells = (
            line[:, floor(column * side) : ceil((column + 1) * side)] for column in range(max(1, round(width / side)))
        )
        yield "".join(SPOT if cell.any() else ELSEWHERE for cell in cells)


def _region(place: Document, canvas: Document) -> NDArray[np.bool_]:
    """The pixels of a place (H, W)."""
    region = np.zeros((canvas["height"], canvas["width"]), dtype=np.bool_)
    if place["kind"] == "RING":
        ring = place["width"]
        region[:] = True
        region[ring : region.shape[0] - ring, ring : region.shape[1] - ring] = False
        return region
    held = region[place["top"] : place["top"] + place["height"], place["left"] : place["left"] + place["width"]]
    held[:] = _mask(place)[: held.shape[0], : held.shape[1]] if "pixels" in place else True
    return region


def _mask(place: Document) -> NDArray[np.bool_]:
    """Which pixels of its window a pattern has (height, width)."""
    packed, count = np.frombuffer(b64decode(place["pixels"]), np.uint8), place["height"] * place["width"]
    return np.unpackbits(packed, count=count).astype(np.bool_).reshape(place["height"], place["width"])
