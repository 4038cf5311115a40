"""Pieces of HTML for cells of a notebook: texts, tables, outcomes, cards. Text is escaped here and nowhere else."""

from collections.abc import Iterable, Sequence
from html import escape

from modicum.gate.tones import Tone, tag_of
from modicum.resource_names import printable

#: Of shapes alone; text keeps the colour of the notebook. Each has a contrast of at least 3 to 1 on white and on black.
COLOURS = {Tone.BAD: "#d6453d", Tone.LOOK: "#b7791f", Tone.GOOD: "#2f8f52", Tone.OPEN: "#808080"}
#: A line that can be seen on light and on dark.
LINE = "1px solid #8886"
CELL = f"text-align:left;vertical-align:top;padding:.15em .8em .15em 0;border-bottom:{LINE}"
#: Colour and font are inherited explicitly: on a page without a doctype, tables do not inherit them by themselves.
TABLE = "color:inherit;font:inherit;border-collapse:collapse;margin:0 0 .6em"
#: Characters of a text; what is longer ends in three dots.
MOST_TEXT = 300
#: Bytes of a card.
MOST_BYTES = 100_000


def text(value: str, most: int = MOST_TEXT) -> str:
    """A text of a server or a user as HTML."""
    shown = printable(value[: most + 1])
    return escape(shown if len(shown) <= most else f"{shown[:most]}...")


def shape(sign: str, tone: Tone) -> str:
    """A shape in the colour of its tone."""
    return f'<span style="color:{COLOURS[tone]}" aria-hidden="true">{escape(sign)}</span>'


def outcome(name: str) -> str:
    """An outcome in words, behind its shape."""
    shown = tag_of(name)
    return f'<span style="white-space:nowrap">{shape(shown.shape, shown.tone)} {text(shown.text)}</span>'


def sentence(html: str) -> str:
    """What is read first."""
    return f'<p style="margin:0 0 .4em"><strong>{html}</strong></p>'


def paragraph(html: str) -> str:
    """Some prose."""
    return f'<p style="margin:0 0 .4em">{html}</p>'


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells in HTML."""
    head = "".join(f'<th scope="col" style="{CELL}">{text(one)}</th>' for one in heads)
    body = "".join("<tr>" + "".join(f'<td style="{CELL}">{one}</td>' for one in row) + "</tr>" for row in rows)
    return f'<table style="{TABLE}"><tr>{head}</tr>{body}</table>'


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    """A table of names and what they are, in text; pairs without a text are left out."""
    rows = "".join(
        f'<tr><th scope="row" style="{CELL};font-weight:normal;opacity:.75">{text(name)}</th>'
        f'<td style="{CELL}">{text(value)}</td></tr>'
        for name, value in pairs
        if value
    )
    return f'<table style="{TABLE}">{rows}</table>'


def card(parts: Iterable[str], rest: str) -> str:
    """Parts below each other, as many as fit into the bytes of a card. `rest` says where the others are."""
    shown, size, left_out = [], 0, 0
    for part in parts:
        size += len(part.encode())
        if size > MOST_BYTES:
            left_out += 1
        else:
            shown.append(part)
    if left_out:
        shown.append(paragraph(f"More than fits here: {escape(rest)}"))
    return f'<div style="color:inherit;background:transparent;line-height:1.4">{"".join(shown)}</div>'
