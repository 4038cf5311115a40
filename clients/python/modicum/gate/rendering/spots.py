"""The worst spot of a verdict on a page and in Markdown: what the model says, where the spot is, and its pictures.

GitHub removes data: addresses from Markdown, so there the words and the drawing of the place must suffice.
"""

from collections.abc import Iterator
from html import escape

from modicum.gate.rendering.words import Document
from modicum.gate.verdict import class_words

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
    title, text = escape(picture["title"]), escape(picture["text"])
    return (
        f'<figure><div><img src="{escape(picture["uri"])}" alt="{title}">{outline}</div>'
        f"<figcaption><b>{title}</b><br>{text}</figcaption></figure>"
    )


def drawn_place(spot: Document) -> Iterator[str]:
    """Yield the lines of a drawing of the canvas in which the cells that the spot touches are red."""
    height, width = spot["canvas"]["height"], spot["canvas"]["width"]
    side = max(height, width) / min(CELLS, max(height, width))
    for row in range(max(1, round(height / side))):
        cells = (
            _touches(spot, (row * side, (row + 1) * side), (column * side, (column + 1) * side))
            for column in range(max(1, round(width / side)))
        )
        yield "".join(SPOT if touched else ELSEWHERE for touched in cells)


def _touches(spot: Document, rows: tuple[float, float], columns: tuple[float, float]) -> bool:
    place, canvas = spot["place"], spot["canvas"]
    if place["kind"] == "RING":
        width = place["width"]
        inside = (width <= start and end <= side - width for (start, end), side in _sides(canvas, rows, columns))
        return not all(inside)
    top, left = place["top"], place["left"]
    below, beside = top + place["height"], left + place["width"]
    return bool(rows[0] < below and rows[1] > top and columns[0] < beside and columns[1] > left)


def _sides(
    canvas: Document, rows: tuple[float, float], columns: tuple[float, float]
) -> tuple[tuple[tuple[float, float], int], ...]:
    return (rows, canvas["height"]), (columns, canvas["width"])
