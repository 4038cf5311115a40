"""Text at a width: lines end between words, so that no number is broken, and what does not fit is cut between words."""

import re

from rich.cells import cell_len

#: A word and what is before it.
PIECE = re.compile(r"\s*\S+")
CUT = " …"


def wrapped(text: str, width: int) -> list[str]:
    """The lines of `text` at `width` columns, indented as it is. No word is broken, and so no number."""
    lines = []
    for line in text.split("\n"):
        indent = line[: len(line) - len(line.lstrip())]
        begun = ""
        for piece in PIECE.findall(line):
            if begun and cell_len(begun + piece) > width:
                lines.append(begun)
                begun = indent + piece.lstrip()
            else:
                begun += piece
        lines.append(begun)
    return lines


def rows_of(text: str, width: int) -> int:
    """How many rows of a terminal the text takes. A word that is too long takes several."""
    return sum(max(1, -(-cell_len(line) // width)) for line in wrapped(text, width))


def cut(text: str, width: int, rows: int) -> str:
    """The first words of a text that take so many rows at most, with a mark where some are missing; at least one."""
    if rows_of(text, width) <= rows:
        return text
    first, *pieces = PIECE.findall(text)
    kept = str(first)
    for piece in pieces:
        if rows_of(kept + piece + CUT, width) > rows:
            break
        kept += piece
    return kept + CUT
