"""Pieces of SVG. A picture brings its own white ground, so that it can be read on a dark page."""

from collections.abc import Iterable
from html import escape

INK, QUIET, LINE, GROUND = "#1c1b19", "#6b675f", "#8a867d", "#ffffff"


def picture(width: int, height: int, title: str, parts: Iterable[str]) -> str:
    """A whole picture; the title is what a screen reader says."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" font-family="Helvetica, Arial, sans-serif">\n<title>{escape(title)}</title>\n'
        '<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path d="M0 0 L10 5 L0 10 z" fill="{LINE}"/></marker></defs>\n'
        f'<rect width="{width}" height="{height}" fill="{GROUND}"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def box(x: float, y: float, width: float, height: float, *, fill: str) -> str:
    """A box with round corners."""
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="5" fill="{fill}" stroke="{LINE}" '
        'stroke-width="0.8"/>'
    )


def text(
    x: float, y: float, words: str, *, size: int = 13, bold: bool = False, anchor: str = "middle", colour: str = INK
) -> str:
    """A line of text."""
    weight = ' font-weight="bold"' if bold else ""
    return (
        f'<text x="{x:g}" y="{y:g}" font-size="{size}" text-anchor="{anchor}" fill="{colour}"{weight}>'
        f"{escape(words)}</text>"
    )


def arrow(x1: float, y1: float, x2: float, y2: float) -> str:
    """A line with a tip at its end."""
    ends = f'x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}"'
    return f'<line {ends} stroke="{LINE}" stroke-width="1.4" marker-end="url(#tip)"/>'


def line(x1: float, y1: float, x2: float, y2: float) -> str:
    """A thin broken line."""
    ends = f'x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}"'
    return f'<line {ends} stroke="{LINE}" stroke-width="0.8" stroke-dasharray="3 4"/>'
