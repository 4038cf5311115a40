"""A finding in a notebook: what suffices in a sentence, its mask, and what else is known of it. Needs no model."""

from base64 import b64encode
from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING

from modicum_sis.errors import SisError
from modicum_sis.plots import mask_png, pixels_text

if TYPE_CHECKING:
    from modicum_sis.findings import Finding, Subset

MOST_PICTURE_BYTES = 60_000
"""Of the mask before base64. That of a canvas of 224 pixels takes about 10 KB."""
MOST_NAME = 300
"""Characters of an image's name."""
SIDE = 112
"""Pixels of the screen that the longer side of a mask takes."""
CELL = 'style="text-align:left;padding:.15em .8em .15em 0"'


def finding_line(finding: "Finding") -> str:
    """What suffices, in one line: image 0: 12 of 784 pixels (1.53%) suffice: confidence 0.91 in class 3."""
    if finding.subset is None:
        return f"image {finding.index}: no subset: {finding.reason}"
    reached = "" if finding.verified_confidence is None else f": confidence {finding.verified_confidence:.2f}"
    return f"image {finding.index}: {pixels_text(finding.subset)} suffice{reached} in class {finding.target_class}"


def finding_card(finding: "Finding") -> str:
    """The card of a finding as HTML. It runs no script and loads nothing."""
    mask = "" if finding.subset is None else _mask(finding.subset)
    rows = "".join(f"<tr><th {CELL}>{name}</th><td {CELL}>{escape(text)}</td></tr>" for name, text in _facts(finding))
    return f"<div><p><strong>{escape(finding_line(finding))}</strong></p>{mask}<table>{rows}</table></div>"


def _mask(subset: "Subset") -> str:
    try:
        data = mask_png(subset)
    except SisError as missing:
        return f"<p>{escape(str(missing))}</p>"
    if len(data) > MOST_PICTURE_BYTES:
        return "<p>The mask is too large for this card: finding.plot() draws it.</p>"
    height, width = subset.mask.shape
    scale = SIDE / max(height, width)
    size = f'width="{max(1, round(scale * width))}" height="{max(1, round(scale * height))}"'
    address = f"data:image/png;base64,{b64encode(data).decode()}"
    return (
        f'<p><img src="{address}" {size} alt="the mask: {pixels_text(subset)}"'
        ' style="image-rendering:pixelated;border:1px solid #8886"> White pixels are kept.</p>'
    )


def _facts(finding: "Finding") -> Iterator[tuple[str, str]]:
    yield "name", finding.digest if len(finding.digest) <= MOST_NAME else f"{finding.digest[:MOST_NAME]}..."
    yield "predicted class", str(finding.predicted_class)
    yield "confidence on the whole image", f"{finding.confidence:.2f}"
    if finding.subset is not None:
        yield "subset size", f"{finding.subset.size:,} pixels"
        yield "subset fraction", f"{finding.subset.fraction:.2%} of the pixels"
    if finding.verified_confidence is not None:
        yield "confidence on the subset alone", f"{finding.verified_confidence:.2f}"
    if finding.baseline_confident:
        yield "bare fill", "suffices alone"
    if finding.budget_exhausted:
        yield "budget", "spent before the search ended"
    yield "passes", f"{finding.passes.forward:,} forward, {finding.passes.backward:,} backward"
